package upstreamtest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// ruledOut is what an adapter answers that has less to offer.
func ruledOut(t *testing.T, a upstream.Adapter, f Fixture) {
	facts := a.Facts()
	if !facts.Admin {
		if _, err := a.Resolve(t.Context(), f.Alice.Identifiers[0]); !errors.Is(err, upstream.ErrUnsupported) {
			t.Errorf("resolving: %v, want unsupported", err)
		}
		if state, err := a.State(t.Context(), f.Alice.ID); err != nil || state.ID != f.Alice.ID || len(state.Identifiers) > 0 {
			t.Errorf("state %+v, %v knows more than the id", state, err)
		}
	}
	if err := a.Revoke(t.Context(), f.Alice.ID); !facts.Revokes && !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("revoking: %v, want unsupported", err)
	}
	if len(facts.Programs) == 0 && facts.Direct {
		s := newSession(t, f, f.Alice)
		s.Program = true
		if out, err := a.Session(t.Context(), s); err == nil {
			t.Errorf("a program got %+v", out)
		}
	}
}

// loginIsNeeded is of a server that signs people in to applications alone.
func loginIsNeeded(t *testing.T, a upstream.Adapter, f Fixture) {
	s := newSession(t, f, f.Alice)
	for _, entry := range []string{"", "return_to=https%3A%2F%2Fapp.example.com", s.Entry + "x", "%zz"} {
		s.Entry = entry
		if out, err := a.Session(t.Context(), s); !errors.Is(err, upstream.ErrNoLogin) {
			t.Errorf("from %q: %+v, %v, want no login", entry, out, err)
		}
	}
	wantWaysIn(t, f)
}

// finishWaits is of a server at which nothing stands that could be taken away.
func finishWaits(t *testing.T, a upstream.Adapter, f Fixture) {
	s := newSession(t, f, f.Alice)
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished before the code was redeemed: %v, %v", done, err)
	}
	s.RedeemedAt = s.Now
	if done, err := a.Finish(t.Context(), s); !done || err != nil {
		t.Errorf("not finished: %v, %v", done, err)
	}
}

// loginTells goes through the gateway's own login.
func loginTells(t *testing.T, a upstream.Adapter, f Fixture) {
	l := upstream.Login{
		RedirectURI: f.RedirectURI, State: rand.Text(), Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), Started: time.Now(),
	}
	to, err := a.LoginURL(t.Context(), l)
	must(t, err)
	back := f.LogIn(t, to, l)
	stolen := l
	stolen.Verifier = rand.Text() + rand.Text()
	if who, err := a.LoginResult(t.Context(), back, stolen); err == nil {
		t.Errorf("without its verifier, a code names %+v", who)
	}
	back = f.LogIn(t, to, l) // some servers let a code be tried once only
	who, err := a.LoginResult(t.Context(), back, l)
	if err != nil || who.AccountID != f.Alice.ID || len(who.Identifiers) == 0 || who.Identifiers[0] != f.Alice.Identifiers[0] {
		t.Errorf("%+v, %v, want %+v", who, err, f.Alice)
	}
	if _, err := a.LoginResult(t.Context(), back, l); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("the second time: %v, want refused", err)
	}
	p := newProxy(t, f.URL)
	for name, fault := range serverFaults(t) {
		broken := f.New(t, p.URL)
		back := f.LogIn(t, to, l)
		p.breakWith(fault)
		if err := impatiently(t, name, broken, func(ctx context.Context, a upstream.Adapter) error {
			_, err := a.LoginResult(ctx, back, l)
			return err
		}); !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("a login under %s: %v, want unavailable", name, err)
		}
		p.breakWith(nil)
	}
}
