package upstreamtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// ofProgram is s as the gateway asks for it where a program does.
func (f Fixture) ofProgram(s upstream.Session) upstream.Session {
	s.Program = true
	if f.Assert != nil {
		s.Assert = func() (string, error) { return f.Assert(s.Subject) }
	}
	return s
}

// programSession is the name of Session, asked for by a program.
const programSession = "Session of a program"

func (f Fixture) programSession(s upstream.Session) verb {
	return func(ctx context.Context, a upstream.Adapter) error {
		_, err := a.Session(ctx, f.ofProgram(s))
		return err
	}
}

func programGetsToken(t *testing.T, a upstream.Adapter, f Fixture) {
	f.SignIn(t, f.Alice)
	must(t, a.Revoke(t.Context(), f.Alice.ID))
	s := f.ofProgram(newSession(t, f, f.Alice))
	for range 2 { // the answer may get lost
		wantToken(t, a, f, s)
	}
	if _, err := a.Session(t.Context(), f.ofProgram(newSession(t, f, f.Mallory))); a.Facts().Admin && !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("session of a disabled account: %v, want refused", err)
	}
	s.RedeemedAt = s.Now
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished while the answer may be asked for again: %v, %v", done, err)
	}
	s.Now = s.Now.Add(time.Minute)
	for range 2 {
		if done, err := a.Finish(t.Context(), s); !done || err != nil {
			t.Errorf("not finished: %v, %v", done, err)
		}
	}
	must(t, a.Abandon(t.Context(), s))
	wantWaysIn(t, f)
}

// wantToken demands one token and nothing else, and of an access token that the
// way in is gone.
func wantToken(t *testing.T, a upstream.Adapter, f Fixture, s upstream.Session) {
	t.Helper()
	out, err := a.Session(t.Context(), s)
	must(t, err)
	if out.Token == nil || out.Token.Value == "" || out.Token.ExpiresIn < 0 || out.Direct != nil || out.BrokerSubject != "" {
		t.Fatalf("outcome %+v is not a token alone", out)
	}
	switch out.Token.Kind {
	case upstream.TokenSession:
		wantWaysIn(t, f, s.Subject)
	case upstream.TokenAccess:
		wantWaysIn(t, f)
	default:
		t.Errorf("a token of the kind %q", out.Token.Kind)
	}
}
