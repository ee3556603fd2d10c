package gateway

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// faultyDB counts writes and can be down, or for one write.
type faultyDB struct {
	storage.DB
	writes atomic.Int64
	down   atomic.Bool
	trips  atomic.Bool
}

var errDown = io.ErrUnexpectedEOF

func (d *faultyDB) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if d.down.Load() || d.trips.CompareAndSwap(true, false) {
		return errDown
	}
	d.writes.Add(1)
	return d.DB.Update(ctx, fn)
}

func (d *faultyDB) View(ctx context.Context, fn func(storage.Reader) error) error {
	if d.down.Load() {
		return errDown
	}
	return d.DB.View(ctx, fn)
}

// fakeIDP knows alice, and fails when told to.
type fakeIDP struct {
	mu         sync.Mutex
	down       bool // verbs cannot be told
	disabled   bool
	panics     bool
	verdict    upstream.Verdict
	login      upstream.Login // the last that LoginURL was asked for
	subject    string         // the last way in
	loginErr   error
	sessionErr error
	who        upstream.Principal // signs in at our own login
	acr        map[string]upstream.Assurance
	direct     *upstream.Direct // it makes sessions itself, with this answer
	programs   []attest.Action
	way        upstream.Session // the last that was made
	onSession  func()
}

func newFakeIDP() *fakeIDP {
	return &fakeIDP{who: upstream.Principal{AccountID: aliceID, Identifiers: []string{alice}, AuthenticatedAt: time.Now(), AMR: []string{"pwd"}}}
}

func (f *fakeIDP) set(change func(*fakeIDP)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fakeIDP) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return &url.Error{Op: "Get", URL: "https://idp.internal/users?username=" + alice, Err: upstream.ErrUnavailable}
	}
	return nil
}

func (f *fakeIDP) Facts() upstream.Facts {
	if f.panics {
		panic("of alice@example.com")
	}
	return upstream.Facts{
		Name: "fake", Admin: true, Revokes: true, ACR: f.acr, BrokerRedirects: []string{brokerRedirect},
		Actions: []attest.Action{attest.ActionSignIn, attest.ActionResetPassword, attest.ActionRevokeSessions},
		Direct:  f.direct != nil, LoginByCookie: f.direct != nil, Programs: f.programs,
	}
}
func (f *fakeIDP) Guard(*http.Request) upstream.Verdict { return f.verdict }
func (f *fakeIDP) Resolve(context.Context, string) (upstream.Account, error) {
	return upstream.Account{ID: aliceID, Identifiers: []string{alice}}, f.err()
}

func (f *fakeIDP) State(context.Context, string) (upstream.State, error) {
	f.mu.Lock()
	disabled := f.disabled
	f.mu.Unlock()
	return upstream.State{
		Account: upstream.Account{ID: aliceID, Identifiers: []string{alice}}, Enabled: !disabled, Privilege: upstream.PrivilegeOrdinary,
	}, f.err()
}
func (f *fakeIDP) Revoke(context.Context, string) error                   { return f.err() }
func (f *fakeIDP) Prepare(context.Context, string, []attest.Action) error { return f.err() }
func (f *fakeIDP) Session(_ context.Context, s upstream.Session) (upstream.Outcome, error) {
	f.set(func(f *fakeIDP) { f.subject, f.way = s.Subject, s })
	if f.onSession != nil {
		f.onSession()
	}
	switch {
	case f.sessionErr != nil:
		return upstream.Outcome{}, f.sessionErr
	case s.Program:
		return upstream.Outcome{Token: &upstream.Token{Kind: upstream.TokenSession, Value: "ory_st_secret", ExpiresIn: time.Hour}}, f.err()
	case f.direct != nil:
		return upstream.Outcome{Direct: f.direct}, f.err()
	}
	return upstream.Outcome{BrokerSubject: s.Subject}, f.err()
}
func (f *fakeIDP) Finish(context.Context, upstream.Session) (bool, error) { return true, f.err() }
func (f *fakeIDP) Abandon(context.Context, upstream.Session) error        { return f.err() }
func (f *fakeIDP) LoginURL(_ context.Context, l upstream.Login) (string, error) {
	f.set(func(f *fakeIDP) { f.login = l })
	return origin + "/realms/acme/auth?state=" + l.State, f.err()
}

func (f *fakeIDP) LoginResult(context.Context, upstream.Answer, upstream.Login) (upstream.Principal, error) {
	if f.loginErr != nil {
		return upstream.Principal{}, f.loginErr
	}
	return f.who, f.err()
}
