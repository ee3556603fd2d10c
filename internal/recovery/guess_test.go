package recovery

import (
	"errors"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
)

// a hundred wrong guesses in a row disable the secret that was guessed at, and nothing else of the owner.
func TestGuessingDisablesTheSecretAndNothingElse(t *testing.T) {
	p := newPair(t)
	for range account.MaxFailures {
		req := p.both()
		req.Evidence = []attest.Evidence{word(code, "one wrong")}
		if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	if err := p.authenticator(p.codes.ID).Usable(p.Clock()); !errors.Is(err, account.ErrDisabled) {
		t.Errorf("the codes: %v", err)
	}
	if _, err := p.Attest(t.Context(), p.both()); !errors.Is(err, ErrRefused) {
		t.Errorf("the right code after that: %v", err)
	}
	if err := p.authenticator(p.bound.ID).Usable(p.Clock()); err != nil {
		t.Errorf("the device: %v", err)
	}
	if p.notices(MessageDisabled) != 1 || len(p.entries(journal.KindAuthenticatorDisabled)) != 1 {
		t.Error("the owner or the journal was not told once")
	}
}

// A stranger who does not hold the selector counts against nobody.
func TestAGuessAtNothingCountsAgainstNobody(t *testing.T) {
	p := newPair(t)
	req := p.both()
	req.Evidence = []attest.Evidence{word(code, "unknown guess")}
	if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	if n := p.authenticator(p.codes.ID).Failures; n != 0 {
		t.Errorf("%d failures", n)
	}
}

// What can be guessed is not even judged before a proof that cannot.
func TestAPassphraseIsJudgedLastAndOnlyBesideAnotherProof(t *testing.T) {
	const passphrase = attest.MethodPassphrase
	p := newPair(t, passphrase)
	p.bind(passphrase, aliceID, aliceID+" horse")
	words, _ := p.Verifier.Format(passphrase).(*wordFormat)
	req := p.both()
	req.Evidence = []attest.Evidence{word(passphrase, "x horse")}
	if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) || words.judged != 0 {
		t.Errorf("alone: %v, judged %d times", err, words.judged)
	}
	req = p.both()
	req.Evidence = []attest.Evidence{word(passphrase, "x wrong"), word(code, "one wrong")}
	if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) || words.judged != 0 {
		t.Errorf("beside a wrong code: %v, judged %d times", err, words.judged)
	}
	req = p.both()
	req.Evidence = append([]attest.Evidence{word(passphrase, "x horse")}, req.Evidence...)
	if out, err := p.Attest(t.Context(), req); err != nil || out.Outcome != OutcomeGranted || words.judged != 1 {
		t.Errorf("beside good proofs: %v, judged %d times", err, words.judged)
	}
}
