// Package hydra stands before an Ory Hydra, version 2.3, whose login app is the
// operator's own. Where Kratos is that app, the adapter is upstream/kratos,
// which uses [Admin] of this package.
//
// Hydra has no accounts, only subjects that the login app names: whom they are is
// known from the login at which a person enrols. A recovery accepts, in the place
// of the login app, the login that an application has begun and that the person
// came from, and Hydra signs him in there. Without such a login there is nothing
// to sign in to ([upstream.ErrNoLogin]): the person opens the application and
// comes again.
package hydra

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
)

// Config describes the server, and the gateway's client there.
type Config struct {
	// URL and AdminURL are where the gateway calls the public and the admin API.
	URL, AdminURL string
	// PublicURL is under what people reach the public API through the gateway:
	// Hydra's urls.self.public, without a slash at its end.
	PublicURL string
	// Issuer is Hydra's urls.self.issuer. Empty: PublicURL.
	Issuer string
	// EntryURL is where people recover: the gateway's own page.
	EntryURL string
	// RecoveryUI is the path of the login app's page for people who forgot their
	// password, if there is one: it leads to the gateway instead.
	RecoveryUI string
	// ClientID and ClientSecret of the gateway's confidential client.
	ClientID, ClientSecret string
	// GrantClientID and GrantClientSecret of the confidential client to which
	// programs' access tokens are issued, with GrantScope: Hydra holds it against
	// no scope of the client's. Empty: programs get none.
	GrantClientID, GrantClientSecret string
	GrantScope                       []string
	// AssumeUnprivileged says that no subject holds power over others. Without it
	// everyone counts as privileged, because nobody can be asked.
	AssumeUnprivileged bool
	// ACR says what the login app's authentication context classes prove. One
	// that is not in it proves nothing.
	ACR map[string]upstream.Assurance
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
	// Clock is the current time. Nil: time.Now.
	Clock func() time.Time
}

// Adapter implements [upstream.Adapter].
type Adapter struct {
	cfg   Config
	admin *Admin
	guard guard
	party *oidc.RelyingParty
}

var _ upstream.Adapter = (*Adapter)(nil)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Adapter, error) {
	for _, address := range []string{cfg.URL, cfg.PublicURL} {
		if !upstream.Base(address) {
			return nil, errors.New("the addresses of Hydra must be like https://host:port, with a path if there is one, and without a slash at the end")
		}
	}
	if cfg.RecoveryUI != "" && !upstream.Page(cfg.RecoveryUI) {
		return nil, errors.New("the page for recovery must be a path of its own, such as /ui/recovery")
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("the gateway's client at Hydra needs an id and a secret")
	}
	if (cfg.GrantClientID == "") != (cfg.GrantClientSecret == "") || (cfg.GrantClientID == "") != (len(cfg.GrantScope) == 0) {
		return nil, errors.New("the client for programs at Hydra needs an id, a secret and a scope")
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Issuer == "" {
		cfg.Issuer = cfg.PublicURL
	}
	admin, err := NewAdmin(cfg.AdminURL, cfg.HTTPClient)
	if err != nil {
		return nil, err
	}
	return &Adapter{cfg: cfg, admin: admin, guard: newGuard(cfg), party: newParty(cfg)}, nil
}

// actions are those that Hydra can carry out.
var actions = []attest.Action{attest.ActionSignIn, attest.ActionRevokeSessions}

// Facts implements [upstream.Adapter].
func (a *Adapter) Facts() upstream.Facts {
	facts := upstream.Facts{Name: "hydra", Revokes: true, Direct: true, Actions: slices.Clone(actions), ACR: maps.Clone(a.cfg.ACR)}
	if a.cfg.GrantClientID != "" {
		facts.Programs = slices.Clone(actions)
	}
	return facts
}

// Guard implements [upstream.Adapter].
func (a *Adapter) Guard(r *http.Request) upstream.Verdict { return a.guard.judge(r) }

// LoginURL implements [upstream.Adapter].
func (a *Adapter) LoginURL(ctx context.Context, l upstream.Login) (string, error) {
	return a.party.LoginURL(ctx, l, nil)
}
