package enrolment

import (
	"io"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

func TestOnlyWhatIsBoundToAnAccountThatIsWaivedCountsAtOnce(t *testing.T) {
	h := open(t)
	h.Waived = func(_ storage.Reader, accountID string) (bool, error) { return accountID == bobID, nil }
	if b := h.bind(h.visit(bobID, "pwd"), attest.MethodSSHKey, "key of bob"); b.EffectiveAt.After(h.Clock()) {
		t.Errorf("bob's counts from %s on", b.EffectiveAt)
	}
	if b := h.bind(h.alice(), attest.MethodSSHKey, "key of alice"); b.EffectiveAt.Before(h.Clock().Add(probation)) {
		t.Errorf("alice's counts from %s on", b.EffectiveAt)
	}
}

func TestNothingIsBoundIfItCannotBeToldWhetherProbationIsWaived(t *testing.T) {
	h := open(t)
	h.Waived = func(storage.Reader, string) (bool, error) { return true, io.ErrUnexpectedEOF }
	v := h.alice()
	if b, err := h.Finish(t.Context(), v, attest.MethodSSHKey, Answer{State: h.begun(v, attest.MethodSSHKey).State, Body: []byte("key")}); err == nil {
		t.Errorf("%+v", b)
	}
	if len(h.all(aliceID)) != 0 {
		t.Error("it is bound")
	}
}
