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
	"github.com/regrant/regrant/upstream/keycloak"
)

func init() {
	caddy.RegisterModule(Keycloak{})
}

const (
	modeStrict   = "strict"
	modeAssist   = "assist"
	defaultAlias = "regrant"
)

// Keycloak is one realm of a Keycloak server, version 26.7.3 or newer.
type Keycloak struct {
	UpstreamTerms

	// The base URL at which the gateway reaches Keycloak itself, for example
	// `http://127.0.0.1:8080`. Required.
	URL string `json:"url,omitempty"`

	// The realm. Required.
	Realm string `json:"realm,omitempty"`

	// The confidential client of the realm, with service account and standard
	// flow, under which the gateway calls Keycloak. Required.
	Client *Client `json:"client,omitempty"`

	// The alias of the realm's identity provider that leads to the gateway.
	// Default: `regrant`.
	Alias string `json:"alias,omitempty"`

	// The client under which the realm's identity provider calls the gateway.
	// Default: the name of the upstream as id, and a secret made at first start; the
	// command `caddy regrant broker` shows both.
	BrokerClient *Client `json:"broker_client,omitempty"`

	// The confidential client of the realm to which programs are given access tokens,
	// for recoveries that have a person set nothing up (Keycloak's JWT authorization
	// grant). The realm's identity provider must allow it. Default: a program's
	// recovery ends in a browser.
	UpstreamGrant *Client `json:"upstream_grant,omitempty"`

	// `strict`: accounts are recovered through the gateway only, Keycloak's own
	// reset links are refused. `assist`: Keycloak's own stay beside it.
	// Default: `strict`.
	Mode string `json:"mode,omitempty"`

	// Realm roles whose members count as privileged, besides those that
	// administer the realm. Privileged accounts are not recovered.
	PrivilegedRoles []string `json:"privileged_roles,omitempty"`

	// That the stores from which the realm takes users, such as a directory, let
	// people set a new password. Default: they do not, and a recovery that asks for
	// a new password is refused to an account that comes from one.
	FederatedPasswords bool `json:"federated_passwords,omitempty"`

	// What the authentication context classes (`acr`) of the realm prove, by class. A
	// sign-in of a class that is not here proves what its methods (`amr`) add up
	// to, and one factor if it names none. What a person may enrol depends on it.
	ACR signIns `json:"acr,omitempty"`

	// The certificate authorities trusted for HTTPS to Keycloak. Default: those
	// of the system.
	CARaw json.RawMessage `json:"ca,omitempty" caddy:"namespace=tls.ca_pool.source inline_key=provider"`

	pool *trustPool
}

// CaddyModule returns the Caddy module information.
func (Keycloak) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "regrant.upstreams.keycloak",
		New: func() caddy.Module { return new(Keycloak) },
	}
}

// Provision fills in defaults and checks the values. It calls nobody.
func (k *Keycloak) Provision(ctx caddy.Context) (err error) {
	if err := firstError(k.expand(), expand(&k.URL, &k.Realm, &k.Alias, &k.Mode), expandAll(k.PrivilegedRoles), k.Client.expand(), k.BrokerClient.expand(), k.UpstreamGrant.expand()); err != nil {
		return err
	}
	if err := k.check(); err != nil {
		return err
	}
	if k.Alias == "" {
		k.Alias = defaultAlias
	}
	if k.Mode == "" {
		k.Mode = modeStrict
	}
	k.pool, err = loadTrustPool(ctx, k, "CARaw", k.CARaw)
	return err
}

// UnmarshalCaddyfile sets up the upstream. Syntax:
//
//	upstream keycloak <url> {
//		name             <name>
//		issuer           <origin> [<path>]
//		path             <path>
//		realm            <name>
//		client           <id> <secret>
//		alias            <alias>
//		broker_client    <id> [<secret>]
//		upstream_grant   <client id> <secret>
//		mode             strict|assist
//		privileged_roles <roles...>
//		federated_passwords
//		acr              <class> aal1|aal2|aal3 [phishing_resistant]
//		trust_pool       <module> ...
//	}
func (k *Keycloak) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return k.unmarshal(d, &k.URL, k.unmarshalOption, k.checkValues, k.check)
}

func (k *Keycloak) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "realm":
		return readOnce(d, &k.Realm)
	case "client":
		return readClient(d, &k.Client)
	case "alias":
		return readOnce(d, &k.Alias)
	case "broker_client":
		if k.BrokerClient != nil {
			return twice(d)
		}
		k.BrokerClient = new(Client)
		return readOptional(d, &k.BrokerClient.ID, &k.BrokerClient.Secret)
	case "upstream_grant":
		return readClient(d, &k.UpstreamGrant)
	case "mode":
		return readOnce(d, &k.Mode)
	case "privileged_roles":
		return readList(d, &k.PrivilegedRoles)
	case "federated_passwords":
		return readFlag(d, &k.FederatedPasswords)
	case "acr":
		return k.ACR.unmarshal(d)
	case "trust_pool":
		return unmarshalTrustPool(d, &k.CARaw)
	default:
		return unknown(d, "name", "issuer", "path", "realm", "client", "alias", "broker_client", "upstream_grant", "mode", "privileged_roles",
			"federated_passwords", "acr", "trust_pool")
	}
}

// checkValues checks the values that are given.
func (k *Keycloak) checkValues() error {
	return firstError(
		k.checkTerms(),
		checkOneOf("mode", k.Mode, modeStrict, modeAssist),
		checkURL("upstream", k.URL),
		k.Client.check("client"),
		k.BrokerClient.checkStrong("broker_client"),
		k.UpstreamGrant.check("upstream_grant"),
		k.ACR.check(),
	)
}

// check checks the whole.
func (k *Keycloak) check() error {
	switch {
	case k.URL == "":
		return errors.New("the URL of upstream keycloak is missing: write 'upstream keycloak http://127.0.0.1:8080 { ... }'")
	case k.Realm == "":
		return errors.New("realm is missing: write 'realm NAME' in upstream keycloak")
	case k.Client == nil || k.Client.Secret == "":
		return errors.New("client is missing: write 'client ID SECRET' in upstream keycloak, such as 'client regrant-gateway {file./etc/regrant/keycloak.secret}'")
	case k.UpstreamGrant != nil && k.UpstreamGrant.Secret == "":
		return errors.New("upstream_grant has no secret: write 'upstream_grant ID SECRET' in upstream keycloak, such as 'upstream_grant regrant-programs {file./etc/regrant/programs.secret}'")
	}
	if err := k.checkValues(); err != nil || hasPlaceholder(k.URL+k.Realm+k.Alias) {
		return err
	}
	// The adapter knows best what it can work with. Making one calls nobody.
	_, err := keycloak.New(k.config("https://gateway.invalid", "not read yet", "not read yet"))
	return err
}

func (k *Keycloak) name() string { return cmp.Or(k.Name, "keycloak-"+k.Realm) }

func (k *Keycloak) adapter(origin, _ string) (upstream.Adapter, error) {
	secret, err := k.Client.read("client")
	if err != nil {
		return nil, err
	}
	grantSecret, err := k.UpstreamGrant.read("upstream_grant")
	if err != nil {
		return nil, err
	}
	return keycloak.New(k.config(origin, secret, grantSecret))
}

func (k *Keycloak) config(origin, secret, grantSecret string) keycloak.Config {
	cfg := keycloak.Config{
		URL:          k.URL,
		PublicURL:    origin,
		Realm:        k.Realm,
		ClientID:     k.Client.ID,
		ClientSecret: secret,
		Alias:        k.Alias,
		Strict:       k.Mode != modeAssist,

		FederatedPasswords: k.FederatedPasswords,
		PrivilegedRoles:    k.PrivilegedRoles,
		ACR:                k.ACR.assurances(),
		HTTPClient:         httpClient(k.pool.tlsConfig()),
		Clock:              time.Now,
	}
	if k.UpstreamGrant != nil {
		cfg.GrantClientID, cfg.GrantClientSecret = k.UpstreamGrant.ID, grantSecret
	}
	return cfg
}

func (k *Keycloak) brokerClient() Client {
	if k.BrokerClient == nil {
		return Client{ID: k.name()}
	}
	return *k.BrokerClient
}

func (k *Keycloak) described() described {
	return described{
		provider: doctor.Provider{
			Kind: "keycloak", URL: k.URL, Realm: k.Realm, Alias: k.Alias, BrokerID: k.brokerClient().ID, Grant: k.UpstreamGrant != nil,
			FederatedPasswords: k.FederatedPasswords,
		},
		assist:  k.Mode == modeAssist,
		clients: []*Client{k.Client, k.BrokerClient, k.UpstreamGrant},
	}
}

func (k *Keycloak) warnings() []string {
	warnings := plaintextWarning(k.URL, "the client secret")
	if !k.ACR.reach(upstream.AAL2) {
		warnings = append(warnings, "no acr proves two factors: accounts that have a second one at Keycloak can change their recovery methods only "+
			"if the realm tells the methods of a sign-in (amr); docs/methods.md says what to configure")
	}
	return warnings
}

var (
	_ Upstream              = (*Keycloak)(nil)
	_ caddy.Provisioner     = (*Keycloak)(nil)
	_ caddyfile.Unmarshaler = (*Keycloak)(nil)
)
