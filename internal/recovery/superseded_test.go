package recovery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

// superseded brings a recovery to its sign-in, whose form somebody leaves open, and a newer one to its end.
func (h *house) superseded() (earlier string) {
	h.t.Helper()
	earlier, signature := h.inSession(browserHolder("b"))
	must(h.t, h.Logins().Redeem(h.t.Context(), signature))
	newer, signature := h.inSession(browserHolder("c"))
	must(h.t, h.Logins().Redeem(h.t.Context(), signature))
	h.idp.login = true
	h.sweep(time.Minute)
	if h.state(newer) != StateDone {
		h.t.Fatalf("newer %s", h.state(newer))
	}
	return earlier
}

func TestWhatASupersededRecoveryOpensLateIsTakenAway(t *testing.T) {
	h := newHouse(t)
	earlier := h.superseded()
	before := h.idp.log()
	h.sweep(time.Minute)
	h.sweep(time.Minute)
	if after := strings.TrimPrefix(h.idp.log(), before); after != " abandon abandon" || h.state(earlier) != StateAbandoning {
		t.Fatalf("asked%s, state %s", after, h.state(earlier))
	}
	h.sweep(finishLife)
	if h.state(earlier) != StateAbandoned {
		t.Fatalf("state %s", h.state(earlier))
	}
}

func TestAVetoReachesARecoveryThatANewerOneSuperseded(t *testing.T) {
	h := newHouse(t)
	earlier := h.superseded()
	h.revokeDevice()
	before := h.idp.log()
	h.sweep(time.Minute)
	h.sweep(time.Minute)
	if after := strings.TrimPrefix(h.idp.log(), before); after != " revoke abandon revoke abandon" || h.state(earlier) != StateAbandoning {
		t.Fatalf("asked%s, state %s", after, h.state(earlier))
	}
	rec, err := h.view(t.Context(), earlier)
	must(t, err)
	if h.notices(fmt.Sprintf(textStopped, "Alice's laptop", rec.Reference)) != 1 {
		t.Fatal("the owner was not told that it was stopped, or more than once")
	}
	if reasons := h.entries(journal.KindRecoveryAbandoned); len(reasons) != 2 || reasons[0].Detail["reason"] != whyRevoked {
		t.Fatalf("journal: %+v", reasons)
	}
}

// Its owner was told that it ended, and no sign-in had begun.
func TestAVetoSaysNothingNewOfARecoveryThatOpenedNothing(t *testing.T) {
	h := newHouse(t)
	h.inSession(browserHolder("b"))
	h.idp.set("abandon", upstream.ErrUnavailable)
	h.sweep(completionLife + time.Second)
	h.revokeDevice()
	h.sweep(leaseLife)
	if h.only().State != StateAbandoning || h.notices(MessageAbandoned) != 1 || len(h.entries(journal.KindRecoveryAbandoned)) != 1 {
		t.Fatalf("state %s, %d notices, %d entries", h.only().State, h.notices(MessageAbandoned), len(h.entries(journal.KindRecoveryAbandoned)))
	}
}
