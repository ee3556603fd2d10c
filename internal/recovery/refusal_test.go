package recovery

import (
	"errors"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/observe/observetest"
)

// brittle panics at what it is sent.
type brittle struct{ attest.Format }

func (brittle) Verify(attest.Input) (attest.Claims, error) { panic("of " + alice) }

func TestEvidenceThatMakesItsParserPanicIsRefusedAndCounted(t *testing.T) {
	h := newHouse(t)
	verifier, err := attest.NewVerifier(brittle{h.format})
	must(t, err)
	h.Verifier = verifier
	const panics, refusals = `regrant_evidence_panics_total`, `regrant_refusals_total{reason="malformed"}`
	panicsBefore, refusalsBefore := observetest.Value(t, panics), observetest.Value(t, refusals)
	if _, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask()))); !errors.Is(err, ErrRefused) {
		t.Fatalf("error %v", err)
	}
	if observetest.Value(t, panics) != panicsBefore+1 || observetest.Value(t, refusals) != refusalsBefore+1 {
		t.Error("not counted")
	}
}

func TestARefusalIsCountedOnlyOnceItIsJournalled(t *testing.T) {
	h := newHouse(t)
	const series = `regrant_refusals_total{reason="account-disabled"}`
	before := observetest.Value(t, series)
	h.idp.state.Enabled = false
	if _, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask()))); !errors.Is(err, ErrRefused) {
		t.Fatalf("error %v", err)
	}
	if got := observetest.Value(t, series); got != before+1 {
		t.Errorf("%v, was %v", got, before)
	}
}

func TestEveryReasonAgainstAnAuthenticatorHasItsWord(t *testing.T) {
	for err, want := range map[error]string{account.ErrRevoked: "revoked", account.ErrExpired: "expired", account.ErrProbation: "probation"} {
		if got := refusedUnusable(err); got.word != want || got.text != err.Error() {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestStatesAreCountedAsTheyAreEntered(t *testing.T) {
	h := newHouse(t)
	h.DB = observe.DB(h.db)
	const granted, entries = `regrant_recoveries_total{state="granted"}`, `regrant_journal_entries_total{kind="recovery-granted"}`
	grantedBefore, entriesBefore := observetest.Value(t, granted), observetest.Value(t, entries)
	_, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask())))
	must(t, err)
	if observetest.Value(t, granted) != grantedBefore+1 || observetest.Value(t, entries) != entriesBefore+1 {
		t.Error("not counted")
	}
}
