package recovery

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
)

// held is an identity provider that answers the preparation of an account when it is let go.
type held struct {
	*fakeIdP
	entered, leave chan struct{}
}

func (h held) Prepare(ctx context.Context, id string, actions []attest.Action) error {
	close(h.entered)
	<-h.leave
	return h.fakeIdP.Prepare(ctx, id, actions)
}

// During a reload the old configuration has a request under way while the new one works on the same store. Which of the two
// goes on is decided by the lease.
func TestOfTwoConfigurationsOneGoesOn(t *testing.T) {
	for name, late := range map[string]bool{"the old one is slow": false, "the old one is too slow": true} {
		t.Run(name, func(t *testing.T) {
			young := newHouse(t)
			slow := held{young.idp, make(chan struct{}), make(chan struct{})}
			c := young.Config
			c.Adapter = slow
			old := New(c)
			browser := browserHolder("b")
			code, done := young.handoff(), make(chan error, 1)
			go func() {
				_, err := old.Continue(t.Context(), ContinueRequest{Code: code, Browser: browser})
				done <- err
			}()
			<-slow.entered
			if _, err := young.Continue(t.Context(), ContinueRequest{Browser: browser}); !errors.Is(err, ErrBusy) {
				t.Fatalf("while the old one is at it: %v, want ErrBusy", err)
			}
			if late {
				young.sweep(leaseLife + time.Second)
			}
			close(slow.leave)
			if err := <-done; late != errors.Is(err, ErrSpent) || !late && err != nil {
				t.Fatalf("the old one: %v", err)
			}
			if rec := young.only(); rec.State != StateSession || len(young.entries(journal.KindRecoveryRedeemed)) != 1 {
				t.Fatalf("state %s, redeemed %d times", rec.State, len(young.entries(journal.KindRecoveryRedeemed)))
			}
			ready, err := young.Continue(t.Context(), ContinueRequest{Browser: browser})
			if err != nil || !ready.SignIn {
				t.Fatalf("%+v, %v", ready, err)
			}
		})
	}
}
