package recovery

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// setbacks are clocks that go back: by less than the store bears, and by more.
var setbacks = []time.Duration{-time.Second, -59 * time.Second, -3 * time.Hour, -365 * 24 * time.Hour}

// An expired step of a recovery stays expired, whatever the clock does then.
func TestNothingExpiredComesBackWithTheClock(t *testing.T) {
	browser := browserHolder("b")
	for name, hop := range map[string]func(h *house) (life time.Duration, try func() error){
		"proof": func(h *house) (time.Duration, func() error) {
			proof := h.proof(h.initiate(h.ask()))
			return statementLife, func() error { _, err := h.Attest(h.t.Context(), proof); return err }
		},
		"token at the handoff": func(h *house) (time.Duration, func() error) {
			g := h.granted()
			return tokenLife, func() error { _, err := h.Handoff(h.t.Context(), g.Token, h.program()); return err }
		},
		"token at the token endpoint": func(h *house) (time.Duration, func() error) {
			r := h.redemption(h.granted())
			return tokenLife, func() error { return h.Grants().Redeem(h.t.Context(), r) }
		},
		"handoff code": func(h *house) (time.Duration, func() error) {
			code := h.handoff()
			return handoffLife, func() error {
				_, err := h.Continue(h.t.Context(), ContinueRequest{Code: code, Browser: browser})
				return err
			}
		},
		"broker's code": func(h *house) (time.Duration, func() error) {
			_, signature := h.inSession(browser)
			return time.Minute, func() error { return h.Logins().Redeem(h.t.Context(), signature) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			life, try := hop(h)
			before := len(h.entries(journal.KindRecoveryGranted)) + len(h.entries(journal.KindRecoveryRedeemed))
			h.sweep(life)
			if err := try(); err == nil {
				t.Fatal("not expired")
			}
			for _, back := range setbacks {
				h.wait(back)
				if err := try(); err == nil {
					t.Errorf("accepted after the clock went back by %v", -back)
				}
				h.wait(-back)
			}
			if n := len(h.entries(journal.KindRecoveryGranted)) + len(h.entries(journal.KindRecoveryRedeemed)); n != before {
				t.Errorf("%d entries of grants and redemptions, want %d", n, before)
			}
		})
	}
}

// leased is a recovery with a step under way.
func (h *house) leased() *record {
	h.t.Helper()
	r := h.redemption(h.granted())
	must(h.t, h.Grants().Redeem(h.t.Context(), r))
	h.wait(leaseLife) // the lease of the redemption
	rec, err := h.take(h.t.Context(), h.called(r.Txn), func(storage.Tx, *record) error { return nil })
	must(h.t, err)
	return rec
}

func (h *house) takes(txn string) error {
	_, err := h.take(h.t.Context(), h.called(txn), func(storage.Tx, *record) error { return nil })
	return err
}

// Whoever does a step while the clock jumps forward believes in a lease that ran out. Another one takes it, and only
// that one moves.
func TestJumpForwardLeavesOneOwnerOfAStep(t *testing.T) {
	h := newHouse(t)
	slow := h.leased()
	if err := h.takes(slow.Txn); !errors.Is(err, ErrBusy) {
		t.Fatalf("a second owner: %v", err)
	}
	h.wait(leaseLife)
	must(t, h.takes(slow.Txn))
	if _, err := h.moveOn(t.Context(), slow, StateSession); !errors.Is(err, ErrSpent) {
		t.Errorf("whoever lost the lease moved: %v", err)
	}
	if state := h.state(slow.Txn); state != StatePrepare {
		t.Errorf("state %s", state)
	}
}

// A jump over the end of a recovery ends it: nothing is finished late.
func TestJumpForwardByHoursEndsWhatIsUnderWay(t *testing.T) {
	h := newHouse(t)
	slow := h.leased()
	h.sweep(5 * time.Hour)
	h.sweep(leaseLife)
	if state := h.state(slow.Txn); state != StateAbandoned {
		t.Errorf("state %s", state)
	}
	if _, err := h.moveOn(t.Context(), slow, StateSession); !errors.Is(err, ErrSpent) {
		t.Errorf("moved on: %v", err)
	}
}

// After a jump back nobody takes and nobody moves, until the clock has caught up: then the owner is the same.
func TestJumpBackStopsOwnersAndOthers(t *testing.T) {
	h := newHouse(t)
	owner := h.leased()
	h.wait(-3 * time.Hour)
	if err := h.takes(owner.Txn); !errors.Is(err, ErrUnavailable) {
		t.Errorf("taken: %v", err)
	}
	if _, err := h.moveOn(t.Context(), owner, StateSession); !errors.Is(err, ErrUnavailable) {
		t.Errorf("moved: %v", err)
	}
	if err := h.Grants().Redeem(t.Context(), grant.Redemption{Txn: owner.Txn}); err == nil {
		t.Error("redeemed")
	}
	h.wait(3 * time.Hour)
	if _, err := h.moveOn(t.Context(), owner, StateSession); err != nil {
		t.Errorf("the owner after the clock has caught up: %v", err)
	}
}
