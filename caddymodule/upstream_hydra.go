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
)

func init() {
	caddy.RegisterModule(Hydra{})
}

// Hydra is an Ory Hydra, version 2.3, with a login app of the operator's own; where
// Kratos is the login app, the upstream is `kratos` with its option `hydra`. A
// recovery ends in the login of the application that the person came from. Accounts
// are named by the subject that the login app gives to Hydra. Hydra's admin API has
// no password of its own: whoever reaches it can sign in as anybody, so it must be
// reachable by the gateway and the login app alone.
type Hydra struct {
	UpstreamTerms

	// The base URL at which the gateway reaches Hydra's public API itself, for
	// example `http://127.0.0.1:4444`. Required.
	URL string `json:"url,omitempty"`

	// The base URL of Hydra's admin API, for example `http://127.0.0.1:4445`.
	// Required.
	Admin string `json:"admin,omitempty"`

	// The client of Hydra's under which people sign in to see and change their
	// recovery methods, with redirect URI `{issuer}/login/callback`. Required.
	Client *Client `json:"client,omitempty"`

	// The confidential client of Hydra's to which programs are given access tokens
	// (grant type `urn:ietf:params:oauth:grant-type:jwt-bearer`). Default: a
	// program's recovery ends in a browser.
	UpstreamGrant *HydraGrant `json:"upstream_grant,omitempty"`

	// The path below which people reach the public API through the gateway: that
	// of `urls.self.public` in Hydra. Default: none.
	BasePath string `json:"base_path,omitempty"`

	// What Hydra calls itself, `urls.self.issuer`, where that is not the address
	// of its public API. A slash at its end counts.
	HydraIssuer string `json:"hydra_issuer,omitempty"`

	// The path of the login app's page for people who forgot their password:
	// whoever comes there is led to the gateway. Default: there is none at this
	// site, and the login app itself links to the gateway, with the parameter
	// `login_challenge` that it got.
	RecoveryUI string `json:"recovery_ui,omitempty"`

	// Accept that every subject counts as an ordinary account, since nobody can be
	// asked. Default: every account counts as privileged, and none is recovered.
	AssumeUnprivileged *Exception `json:"assume_unprivileged,omitempty"`

	// What the authentication context classes (`acr`) with which the login app
	// accepts logins prove, by class. A sign-in of a class that is not here proves
	// what its methods (`amr`) add up to, and one factor if it names none. What a
	// person may enrol depends on it.
	ACR signIns `json:"acr,omitempty"`

	// The certificate authorities trusted for HTTPS to Hydra. Default: those of
	// the system.
	CARaw json.RawMessage `json:"ca,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	pool *trustPool
}

// HydraGrant is a client and what its tokens are good for.
type HydraGrant struct {
	Client

	// The scope of the tokens, at least one; Hydra holds it against no scope of the
	// client's.
	Scope []string `json:"scope,omitempty"`
}

// readHydraGrant reads '<id> <secret> <scope...>'.
func readHydraGrant(d *caddyfile.Dispenser, g **HydraGrant) error {
	if *g != nil {
		return twice(d)
	}
	words := d.RemainingArgs()
	if len(words) < 3 {
		return d.Err("upstream_grant wants a client and a scope: write for example 'upstream_grant regrant-programs {file./etc/regrant/programs.secret} orders:read'")
	}
	*g = &HydraGrant{Client: Client{ID: words[0], Secret: words[1]}, Scope: words[2:]}
	return nil
}

// client is that of a grant that may be missing.
func (g *HydraGrant) client() *Client {
	if g == nil {
		return nil
	}
	return &g.Client
}

func (g *HydraGrant) expand() error {
	if g == nil {
		return nil
	}
	return firstError(g.Client.expand(), expandAll(g.Scope))
}

// check checks the values of a grant that may be missing.
func (g *HydraGrant) check() error {
	if g == nil {
		return nil
	}
	if g.Secret == "" || len(g.Scope) == 0 {
		return errors.New("upstream_grant wants a secret and a scope: write 'upstream_grant ID SECRET SCOPE' in upstream hydra")
	}
	return g.Client.check("upstream_grant")
}

// CaddyModule returns the Caddy module information.
func (Hydra) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.upstreams.hydra",
		New: func() caddy.Module { return new(Hydra) },
	}
}

// Provision checks the values. It calls nobody.
func (h *Hydra) Provision(ctx caddy.Context) (err error) {
	if err := firstError(h.expand(), expand(&h.URL, &h.Admin, &h.BasePath, &h.HydraIssuer, &h.RecoveryUI), h.Client.expand(), h.UpstreamGrant.expand(), h.AssumeUnprivileged.expand()); err != nil {
		return err
	}
	if err := h.check(); err != nil {
		return err
	}
	h.pool, err = loadTrustPool(ctx, h, "CARaw", h.CARaw)
	return err
}

// UnmarshalCaddyfile sets up the upstream. Syntax:
//
//	upstream hydra <url> {
//		name                <name>
//		issuer              <origin> [<path>]
//		path                <path>
//		admin               <url>
//		client              <id> <secret>
//		upstream_grant      <client id> <secret> <scope...>
//		base_path           <path>
//		hydra_issuer        <url>
//		recovery_ui         <path>
//		assume_unprivileged risk_analysis <reference>
//		acr                 <class> aal1|aal2|aal3 [phishing_resistant]
//		trust_pool          <module> ...
//	}
func (h *Hydra) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return h.unmarshal(d, &h.URL, h.unmarshalOption, h.checkValues, h.check)
}

func (h *Hydra) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "admin":
		return readOnce(d, &h.Admin)
	case "client":
		return readClient(d, &h.Client)
	case "upstream_grant":
		return readHydraGrant(d, &h.UpstreamGrant)
	case "base_path":
		return readOnce(d, &h.BasePath)
	case "hydra_issuer":
		return readOnce(d, &h.HydraIssuer)
	case "recovery_ui":
		return readOnce(d, &h.RecoveryUI)
	case "assume_unprivileged":
		return readAssumption(d, &h.AssumeUnprivileged)
	case "acr":
		return h.ACR.unmarshal(d)
	case "trust_pool":
		return unmarshalTrustPool(d, &h.CARaw)
	default:
		return unknown(d, "name", "issuer", "path", "admin", "client", "upstream_grant", "base_path", "hydra_issuer", "recovery_ui", "assume_unprivileged", "acr", "trust_pool")
	}
}

// checkValues checks the values that are given.
func (h *Hydra) checkValues() error {
	return firstError(
		h.checkTerms(), checkURL("upstream", h.URL), checkURL("admin", h.Admin), checkURL("hydra_issuer", h.HydraIssuer),
		h.Client.check("client"), h.UpstreamGrant.check(), h.AssumeUnprivileged.check(), h.ACR.check(),
	)
}

// check checks the whole.
func (h *Hydra) check() error {
	switch {
	case h.URL == "":
		return errors.New("the URL of upstream hydra is missing: write 'upstream hydra http://127.0.0.1:4444 { ... }'")
	case h.Admin == "":
		return errors.New("admin is missing: write 'admin http://127.0.0.1:4445' in upstream hydra, the address of Hydra's admin API")
	case h.Client == nil || h.Client.Secret == "":
		return errors.New("client is missing: write 'client ID SECRET' in upstream hydra, such as 'client regrant-gateway {file./etc/regrant/hydra.secret}'")
	}
	if err := h.checkValues(); err != nil || hasPlaceholder(h.URL+h.Admin+h.BasePath+h.RecoveryUI) {
		return err
	}
	// The adapter knows best what it can work with. Making one calls nobody.
	_, err := hydra.New(h.config("https://gateway.invalid", "https://gateway.invalid/recovery", "not read yet", "not read yet"))
	return err
}

func (h *Hydra) name() string { return cmp.Or(h.Name, "hydra") }

func (h *Hydra) adapter(origin, issuer string) (upstream.Adapter, error) {
	secret, err := h.Client.read("client")
	if err != nil {
		return nil, err
	}
	grantSecret, err := h.UpstreamGrant.client().read("upstream_grant")
	if err != nil {
		return nil, err
	}
	return hydra.New(h.config(origin, issuer, secret, grantSecret))
}

func (h *Hydra) config(origin, issuer, secret, grantSecret string) hydra.Config {
	cfg := hydra.Config{
		URL:                h.URL,
		AdminURL:           h.Admin,
		PublicURL:          origin + h.BasePath,
		Issuer:             h.HydraIssuer,
		EntryURL:           issuer,
		RecoveryUI:         h.RecoveryUI,
		ClientID:           h.Client.ID,
		ClientSecret:       secret,
		AssumeUnprivileged: h.AssumeUnprivileged != nil,
		ACR:                h.ACR.assurances(),
		HTTPClient:         httpClient(h.pool.tlsConfig()),
		Clock:              time.Now,
	}
	if g := h.UpstreamGrant; g != nil {
		cfg.GrantClientID, cfg.GrantClientSecret, cfg.GrantScope = g.ID, grantSecret, g.Scope
	}
	return cfg
}

// brokerClient is none: the gateway answers the logins of Hydra itself.
func (h *Hydra) brokerClient() Client { return Client{} }

func (h *Hydra) described() described {
	d := described{
		provider: doctor.Provider{
			Kind: "hydra", URL: h.URL, AdminURL: h.Admin, BasePath: h.BasePath, ClientID: h.Client.ID,
			HydraIssuer: h.HydraIssuer, RecoveryUI: h.RecoveryUI, Unprivileged: h.AssumeUnprivileged != nil,
		},
		clients: []*Client{h.Client, h.UpstreamGrant.client()},
	}
	if h.UpstreamGrant != nil {
		d.provider.GrantID = h.UpstreamGrant.ID
	}
	return d
}

func (h *Hydra) warnings() []string {
	warnings := append(plaintextWarning(h.URL, "the client secret"), plaintextWarning(h.Admin, "every login")...)
	return append(warnings, h.AssumeUnprivileged.warnAssumption()...)
}

var (
	_ Upstream              = (*Hydra)(nil)
	_ caddy.Provisioner     = (*Hydra)(nil)
	_ caddyfile.Unmarshaler = (*Hydra)(nil)
)
