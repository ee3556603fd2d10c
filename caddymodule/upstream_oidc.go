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
	"github.com/regrant/regrant/upstream/oidc"
)

func init() {
	caddy.RegisterModule(OIDC{})
}

// OIDC is an OpenID Provider that brokers logins to the gateway and has no API to
// administer accounts. A recovery ends in a login there, and in nothing else:
// accounts are named by subject, and sessions are not revoked.
type OIDC struct {
	UpstreamTerms

	// The issuer of the provider, for example `https://idp.example`. Required.
	URL string `json:"url,omitempty"`

	// The client under which the gateway signs people in at the provider.
	// Required.
	Client *Client `json:"client,omitempty"`

	// The client under which the provider calls the gateway. Required.
	BrokerClient *Client `json:"broker_client,omitempty"`

	// The redirect URIs of that client, at the provider. At least one is
	// required.
	BrokerRedirects []string `json:"broker_redirects,omitempty"`

	// Accept that every account of this provider counts as an ordinary one,
	// since the provider cannot be asked. Default: every account counts as
	// privileged, and none is recovered.
	AssumeUnprivileged *Exception `json:"assume_unprivileged,omitempty"`

	// What the authentication context classes (`acr`) of the provider prove, by class. A
	// sign-in of a class that is not here proves what its methods (`amr`) add up
	// to, and one factor if it names none. What a person may enrol depends on it.
	ACR signIns `json:"acr,omitempty"`

	// The certificate authorities trusted for HTTPS to the provider. Default:
	// those of the system.
	CARaw json.RawMessage `json:"ca,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	pool *trustPool
}

// CaddyModule returns the Caddy module information.
func (OIDC) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.upstreams.oidc",
		New: func() caddy.Module { return new(OIDC) },
	}
}

// Provision checks the values. It calls nobody.
func (o *OIDC) Provision(ctx caddy.Context) (err error) {
	if err := firstError(o.expand(), expand(&o.URL), expandAll(o.BrokerRedirects), o.Client.expand(), o.BrokerClient.expand()); err != nil {
		return err
	}
	if err := o.AssumeUnprivileged.expand(); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	o.pool, err = loadTrustPool(ctx, o, "CARaw", o.CARaw)
	return err
}

// UnmarshalCaddyfile sets up the upstream. Syntax:
//
//	upstream oidc <issuer> {
//		name            <name>
//		issuer          <origin> [<path>]
//		path            <path>
//		client          <id> <secret>
//		broker_client   <id> <secret>
//		broker_redirect <uris...>
//		assume_unprivileged risk_analysis <reference>
//		acr             <class> aal1|aal2|aal3 [phishing_resistant]
//		trust_pool      <module> ...
//	}
func (o *OIDC) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return o.unmarshal(d, &o.URL, o.unmarshalOption, o.checkValues, o.check)
}

func (o *OIDC) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "client":
		return readClient(d, &o.Client)
	case "broker_client":
		return readClient(d, &o.BrokerClient)
	case "broker_redirect":
		return readList(d, &o.BrokerRedirects)
	case "assume_unprivileged":
		return readAssumption(d, &o.AssumeUnprivileged)
	case "acr":
		return o.ACR.unmarshal(d)
	case "trust_pool":
		return unmarshalTrustPool(d, &o.CARaw)
	default:
		return unknown(d, "name", "issuer", "path", "client", "broker_client", "broker_redirect", "assume_unprivileged", "acr", "trust_pool")
	}
}

// checkValues checks the values that are given.
func (o *OIDC) checkValues() error {
	for _, uri := range o.BrokerRedirects {
		if err := checkURL("broker_redirect", uri); err != nil {
			return err
		}
	}
	return firstError(
		o.checkTerms(),
		o.AssumeUnprivileged.check(),
		checkURL("upstream", o.URL),
		o.Client.check("client"),
		o.BrokerClient.checkStrong("broker_client"),
		o.ACR.check(),
	)
}

// check checks the whole.
func (o *OIDC) check() error {
	switch {
	case o.URL == "":
		return errors.New("the issuer of upstream oidc is missing: write 'upstream oidc https://idp.example { ... }'")
	case o.Client == nil || o.Client.Secret == "":
		return errors.New("client is missing: write 'client ID SECRET' in upstream oidc")
	case o.BrokerClient == nil || o.BrokerClient.Secret == "":
		return errors.New("broker_client is missing: write 'broker_client ID SECRET' in upstream oidc")
	case len(o.BrokerRedirects) == 0:
		return errors.New("broker_redirect is missing: write 'broker_redirect URI' in upstream oidc, the address at the provider to which a brokered login returns")
	}
	return o.checkValues()
}

func (o *OIDC) name() string { return cmp.Or(o.Name, "oidc-"+hostWord(o.URL)) }

// adapter needs no public origin: the provider is called by its issuer.
func (o *OIDC) adapter(_, _ string) (upstream.Adapter, error) {
	secret, err := o.Client.read("client")
	if err != nil {
		return nil, err
	}
	return oidc.New(oidc.Config{
		Name:               o.name(),
		URL:                o.URL,
		ClientID:           o.Client.ID,
		ClientSecret:       secret,
		BrokerRedirects:    o.BrokerRedirects,
		AssumeUnprivileged: o.AssumeUnprivileged != nil,
		ACR:                o.ACR.assurances(),
		HTTPClient:         httpClient(o.pool.tlsConfig()),
		Clock:              time.Now,
	})
}

func (o *OIDC) brokerClient() Client { return *o.BrokerClient }

func (o *OIDC) described() described {
	return described{
		provider: doctor.Provider{Kind: "oidc", URL: o.URL},
		clients:  []*Client{o.Client, o.BrokerClient},
	}
}

func (o *OIDC) warnings() []string {
	return append(plaintextWarning(o.URL, "the client secret"), o.AssumeUnprivileged.warnAssumption()...)
}

var (
	_ Upstream              = (*OIDC)(nil)
	_ caddy.Provisioner     = (*OIDC)(nil)
	_ caddyfile.Unmarshaler = (*OIDC)(nil)
)
