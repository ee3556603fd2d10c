package appraise_test

import (
	"testing"

	"github.com/regrant/regrant/attest/appraise"
)

// Null for a member of a list is not the zero of its type.
func TestNullInAListIsAnError(t *testing.T) {
	s, chip := newScene(t), newTPM(t)
	for _, q := range []object{
		in(chip.quote(), "expect", object{"pcrs": []any{nil}}),
		in(chip.quote(), "expect", object{"reference": object{"0": []any{nil}}}),
		in(goodAndroid(t), "expect", object{"packages": []any{"org.example.wallet", nil}}),
		in(s.chain(), "expect", object{"extended_key_usage": []any{nil}}),
	} {
		mustFail(t, q)
	}
	mustAccept(t, in(chip.quote(), "expect", object{"reference": nil}))
	mustAccept(t, in(s.chain(), "expect", object{"extended_key_usage": nil}))
}

// An auditor who expects something must not be told that it holds because nobody looked.
func TestAFormatThatExpectsNothingTakesNoWish(t *testing.T) {
	s, chip := newScene(t), newTPM(t)
	for name, q := range map[string]object{
		"crl": s.crl(t, nil), "ocsp": s.ocsp(t, nil), "tpm-certify": chip.certify(), "tpm-event-log": chip.eventLog(),
	} {
		mustAccept(t, q)
		for _, wish := range []any{object{"secure_boot": true}, 5} {
			q["expect"] = wish
			if a := ask(t, q); a.Verdict != appraise.Error {
				t.Errorf("%s with %v: %+v", name, wish, a)
			}
		}
	}
}
