package caddymodule

import (
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
	"github.com/regrant/regrant/upstream/kratos"
)

func init() {
	caddy.RegisterModule(Kratos{})
}

// Kratos is an Ory Kratos, version 1.3 or newer. Its admin API has no password of
// its own: whoever reaches it has every account, so it must be reachable by the
// gateway alone.
type Kratos struct {
	UpstreamTerms

	// The base URL at which the gateway reaches Kratos' public API itself, for
	// example `http://127.0.0.1:4433`. Required.
	URL string `json:"url,omitempty"`

	// The base URL of Kratos' admin API, for example `http://127.0.0.1:4434`.
	// Required.
	Admin string `json:"admin,omitempty"`

	// The path below which people reach the public API through the gateway: that
	// of `serve.public.base_url` in Kratos. Default: none.
	BasePath string `json:"base_path,omitempty"`

	// The path of the page to which Kratos sends people for a recovery
	// (`selfservice.flows.recovery.ui_url`): with `strict`, whoever comes there is
	// led to the gateway. Default: there is none at this site.
	RecoveryUI string `json:"recovery_ui,omitempty"`

	// The base URL of the admin API of an Ory Hydra whose login app this Kratos is,
	// for example `http://127.0.0.1:4445`: where sessions end, what people have
	// opened at applications through Hydra ends too. Default: there is none.
	Hydra string `json:"hydra,omitempty"`

	// That programs get session tokens of Kratos for a recovery. Kratos needs
	// `feature_flags.use_continue_with_transitions: true` for it. Default: off,
	// and a program's recovery ends in a browser.
	SessionTokens bool `json:"session_tokens,omitempty"`

	// `strict`: accounts are recovered through the gateway only, Kratos' own
	// recovery is led here or refused. `assist`: Kratos' own stays beside it.
	// Default: `strict`.
	Mode string `json:"mode,omitempty"`

	// What makes an identity count as privileged; privileged ones are not
	// recovered. Default: nothing, since Kratos gives no identity power over
	// others; what an application gives it must be told here.
	Privileged []*KratosMark `json:"privileged,omitempty"`

	// The certificate authorities trusted for HTTPS to Kratos. Default: those of
	// the system.
	CARaw json.RawMessage `json:"ca,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	pool *trustPool
}

// KratosMark is something by which identities are told apart.
type KratosMark struct {
	// A JSON Pointer into the identity as the admin API shows it, such as
	// `/traits/role` or `/metadata_admin/roles`. Required.
	Pointer string `json:"pointer,omitempty"`

	// The values, of which one is there, alone or in a list. Required.
	Values []string `json:"values,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Kratos) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.upstreams.kratos",
		New: func() caddy.Module { return new(Kratos) },
	}
}

// Provision fills in defaults and checks the values. It calls nobody.
func (k *Kratos) Provision(ctx caddy.Context) (err error) {
	if err := firstError(k.expand(), expand(&k.URL, &k.Admin, &k.Hydra, &k.BasePath, &k.RecoveryUI, &k.Mode)); err != nil {
		return err
	}
	if err := k.check(); err != nil {
		return err
	}
	if k.Mode == "" {
		k.Mode = modeStrict
	}
	k.pool, err = loadTrustPool(ctx, k, "CARaw", k.CARaw)
	return err
}

// UnmarshalCaddyfile sets up the upstream. Syntax:
//
//	upstream kratos <url> {
//		name           <name>
//		issuer         <origin> [<path>]
//		path           <path>
//		admin          <url>
//		hydra          <url>
//		base_path      <path>
//		recovery_ui    <path>
//		session_tokens
//		mode           strict|assist
//		privileged     <json pointer> <values...>
//		trust_pool     <module> ...
//	}
func (k *Kratos) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return k.unmarshal(d, &k.URL, k.unmarshalOption, k.checkValues, k.check)
}

func (k *Kratos) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "admin":
		return readOnce(d, &k.Admin)
	case "hydra":
		return readOnce(d, &k.Hydra)
	case "base_path":
		return readOnce(d, &k.BasePath)
	case "recovery_ui":
		return readOnce(d, &k.RecoveryUI)
	case "session_tokens":
		return readFlag(d, &k.SessionTokens)
	case "mode":
		return readOnce(d, &k.Mode)
	case "privileged":
		words := d.RemainingArgs()
		if len(words) < 2 {
			return d.Err("privileged wants a JSON Pointer and values: write for example 'privileged /traits/role admin owner'")
		}
		k.Privileged = append(k.Privileged, &KratosMark{Pointer: words[0], Values: words[1:]})
		return nil
	case "trust_pool":
		return unmarshalTrustPool(d, &k.CARaw)
	default:
		return unknown(d, "name", "issuer", "path", "admin", "hydra", "base_path", "recovery_ui", "session_tokens", "mode", "privileged", "trust_pool")
	}
}

// checkValues checks the values that are given.
func (k *Kratos) checkValues() error {
	return firstError(k.checkTerms(), checkOneOf("mode", k.Mode, modeStrict, modeAssist), checkURL("upstream", k.URL), checkURL("admin", k.Admin), checkURL("hydra", k.Hydra))
}

// check checks the whole.
func (k *Kratos) check() error {
	switch {
	case k.URL == "":
		return errors.New("the URL of upstream kratos is missing: write 'upstream kratos http://127.0.0.1:4433 { ... }'")
	case k.Admin == "":
		return errors.New("admin is missing: write 'admin http://127.0.0.1:4434' in upstream kratos, the address of Kratos' admin API")
	}
	if err := k.checkValues(); err != nil || hasPlaceholder(k.URL+k.Admin+k.Hydra+k.BasePath+k.RecoveryUI) {
		return err
	}
	// The adapter knows best what it can work with. Making one calls nobody.
	_, err := k.adapter("https://gateway.invalid", "https://gateway.invalid/recovery")
	return err
}

func (k *Kratos) name() string { return cmp.Or(k.Name, "kratos") }

func (k *Kratos) adapter(origin, issuer string) (upstream.Adapter, error) {
	cfg := k.config(origin, issuer)
	if k.Hydra != "" {
		var err error
		if cfg.Hydra, err = hydra.NewAdmin(k.Hydra, cfg.HTTPClient); err != nil {
			return nil, err
		}
	}
	return kratos.New(cfg)
}

func (k *Kratos) config(origin, issuer string) kratos.Config {
	cfg := kratos.Config{
		URL:        k.URL,
		AdminURL:   k.Admin,
		PublicURL:  origin + k.BasePath,
		EntryURL:   issuer,
		RecoveryUI: k.RecoveryUI,
		Programs:   k.SessionTokens,
		Strict:     k.Mode != modeAssist,
		HTTPClient: httpClient(k.pool.tlsConfig()),
		Clock:      time.Now,
	}
	for _, m := range k.Privileged {
		cfg.Privileged = append(cfg.Privileged, kratos.Mark{Pointer: m.Pointer, Values: m.Values})
	}
	return cfg
}

// brokerClient is none: Kratos makes its sessions itself.
func (k *Kratos) brokerClient() Client { return Client{} }

func (k *Kratos) described() described {
	return described{
		provider: doctor.Provider{
			Kind: "kratos", URL: k.URL, AdminURL: k.Admin, HydraURL: k.Hydra, BasePath: k.BasePath,
			RecoveryUI: k.RecoveryUI, SessionTokens: k.SessionTokens,
		},
		assist: k.Mode == modeAssist,
	}
}

func (k *Kratos) warnings() []string {
	warnings := plaintextWarning(k.URL, "the recovery codes that the gateway redeems, and people's sessions")
	warnings = append(warnings, plaintextWarning(k.Admin, "every account")...)
	if k.Hydra != "" {
		warnings = append(warnings, plaintextWarning(k.Hydra, "every login")...)
	}
	return warnings
}

var (
	_ Upstream              = (*Kratos)(nil)
	_ caddy.Provisioner     = (*Kratos)(nil)
	_ caddyfile.Unmarshaler = (*Kratos)(nil)
)
