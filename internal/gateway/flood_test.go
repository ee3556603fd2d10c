package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

// flood is how much a stranger does against one account.
const flood = 1000

// stranger is somebody who has seen the certificate of the owner's device, and asks from another network each time.
func (h *house) stranger(owner *program) *program {
	key := attesttest.NewKey(h.t)
	return &program{h: h, key: key, device: &attesttest.Device{Key: key, Chain: owner.device.Chain, Algorithm: "ES256"}}
}

// With 1,000 initiates and 1,000 bad attests against one account, an anonymous party causes nothing that its owner would
// notice: no device is disabled, nobody is told or slowed down, and the recovery takes two requests as always.
func TestAFloodAgainstAnAccountCostsItsOwnerNothing(t *testing.T) {
	h := open(t, func(h *house) { h.limiter.PerNetwork = throttle.Rate{Burst: 2, Every: time.Hour} })
	home := h.addr
	h.addr = placed(1 << 15)
	owner := h.enrolled()
	before := h.messages() // of the code and the device
	if before == 0 {
		t.Fatal("messages are not counted")
	}
	stranger := h.stranger(owner)
	for i := range flood {
		h.addr = placed(i)
		begun := stranger.initiate("sign-in")
		wantProblem(t, stranger.post("/recovery/attest", stranger.evidence(begun)), http.StatusForbidden, wire.ProblemRefused, "")
	}
	if n := h.refusals(); n != flood {
		t.Errorf("%d refusals are in the journal, want %d", n, flood)
	}
	if n := h.messages() - before; n != 0 {
		t.Errorf("the owner is told %d times", n)
	}
	h.addr = home
	owner.granted("sign-in") // at once
	must(t, h.DB.View(t.Context(), func(r storage.Reader) error {
		bound, err := h.Accounts.Living(r, aliceID)
		if len(bound) != 1 || bound[0].Usable(time.Now()) != nil {
			t.Errorf("the owner's devices are now %+v", bound)
		}
		return err
	}))
}

// A recovery that somebody else began cannot be used up by who is not its holder.
func TestAStrangerCannotBurnARecovery(t *testing.T) {
	h := open(t)
	owner := h.enrolled()
	stranger := h.stranger(owner)
	begun := owner.initiate("sign-in")
	for range 20 {
		wantProblem(t, stranger.post("/recovery/attest", stranger.evidence(begun)), http.StatusForbidden, wire.ProblemRefused, "")
	}
	answer[wire.AttestResponse](t, owner.post("/recovery/attest", owner.evidence(begun)))
}

func TestInitiatingWritesNothing(t *testing.T) {
	h := open(t)
	stranger := &program{h: h, key: attesttest.NewKey(t)}
	before := h.db.writes.Load()
	for range 100 {
		stranger.initiate("sign-in")
	}
	if n := h.db.writes.Load() - before; n != 0 {
		t.Errorf("%d writes", n)
	}
}

// Whoever knows no part of an activation code uses none of its guesses up.
func TestGuessingCodesBlindlyCostsTheOwnerNothing(t *testing.T) {
	h := open(t)
	code, err := h.Authority.NewCode(t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(t, err)
	request := csr(t, attesttest.NewKey(t))
	for range 100 {
		w := h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{ActivationCode: "0000-0000-0000-0000-0000-0000-0000-0000", CSR: request})
		wantProblem(t, w, http.StatusForbidden, wire.ProblemInvalidCode, "")
	}
	answer[wire.EnrollResponse](t, h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{ActivationCode: code.Text, CSR: request}))
}

func (h *house) refusals() int {
	h.t.Helper()
	return len(journaltest.Of(h.t, h.DB, journal.New("main"), journal.KindRecoveryRefused))
}

// messages counts what waits to be sent to owners.
func (h *house) messages() (n int) {
	h.t.Helper()
	must(h.t, h.DB.View(h.t.Context(), func(r storage.Reader) error {
		n = 0
		for _, err := range r.Scan([]byte("main/outbox\x00"), nil, 0) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}
