package person

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/attesttest/wallet"
)

// The formats are those of the gateway.
func TestWhatIsMadeInSoftwareIsBoundAndProves(t *testing.T) {
	hash := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, []byte("a key"))
		for _, p := range parts {
			h.Write(append(p, 0))
		}
		return h.Sum(nil)
	}
	seen := 0
	for _, format := range wallet.Formats(t, attesttest.NewCA(t), hash, func(work func()) error { work(); return nil }) {
		m := format.Method()
		if m == attest.MethodTPM {
			continue
		}
		seen++
		made, err := newThing(m, wallet.Issuer)
		must(t, err)
		e := attest.Enrolling{
			Issuer: wallet.Issuer, AccountID: "id", Name: "regrant-trial-x", UserHandle: make([]byte, 32), Challenge: [32]byte{1}, Random: rand.Reader, Now: time.Now(),
		}
		begun, err := format.(attest.Enroller).Begin(e, []byte("{}"))
		must(t, err)
		answer, err := made.answer(begun.Options, attest.EnrolmentText(e, m))
		must(t, err)
		bound, err := format.(attest.Enroller).Finish(e, begun.Keep, encoded(t, answer))
		if err != nil {
			t.Errorf("%s is not bound: %v", m, err)
			continue
		}
		made.keep(bound.Shown)
		const statement = "a statement"
		proof, err := made.evidence(statement)
		must(t, err)
		handle, err := format.Locate(encoded(t, proof), "id")
		must(t, err)
		in := attest.Input{Body: encoded(t, proof), Challenge: []byte(statement), Now: time.Now()}
		for _, h := range bound.Handles {
			if hmac.Equal(h.Value, handle) {
				in.Bound = attest.Binding{Authenticator: "a", Handle: h.Value, Reference: h.Reference, Counter: h.Counter}
			}
		}
		if _, err := format.Verify(in); err != nil {
			t.Errorf("%s proves nothing: %v", m, err)
		}
		in.Challenge = []byte("another statement")
		if _, err := format.Verify(in); err == nil && m != attest.MethodRecoveryCode && m != attest.MethodPassphrase {
			t.Errorf("%s proves another statement", m)
		}
	}
	if seen != len(Makeable())-1 { // devices are bound by another door
		t.Errorf("%d of %d were tried", seen, len(Makeable()))
	}
}

func TestNothingIsMadeOfAMethodThatNeedsHardware(t *testing.T) {
	if made, err := newThing(attest.MethodTPM, wallet.Issuer); err == nil {
		t.Errorf("%+v", made)
	}
}

func TestAPasskeyOfAnAlgorithmThatIsNotMadeHereCannotBeTold(t *testing.T) {
	k, err := newPasskey(wallet.Issuer)
	must(t, err)
	if _, err := k.answer([]byte(`{"rp":{"id":"x"},"user":{"id":"x"},"challenge":"x","pubKeyCredParams":[{"alg":-8}]}`), ""); StepOf("x", "", err).Outcome != Untold {
		t.Errorf("%v", err)
	}
}

func encoded(t *testing.T, m members) []byte {
	t.Helper()
	text, err := json.Marshal(m)
	must(t, err)
	return text
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
