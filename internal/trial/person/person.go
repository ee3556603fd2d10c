// Package person is the person of `caddy regrant try`, in software: a browser, authenticators of the methods that need no hardware, and the steps of
// a whole recovery over the public origin. It uses the endpoints that everybody uses, and believes no answer for which there is something to look at:
// what became of a step is read from the operator's side, see [Operator].
package person

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

const (
	requestTime = 30 * time.Second
	userAgent   = "caddy-regrant-try"
	label       = "Trial of this gateway"
)

// Trial is what a person needs for one.
type Trial struct {
	Issuer   string
	Account  string // as typed
	Password string // of the account at the identity provider
	// AccountID is its stable id there.
	AccountID string
	// Cookie is that of a session of self-service, and Secret its value.
	Cookie, Secret string
	Methods        []attest.Method // that are enough together
	Programs       []attest.Method // likewise for a program without a browser; none: there are no such
	Path           upstream.TrialPath
}

// Operator looks from the other side: at the store, and at the identity provider by its own API.
type Operator interface {
	Observe(ctx context.Context) (Seen, error)
	// ActivationCode makes a code with which a device is bound to the account.
	ActivationCode(ctx context.Context) (string, error)
}

// Seen is what an operator sees of the account.
type Seen struct {
	Sessions       []upstream.TrialSession // at the identity provider
	Authenticators []string                // ids of those that are not revoked
	Journal        []Entry                 // the oldest first
	Notices        []string                // kinds that not every receiver has got yet
}

// Entry is one of the journal.
type Entry struct {
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Reference string    `json:"reference,omitempty"`
}

// Outcome of a step.
type Outcome string

// The outcomes. Only [Held] of all, or [Skipped] of those that say why, is green.
const (
	Held    Outcome = "held"
	Skipped Outcome = "skipped" // nothing can be said here about this
	Failed  Outcome = "failed"  // it is not as it should be
	Untold  Outcome = "untold"  // it could not be looked at
)

// Step is what was seen of one step.
type Step struct {
	Name    string  `json:"step"`
	Outcome Outcome `json:"outcome"`
	Seen    string  `json:"seen"`
	Mend    string  `json:"mend,omitempty"` // what to do about it
}

// failure is a definite one: something is not as it should be.
type failure struct{ seen, mend string }

func (f *failure) Error() string { return f.seen }

func failed(mend, format string, args ...any) error {
	return &failure{fmt.Sprintf(format, args...), mend}
}

// skipped is why nothing can be said of a step.
type skipped string

func (s skipped) Error() string { return string(s) }

// untold is an error that says nothing about the gateway, with what to do about it.
type untold struct {
	seen, mend string
	at         *url.URL // that was not reached; nil: it was
}

func (u *untold) Error() string { return u.seen }

// StepOf makes a step of what was seen, or of why not.
func StepOf(name, seen string, err error) Step {
	if f, ok := errors.AsType[*failure](err); ok {
		return Step{name, Failed, f.seen, f.mend}
	}
	if s, ok := errors.AsType[skipped](err); ok {
		return Step{name, Skipped, string(s), ""}
	}
	if u, ok := errors.AsType[*untold](err); ok {
		return Step{name, Untold, u.seen, u.mend}
	}
	if err != nil {
		return Step{name, Untold, err.Error(), "Try again; the gateway's log says more."}
	}
	return Step{name, Held, seen, ""}
}

// person is one, during one trial.
type person struct {
	Trial
	operator  Operator
	transport *http.Transport
	issuer    *url.URL
	self      *browser // in which authenticators are bound and reported lost
	away      *browser // in which the account is recovered
	csrf      string   // of the session of self-service
	bound     []thing  // but for the lost one
	kept      []thing  // those of them that recover
	lost      thing
	old       []string // ids of the sessions from before
	reference string   // of the recovery, the newest one
	last      *page    // where the recovery ended
	program   *program // that recovers without a browser; nil: not yet
	redeemed  string   // its recovery token
	given     wire.CompleteResponse
}

// step is one thing to do, and what was seen then.
type step struct {
	name string
	do   func(context.Context) (string, error)
}

// Run does the steps and tells of each when it is done, as far as the first that does not hold. ok tells whether all did.
func Run(ctx context.Context, t Trial, o Operator, roots *x509.CertPool, tell func(Step)) (ok bool, err error) {
	issuer, err := url.Parse(t.Issuer)
	if err != nil {
		return false, err
	}
	p := &person{Trial: t, operator: o, issuer: issuer, transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, ForceAttemptHTTP2: true,
	}}
	defer p.transport.CloseIdleConnections()
	p.self, p.away = newBrowser(p.transport), newBrowser(p.transport)
	p.self.keep(issuer, t.Cookie, t.Secret)
	steps := slices.Concat([]step{
		{"old session", p.signInBefore},
		{"authenticators", p.bind},
		{"lost", p.lose},
		{"forgotten", p.forget},
		{"proof", p.prove},
		{"session", p.enter},
		{"old session ended", p.oldEnded},
		{"journal", p.recorded},
	}, p.programSteps(), []step{{"notices", p.told}})
	if t.Path.Assist {
		tell(StepOf("mode", "", skipped(modeAssist)))
	}
	for _, s := range steps {
		seen, err := s.do(ctx)
		said := StepOf(s.name, seen, err)
		if ctx.Err() != nil {
			said = Step{s.name, Untold, "it was broken off", ""}
		}
		tell(said)
		if said.Outcome == Failed || said.Outcome == Untold {
			return false, nil
		}
	}
	return true, nil
}

// address is a path of the gateway's.
func (p *person) address(path string) string { return p.Issuer + path }

// await looks until ok holds, or until it has taken too long, which is no error.
func (p *person) await(ctx context.Context, limit time.Duration, ok func(Seen) bool) (seen Seen, good bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := p.operator.Observe(ctx)
		switch {
		case err == nil && ok(now):
			return now, true, nil
		case err == nil:
			seen = now
		case ctx.Err() == nil:
			return seen, false, err
		}
		select {
		case <-ctx.Done():
			return seen, false, nil
		case <-tick.C:
		}
	}
}
