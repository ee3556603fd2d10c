package recovery

import (
	"errors"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
)

// silent is evidence of which nobody can tell whether it is revoked.
type silent struct {
	attest.Format
	reason attest.Reason
}

func (s silent) Verify(attest.Input) (attest.Claims, error) {
	return attest.Claims{}, attest.Refuse(s.reason, "nothing was said")
}

func TestRevocationThatCannotBeToldIsNoRefusalAndNoGrant(t *testing.T) {
	for reason, want := range map[attest.Reason]struct {
		err      error
		refusals int
	}{
		attest.ReasonRevocationUnknown: {ErrUnavailable, 0},
		attest.ReasonRevoked:           {ErrRefused, 1},
	} {
		h := newHouse(t)
		verifier, err := attest.NewVerifier(silent{h.format, reason})
		must(t, err)
		h.Verifier = verifier
		if _, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask()))); !errors.Is(err, want.err) {
			t.Errorf("%s: %v, want %v", reason, err, want.err)
		}
		if n := len(h.entries(journal.KindRecoveryRefused)); n != want.refusals {
			t.Errorf("%s: %d refusals in the journal", reason, n)
		}
	}
}
