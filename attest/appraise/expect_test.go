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

func TestExpectationsOfAChainAreReadWhole(t *testing.T) {
	s := newScene(t)
	mustAccept(t, in(s.chain(), "expect", object{"extended_key_usage": []string{"1.3.6.1.5.5.7.3.2"}, "spki_sha256": encode(s.device.Handle())}))
	for name, wish := range map[string]object{
		"key that is no base64":   {"spki_sha256": "!"},
		"key of another type":     {"spki_sha256": 1},
		"OID of one arc":          {"extended_key_usage": []string{"1"}},
		"OID with a long arc":     {"extended_key_usage": []string{"1.3.2147483648"}},
		"OID with a longer arc":   {"extended_key_usage": []string{"1.3.18446744073709551616"}},
		"OID with an empty arc":   {"extended_key_usage": []string{"1.3..2"}},
		"OID with a sign":         {"extended_key_usage": []string{"1.3.+6"}},
		"OID that is empty":       {"extended_key_usage": []string{""}},
		"purpose in another case": {"extended_key_usage": []string{"ANY"}},
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, in(s.chain(), "expect", wish)) })
	}
}
