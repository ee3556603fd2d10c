package recovery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// mute is an identity provider that says nothing of an account.
type mute struct {
	*fakeIdP
	asked chan struct{} // closed when it was asked
}

func (a mute) State(ctx context.Context, _ string) (upstream.State, error) {
	close(a.asked)
	<-ctx.Done()
	return upstream.State{}, upstream.ErrUnavailable
}

// An identity provider that is asked nothing of accounts cannot say no either.
func TestNoStepBeginsWhenNobodyWaits(t *testing.T) {
	h := newHouse(t)
	ctx, goAway := context.WithCancel(t.Context())
	h.idp.onRevoke = goAway
	if _, err := h.Continue(ctx, ContinueRequest{Code: h.handoff(), Browser: browserHolder("b"), Enter: true}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
	if got := h.idp.log(); h.idp.called("prepare") || h.only().leased(h.Clock()) {
		t.Errorf("asked for %s, leased until %s", got, h.only().LeaseUntil)
	}
	h.wantDelays() // that somebody goes away is nothing to look into
}

// A check changes nothing, so nobody waits for one that he does not need: not a gateway that ends, and not for a browser that is gone.
func TestACheckEndsWithWhoeverWaitsForIt(t *testing.T) {
	h := newHouse(t)
	c, idp := h.Config, mute{h.idp, make(chan struct{})}
	c.Adapter = idp
	s := New(c)
	ctx, goAway := context.WithCancel(t.Context())
	browser, code, done := browserHolder("b"), h.handoff(), make(chan error, 1)
	go func() {
		_, err := s.Continue(ctx, ContinueRequest{Code: code, Browser: browser})
		done <- err
	}()
	<-idp.asked
	goAway()
	began := time.Now()
	err := <-done
	if took := time.Since(began); took > stepTime/2 {
		t.Errorf("it took %s", took)
	}
	if !errors.Is(err, ErrUnavailable) || h.idp.called("revoke") {
		t.Fatalf("%v after %s, want ErrUnavailable", err, h.idp.log())
	}
	if ready, err := h.Continue(t.Context(), ContinueRequest{Browser: browser}); err != nil || !ready.SignIn {
		t.Errorf("the same browser goes on: %+v, %v", ready, err)
	}
}
