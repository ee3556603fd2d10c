package tpm_test

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

var (
	now       = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)
	challenge = []byte("thirty-two bytes to be quoted  .")
)

// scene is a good quote over PCR 0 and 7. A test changes one thing of it.
type scene struct {
	ak     *tpmtest.Key
	log    *tpmtest.Log
	quote  tpm.Quote
	demand tpm.Demand
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{ak: tpmtest.NewAK(t), log: tpmtest.Boot(), demand: tpm.Demand{Challenge: challenge, PCRs: []int{0, 7}}}
	s.sign(s.ak.Quote(challenge, s.registers(), nil))
	s.quote.AK = s.ak.Area()
	s.quote.PCRs = s.registers().Format()
	return s
}

func (s *scene) registers() tpm.Registers { return tpm.Registers{0: s.log.PCRs[0], 7: s.log.PCRs[7]} }

func (s *scene) sign(a tpmtest.Attestation) {
	s.quote.Attest, s.quote.Signature = a.Attest, a.Signature
}

func (s *scene) mustVerify(t *testing.T) tpm.State {
	t.Helper()
	state, err := s.quote.Verify(s.demand)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func (s *scene) mustRefuse(t *testing.T, reason attest.Reason) {
	t.Helper()
	state, err := s.quote.Verify(s.demand)
	refused(t, err, reason)
	if state.AKName != nil || state.PCRs != nil {
		t.Errorf("a state came with the refusal: %+v", state)
	}
}

func refused(t *testing.T, err error, reason attest.Reason) {
	t.Helper()
	if e, ok := errors.AsType[*attest.Error](err); !ok || e.Reason != reason {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
}

func anyRefusal(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*attest.Error](err); !ok {
		t.Errorf("error is %v, not a refusal", err)
	}
}
