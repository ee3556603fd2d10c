package upstreamtest

import (
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

func finishTakesAway(t *testing.T, a upstream.Adapter, f Fixture) {
	s := newSession(t, f, f.Alice)
	if _, err := a.Session(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	s.Now = s.GrantedAt.Add(time.Hour) // however late: not redeemed, so still needed
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished before the code was redeemed: %v, %v", done, err)
	}
	wantWaysIn(t, f, s.Subject)
	s.RedeemedAt = s.Now.Add(-59 * time.Second)
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished before the login showed: %v, %v", done, err)
	}
	wantWaysIn(t, f, s.Subject)
	s.Now = s.Now.Add(time.Second)
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished although no login showed: %v, %v", done, err)
	}
	wantWaysIn(t, f)
}

// finishLeaves is of an adapter whose session is the way in.
func finishLeaves(t *testing.T, a upstream.Adapter, f Fixture) {
	f.SignIn(t, f.Alice)
	s := newSession(t, f, f.Alice)
	outcome, err := a.Session(t.Context(), s)
	must(t, err)
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished before the session was answered: %v, %v", done, err)
	}
	s.RedeemedAt = s.Now
	if f.Follow != nil {
		late := s
		late.Now = s.Now.Add(time.Minute)
		if done, err := a.Finish(t.Context(), late); done || err != nil {
			t.Errorf("finished although the browser has not followed: %v, %v", done, err)
		}
	}
	f.follow(t, s, outcome)
	if done, err := a.Finish(t.Context(), s); done || err != nil {
		t.Errorf("finished while the answer may be asked for again: %v, %v", done, err)
	}
	if n := f.Sessions(t, f.Alice); n != 1 {
		t.Errorf("%d sessions stand, want the recovery's own", n)
	}
	s.Now = s.Now.Add(time.Minute)
	for range 2 {
		if done, err := a.Finish(t.Context(), s); !done || err != nil {
			t.Errorf("not finished: %v, %v", done, err)
		}
	}
	wantWaysIn(t, f, s.Subject)
	must(t, a.Abandon(t.Context(), s))
	wantWaysIn(t, f)
}
