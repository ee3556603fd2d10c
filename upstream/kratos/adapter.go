// Package kratos stands before an Ory Kratos, version 1.3 or newer.
//
// A recovery ends in Kratos' own session: the adapter has Kratos' admin API make
// a recovery code, redeems it at once on the server side, and hands the session
// cookies on to the browser, or the session token to a program. Nobody else sees
// code or flow, and it works where Kratos' own recovery is switched off. The
// session says in the name of its device which recovery made it ([tag]), so that
// one is found which a crash left behind.
//
// Kratos cannot demand a new password, or a new device for one-time codes. The
// person is led to the settings, and the recovery stays unfinished until they are
// set: whoever leads it ends the session then.
package kratos

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
)

// Config describes the server.
type Config struct {
	// URL and AdminURL are where the gateway calls the public and the admin API.
	URL, AdminURL string
	// PublicURL is under what people reach the public API through the gateway:
	// Kratos' serve.public.base_url, with a path if that has one, and without a
	// slash at its end.
	PublicURL string
	// EntryURL is where people recover: the gateway's own page.
	EntryURL string
	// RecoveryUI is the path of the page that Kratos sends people to for a
	// recovery, if there is one: it leads to the gateway instead. Only with
	// Strict.
	RecoveryUI string
	// Hydra is the one whose login app this Kratos is. Nil: there is none.
	Hydra *hydra.Admin
	// Programs tells that programs get session tokens, for which Kratos needs
	// feature_flags.use_continue_with_transitions.
	Programs bool
	// Privileged are what makes an identity count as privileged. None: Kratos
	// itself gives no identity power over others.
	Privileged []Mark
	// Strict refuses the recoveries that Kratos mails out.
	Strict bool
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
	// Clock is the current time. Nil: time.Now.
	Clock func() time.Time
}

// Adapter implements [upstream.Adapter].
type Adapter struct {
	api        *api
	guard      guard
	cfg        Config
	now        func() time.Time
	privileged []Mark
}

var _ upstream.Adapter = (*Adapter)(nil)

// New checks the configuration. It calls nobody.
func New(cfg Config) (*Adapter, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	for _, address := range []string{cfg.URL, cfg.AdminURL, cfg.PublicURL} {
		if !upstream.Base(address) {
			return nil, errors.New("the addresses of Kratos must be like https://host:port, with a path if there is one, and without a slash at the end")
		}
	}
	if cfg.RecoveryUI != "" && !upstream.Page(cfg.RecoveryUI) {
		return nil, errors.New("the page for recovery must be a path of its own, such as /ui/recovery")
	}
	for _, m := range cfg.Privileged {
		if err := m.check(); err != nil {
			return nil, err
		}
	}
	return &Adapter{
		api: newAPI(cfg), guard: newGuard(cfg), cfg: cfg, now: cfg.Clock, privileged: slices.Clone(cfg.Privileged),
	}, nil
}

// actions are those that Kratos can carry out. A passkey is not among them: its
// admin API cannot remove one.
var actions = []attest.Action{
	attest.ActionSignIn, attest.ActionResetPassword, attest.ActionReplaceOTP, attest.ActionRevokeSessions,
}

// Facts implements [upstream.Adapter].
func (a *Adapter) Facts() upstream.Facts {
	facts := upstream.Facts{
		Name: "kratos", Admin: true, Revokes: true, Direct: true, LoginByCookie: true,
		Actions: slices.Clone(actions),
		ACR:     maps.Clone(classes),
	}
	if a.cfg.Programs {
		facts.Programs = slices.Clone(actions)
	}
	return facts
}

// Guard implements [upstream.Adapter].
func (a *Adapter) Guard(r *http.Request) upstream.Verdict { return a.guard.judge(r) }
