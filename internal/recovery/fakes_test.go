package recovery

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// countingFormat counts how often evidence is verified.
type countingFormat struct {
	attest.Format
	h *house
}

func (f countingFormat) Verify(in attest.Input) (attest.Claims, error) {
	f.h.mu.Lock()
	f.h.checks++
	f.h.mu.Unlock()
	return f.Format.Verify(in)
}

// countingDB counts what is read and written, and can be made to fail.
type countingDB struct {
	storage.DB
	mu            sync.Mutex
	reads, writes int
	down          error
}

func (c *countingDB) count() (reads, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads, c.writes
}

func (c *countingDB) add(reads, writes int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads, c.writes = c.reads+reads, c.writes+writes
	return c.down
}

func (c *countingDB) View(ctx context.Context, fn func(storage.Reader) error) error {
	if err := c.add(0, 0); err != nil {
		return err
	}
	return c.DB.View(ctx, func(r storage.Reader) error { return fn(countingReader{r, c}) })
}

func (c *countingDB) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := c.add(0, 1); err != nil {
		return err
	}
	return c.DB.Update(ctx, func(tx storage.Tx) error { return fn(countingTx{tx, c}) })
}

type countingReader struct {
	storage.Reader
	c *countingDB
}

func (r countingReader) Get(key []byte) ([]byte, error) {
	_ = r.c.add(1, 0)
	return r.Reader.Get(key)
}

type countingTx struct {
	storage.Tx
	c *countingDB
}

func (x countingTx) Get(key []byte) ([]byte, error) {
	_ = x.c.add(1, 0)
	return x.Tx.Get(key)
}

// fakeIdP remembers what it was asked and fails where a test says so.
type fakeIdP struct {
	mu    sync.Mutex
	state upstream.State
	calls []string
	fail  map[string]error // verb → error, until removed
	links []string
	login bool // a login shows at Finish

	blind   bool // identifiers and state cannot be asked
	lasting bool // sessions cannot be ended

	direct    bool               // it makes sessions itself
	programs  []attest.Action    // for which programs get a session
	ways      []upstream.Session // as asked for
	outcome   *upstream.Outcome  // instead of what fits
	onSession func()
	onRevoke  func()
	onPrepare func()
	silent    bool // Prepare gets no answer
}

func (f *fakeIdP) called(verb string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.calls, verb)
}

func (f *fakeIdP) call(verb string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, verb)
	return f.fail[verb]
}

func (f *fakeIdP) set(verb string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.fail, verb)
		return
	}
	f.fail[verb] = err
}

func (f *fakeIdP) log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, " ")
}

func (f *fakeIdP) Facts() upstream.Facts {
	return upstream.Facts{
		Name: "fake", Admin: !f.blind, Revokes: !f.lasting, Direct: f.direct, Programs: f.programs,
		Actions: []attest.Action{attest.ActionSignIn, attest.ActionResetPassword, attest.ActionRevokeSessions},
	}
}
func (f *fakeIdP) Guard(*http.Request) upstream.Verdict { return upstream.Verdict{} }
func (f *fakeIdP) Resolve(context.Context, string) (upstream.Account, error) {
	return upstream.Account{}, errors.New("not asked in these tests")
}

func (f *fakeIdP) State(_ context.Context, id string) (upstream.State, error) {
	if err := f.call("state"); err != nil {
		return upstream.State{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id != f.state.ID {
		return upstream.State{}, upstream.ErrNoAccount
	}
	return f.state, nil
}

func (f *fakeIdP) Revoke(context.Context, string) error {
	if f.onRevoke != nil {
		f.onRevoke()
	}
	return f.call("revoke")
}

func (f *fakeIdP) Prepare(ctx context.Context, _ string, _ []attest.Action) error {
	if f.onPrepare != nil {
		f.onPrepare()
	}
	if f.silent {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.call("prepare")
}

func (f *fakeIdP) Session(_ context.Context, s upstream.Session) (upstream.Outcome, error) {
	if err := f.call("session"); err != nil {
		return upstream.Outcome{}, err
	}
	if f.onSession != nil {
		f.onSession()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ways = append(f.ways, s)
	switch {
	case f.outcome != nil:
		return *f.outcome, nil
	case s.Program:
		return upstream.Outcome{Token: &upstream.Token{Kind: upstream.TokenSession, Value: "token"}}, nil
	case f.direct:
		return upstream.Outcome{Direct: &upstream.Direct{Location: "/home", Cookies: []string{"session=1"}}}, nil
	}
	f.links = append(f.links, s.Subject)
	return upstream.Outcome{BrokerSubject: s.Subject}, nil
}

func (f *fakeIdP) Finish(context.Context, upstream.Session) (bool, error) {
	if err := f.call("finish"); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.login {
		f.links = nil
	}
	return f.login, nil
}

func (f *fakeIdP) Abandon(context.Context, upstream.Session) error {
	if err := f.call("abandon"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links = nil
	return nil
}
func (f *fakeIdP) LoginURL(context.Context, upstream.Login) (string, error) { return "", nil }
func (f *fakeIdP) LoginResult(context.Context, upstream.Answer, upstream.Login) (upstream.Principal, error) {
	return upstream.Principal{}, upstream.ErrRefused
}
