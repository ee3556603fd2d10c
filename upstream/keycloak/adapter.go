// Package keycloak stands before one realm of a Keycloak server.
//
// A recovery enters the realm through its own broker: the realm knows the
// gateway as an OpenID provider, and for one login a link leads from a fresh
// random subject to the account ([Adapter.Session]); afterwards it is taken
// away ([Adapter.Finish]). Everything else is asked of the admin REST API with
// the service account of the gateway's client, which needs the roles
// manage-users, view-clients and query-clients of realm-management, and no
// more; or query-users in place of the first, and permission to view and manage
// the members of a group, who are then all that it can recover. Whatever is
// written is read back.
package keycloak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
)

// Config describes the realm and the gateway's client there.
type Config struct {
	// URL is where the gateway calls the server, such as http://127.0.0.1:8080.
	URL string
	// PublicURL is the origin under which people reach it through the gateway.
	PublicURL string
	// Realm is the realm's name; never master.
	Realm string
	// ClientID and ClientSecret of the gateway's confidential client.
	ClientID, ClientSecret string
	// GrantClientID and GrantClientSecret of the confidential client to which
	// programs' access tokens are issued; the gateway's own may be it. Empty:
	// programs get none.
	GrantClientID, GrantClientSecret string
	// Alias of the gateway as identity provider of the realm. Empty: "regrant".
	Alias string
	// PrivilegedRoles are realm roles that give power over others, besides
	// those of the realm's own administration.
	PrivilegedRoles []string
	// ACR says what the realm's authentication context classes prove. One that
	// is not in it proves nothing.
	ACR map[string]upstream.Assurance
	// FederatedPasswords tells that the stores from which the realm takes users
	// (user federation) let people set a new password. If not, an account that
	// comes from one gets none.
	FederatedPasswords bool
	// Strict refuses the recoveries that Keycloak mails out.
	Strict bool
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
	// Clock is the current time. Nil: time.Now.
	Clock func() time.Time
}

// Adapter implements [upstream.Adapter].
type Adapter struct {
	api             *api
	party           *oidc.RelyingParty
	guard           guard
	alias           string
	brokerRedirect  string
	privilegedRoles []string
	grantClient     clientCredentials
	acr             map[string]upstream.Assurance
	federated       bool // accounts from elsewhere can get a new password
}

var _ upstream.Adapter = (*Adapter)(nil)

// name is what realms and aliases may look like here: it needs no encoding in
// a URL, so that a path is compared without one.
var name = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Adapter, error) {
	if cfg.Alias == "" {
		cfg.Alias = "regrant"
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if !origin(cfg.URL) || !origin(cfg.PublicURL) {
		return nil, errors.New("the addresses of Keycloak must be like https://host:port, without a path")
	}
	if !name.MatchString(cfg.Realm) || !name.MatchString(cfg.Alias) {
		return nil, errors.New("realm and alias must be 1 to 64 letters, digits, hyphens and underscores")
	}
	if cfg.Realm == "master" {
		// Whoever is recovered there administers every realm.
		return nil, errors.New("the realm master cannot be recovered")
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("the gateway's client at Keycloak needs an id and a secret")
	}
	if (cfg.GrantClientID == "") != (cfg.GrantClientSecret == "") {
		return nil, errors.New("the client for programs at Keycloak needs an id and a secret")
	}
	issuer := cfg.PublicURL + "/realms/" + cfg.Realm
	return &Adapter{
		api: newAPI(cfg),
		party: oidc.NewRelyingParty(oidc.PartyConfig{
			URL: cfg.URL + "/realms/" + cfg.Realm, Issuer: issuer, AuthURL: issuer + "/protocol/openid-connect/auth",
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
			HTTPClient: cfg.HTTPClient, Clock: cfg.Clock,
		}),
		guard:           newGuard(cfg.Realm, cfg.Alias, cfg.Strict),
		alias:           cfg.Alias,
		brokerRedirect:  BrokerRedirect(issuer, cfg.Alias),
		privilegedRoles: append([]string{"admin", "realm-admin"}, cfg.PrivilegedRoles...),
		grantClient:     clientCredentials{cfg.GrantClientID, cfg.GrantClientSecret},
		acr:             maps.Clone(cfg.ACR),
		federated:       cfg.FederatedPasswords,
	}, nil
}

// BrokerRedirect is where the realm that calls itself issuer, which knows the
// gateway's broker by alias, takes its answers.
func BrokerRedirect(issuer, alias string) string { return issuer + "/broker/" + alias + "/endpoint" }

// origin tells whether s is scheme, host and port of an HTTP server.
func origin(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// Facts implements [upstream.Adapter].
func (a *Adapter) Facts() upstream.Facts {
	facts := upstream.Facts{
		Name:  "keycloak",
		Admin: true, Revokes: true,
		Actions: []attest.Action{
			attest.ActionSignIn, attest.ActionResetPassword, attest.ActionReplacePasskey,
			attest.ActionReplaceOTP, attest.ActionRevokeSessions,
		},
		BrokerRedirects: []string{a.brokerRedirect},
		ACR:             maps.Clone(a.acr),
	}
	if a.grantClient.id != "" {
		facts.Programs, facts.Audience = slices.Clone(grantable), a.api.issuer
	}
	return facts
}

// Guard implements [upstream.Adapter].
func (a *Adapter) Guard(r *http.Request) upstream.Verdict { return a.guard.judge(r) }

// LoginURL implements [upstream.Adapter]. The hint sends a recovery past the
// realm's own login page into the gateway's broker.
func (a *Adapter) LoginURL(ctx context.Context, l upstream.Login) (string, error) {
	extra := url.Values{}
	if l.Recovery {
		extra.Set("kc_idp_hint", a.alias)
	}
	return a.party.LoginURL(ctx, l, extra)
}

// LoginResult implements [upstream.Adapter]. The identifiers are those under
// which [Adapter.Resolve] finds the account: what the realm writes into ID
// tokens is its own choice. Nobody signs in of whom it cannot be told which
// credentials the account has.
func (a *Adapter) LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error) {
	who, err := a.party.LoginResult(ctx, back, l)
	if err != nil {
		return upstream.Principal{}, err
	}
	u, err := a.user(ctx, who.AccountID)
	if err != nil {
		return upstream.Principal{}, err
	}
	if !*u.Enabled {
		return upstream.Principal{}, fmt.Errorf("%w: the account is disabled", upstream.ErrRefused)
	}
	if who.Best, err = a.best(ctx, u.ID); err != nil {
		return upstream.Principal{}, err
	}
	who.Identifiers = u.account().Identifiers
	return who, nil
}
