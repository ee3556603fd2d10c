package login

import (
	"testing"

	"github.com/regrant/regrant/upstream"
)

func TestASignInProvesWhatItsFactorsAddUpTo(t *testing.T) {
	declared := map[string]upstream.Assurance{"gold": {AAL: upstream.AAL2, PhishingResistant: true}, "weak": {AAL: upstream.AAL1}, "silver": {AAL: upstream.AAL2}}
	for name, c := range map[string]struct {
		acr  string
		amr  []string
		want upstream.Assurance
	}{
		"nothing is said":              {"", nil, upstream.Assurance{AAL: 1}},
		"a class that nobody declared": {"urn:mace:incommon:iap:silver", nil, upstream.Assurance{AAL: 1}},
		"Keycloak's own class":         {"1", nil, upstream.Assurance{AAL: 1}},
		"a class in other letters":     {"Gold", nil, upstream.Assurance{AAL: 1}},
		"a password":                   {"", []string{"pwd"}, upstream.Assurance{AAL: 1}},
		"a password twice":             {"", []string{"pwd", "pin"}, upstream.Assurance{AAL: 1}},
		"a one-time code alone":        {"", []string{"otp"}, upstream.Assurance{AAL: 1}},
		"two things held":              {"", []string{"otp", "swk"}, upstream.Assurance{AAL: 1}},
		"a password and a code":        {"", []string{"pwd", "otp"}, upstream.Assurance{AAL: 2}},
		"a password and a message":     {"", []string{"pwd", "sms"}, upstream.Assurance{AAL: 1}},
		"a password and a face":        {"", []string{"pwd", "face"}, upstream.Assurance{AAL: 1}},
		"a smart card with its PIN":    {"", []string{"sc", "pin"}, upstream.Assurance{AAL: 2}},
		"several factors":              {"", []string{"mfa"}, upstream.Assurance{AAL: 2}},
		"a security key alone":         {"", []string{"hwk"}, upstream.Assurance{AAL: 1, PhishingResistant: true}},
		"a security key and its owner": {"", []string{"hwk", "user"}, upstream.Assurance{AAL: 1, PhishingResistant: true}},
		"a security key and password":  {"", []string{"pwd", "hwk"}, upstream.Assurance{AAL: 2, PhishingResistant: true}},
		"a passkey with fingerprint":   {"", []string{"webauthn", "fpt"}, upstream.Assurance{AAL: 2, PhishingResistant: true}},
		"methods that nobody knows":    {"", []string{"magic", "more magic", "HWK"}, upstream.Assurance{AAL: 1}},
		"a declared class":             {"silver", []string{"pwd"}, upstream.Assurance{AAL: 2}},
		"one that is not phishable":    {"gold", nil, upstream.Assurance{AAL: 2, PhishingResistant: true}},
		"less declared than was used":  {"weak", []string{"pwd", "otp"}, upstream.Assurance{AAL: 2}},
	} {
		who := upstream.Principal{ACR: c.acr, AMR: c.amr}
		if got := assess(declared, who, false); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if got := assess(declared, who, true); got != (upstream.Assurance{AAL: 1}) {
			t.Errorf("%s, in a recovery: %+v", name, got)
		}
	}
}
