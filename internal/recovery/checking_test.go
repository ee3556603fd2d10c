package recovery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// mute is an identity provider that says nothing of an account any more once it has said so often.
type mute struct {
	*fakeIdP
	says  int
	asked chan struct{} // closed when it falls silent
}

func (a *mute) State(ctx context.Context, id string) (upstream.State, error) {
	if a.says > 0 {
		a.says--
		return a.fakeIdP.State(ctx, id)
	}
	close(a.asked)
	<-ctx.Done()
	return upstream.State{}, upstream.ErrUnavailable
}

// falling is a service whose identity provider falls silent after so many answers.
func (h *house) falling(says int) (*Service, *mute) {
	c := h.Config
	idp := &mute{h.idp, says, make(chan struct{})}
	c.Adapter = idp
	return New(c), idp
}

// waitedForNobody fails the test if the check ended only when its time was up.
func waitedForNobody(t *testing.T, began time.Time) {
	t.Helper()
	if took := time.Since(began); took > stepTime/2 {
		t.Errorf("it took %s", took)
	}
}

// A check changes nothing, so nobody waits for one that he does not need: not a gateway that ends, and not for a browser that is gone.
func TestACheckEndsWithWhoeverWaitsForIt(t *testing.T) {
	h := newHouse(t)
	s, idp := h.falling(1) // for the first step; not for that after the move
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
	waitedForNobody(t, began)
	if !errors.Is(err, ErrUnavailable) || h.idp.called("revoke") {
		t.Fatalf("%v after %s, want ErrUnavailable", err, h.idp.log())
	}
	if ready, err := h.Continue(t.Context(), ContinueRequest{Browser: browser}); err != nil || !ready.SignIn {
		t.Errorf("the same browser goes on: %+v, %v", ready, err)
	}
}

func TestACheckEndsWhereTheMoveIsNotCommitted(t *testing.T) {
	h := newHouse(t)
	slow := h.leased()
	h.wait(leaseLife)
	must(t, h.takes(slow.Txn))
	s, idp := h.falling(0)
	began := time.Now()
	_, _, err := s.moveOnChecking(t.Context(), slow, StateRevoke, false)
	waitedForNobody(t, began)
	if !errors.Is(err, ErrSpent) {
		t.Errorf("%v, want ErrSpent", err)
	}
	<-idp.asked
}
