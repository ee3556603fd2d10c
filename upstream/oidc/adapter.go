// Package oidc stands before any OpenID provider that can broker logins to the
// gateway, and holds the relying party that other adapters share.
//
// Without an administrative interface there is nothing to resolve, to revoke
// or to prepare: identifiers and subject come from the login at which a person
// enrols, and only sign-in can be carried out.
package oidc

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Config describes the provider and the gateway's client there.
type Config struct {
	// Name of the kind of provider. Empty: "oidc".
	Name string
	// URL is where the gateway calls the provider.
	URL string
	// PublicURL is the provider's issuer. Empty: URL.
	PublicURL string
	// ClientID and ClientSecret of the gateway's confidential client.
	ClientID, ClientSecret string
	// BrokerRedirects are the redirect URIs with which the provider sends
	// people to the gateway's broker.
	BrokerRedirects []string
	// AssumeUnprivileged says that nobody at this provider holds power over
	// others. Without it every account counts as privileged, because the
	// provider cannot be asked.
	AssumeUnprivileged bool
	// ACR says what the provider's authentication context classes prove. One
	// that is not in it proves nothing.
	ACR map[string]upstream.Assurance
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
	// Clock is the current time. Nil: time.Now.
	Clock func() time.Time
}

// Adapter implements [upstream.Adapter] for a provider without an
// administrative interface.
type Adapter struct {
	cfg   Config
	party *RelyingParty
}

var _ upstream.Adapter = (*Adapter)(nil)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Adapter, error) {
	if cfg.Name == "" {
		cfg.Name = "oidc"
	}
	if cfg.PublicURL == "" {
		cfg.PublicURL = cfg.URL
	}
	for _, address := range []string{cfg.URL, cfg.PublicURL} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("the provider's address must be an http or https URL without query and fragment")
		}
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("the gateway's client at the provider needs an id and a secret")
	}
	return &Adapter{cfg: cfg, party: NewRelyingParty(PartyConfig{
		URL: cfg.URL, Issuer: cfg.PublicURL, ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Profile: true,
		HTTPClient: cfg.HTTPClient, Clock: cfg.Clock,
	})}, nil
}

// Facts implements [upstream.Adapter].
func (a *Adapter) Facts() upstream.Facts {
	return upstream.Facts{
		Name:            a.cfg.Name,
		Actions:         []attest.Action{attest.ActionSignIn},
		BrokerRedirects: slices.Clone(a.cfg.BrokerRedirects),
		ACR:             maps.Clone(a.cfg.ACR),
	}
}

// Guard implements [upstream.Adapter]. Nothing is known of the provider's
// routes, so everything passes.
func (a *Adapter) Guard(*http.Request) upstream.Verdict { return upstream.Verdict{} }

// Resolve implements [upstream.Adapter]: [upstream.ErrUnsupported].
func (a *Adapter) Resolve(context.Context, string) (upstream.Account, error) {
	return upstream.Account{}, upstream.ErrUnsupported
}

// State implements [upstream.Adapter] with what the operator declared. The
// provider itself refuses a disabled account when it brokers the login.
func (a *Adapter) State(_ context.Context, id string) (upstream.State, error) {
	state := upstream.State{Account: upstream.Account{ID: id}, Enabled: true}
	if a.cfg.AssumeUnprivileged {
		state.Privilege = upstream.PrivilegeOrdinary
	}
	return state, nil
}

// Revoke implements [upstream.Adapter]: [upstream.ErrUnsupported].
func (a *Adapter) Revoke(context.Context, string) error { return upstream.ErrUnsupported }

// Prepare implements [upstream.Adapter]. Sign-in needs no preparation.
func (a *Adapter) Prepare(_ context.Context, _ string, actions []attest.Action) error {
	for _, action := range actions {
		if action != attest.ActionSignIn {
			return upstream.ErrUnsupported
		}
	}
	return nil
}

// Session implements [upstream.Adapter]. The provider knows the account at the
// gateway's broker by its own id, for good; nothing is made.
func (a *Adapter) Session(_ context.Context, s upstream.Session) (upstream.Outcome, error) {
	if s.AccountID == "" {
		return upstream.Outcome{}, upstream.ErrNoAccount
	}
	return upstream.Outcome{BrokerSubject: s.AccountID}, nil
}

// Finish implements [upstream.Adapter]. It is done once the provider has
// redeemed the code, which can be redeemed once only.
func (a *Adapter) Finish(_ context.Context, s upstream.Session) (bool, error) {
	return !s.RedeemedAt.IsZero(), nil
}

// Abandon implements [upstream.Adapter]. No way in stands without a code.
func (a *Adapter) Abandon(context.Context, upstream.Session) error { return nil }

// LoginURL implements [upstream.Adapter]. It asks the provider for its
// metadata at the first use.
func (a *Adapter) LoginURL(ctx context.Context, l upstream.Login) (string, error) {
	return a.party.LoginURL(ctx, l, nil)
}

// LoginResult implements [upstream.Adapter].
func (a *Adapter) LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error) {
	return a.party.LoginResult(ctx, back, l)
}
