package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
)

var every = []attest.Method{
	attest.MethodPasskey, attest.MethodDeviceCertificate, attest.MethodTPM, attest.MethodSSHKey, attest.MethodRecoveryKey,
	attest.MethodRecoveryCode, attest.MethodPassphrase, "guest",
}

// proofs reads names of methods; one with a star is a proof that is relay-resistant.
func proofs(list string) (out []Proof) {
	for name := range strings.FieldsSeq(list) {
		method, star := strings.CutSuffix(name, "*")
		out = append(out, Proof{Method: attest.Method(method), RelayResistant: star})
	}
	return out
}

func decide(t *testing.T, c Config, list string) Decision {
	t.Helper()
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	in := good()
	in.Proofs = proofs(list)
	return p.Decide(in)
}

// what suffices with all methods configured and no risk analysis.
func TestWhatSufficesWithoutARiskAnalysis(t *testing.T) {
	for list, want := range map[string]string{
		"passkey*":                              tierMultiFactor,
		"passkey":                               "more",
		"passkey recovery-code":                 tierCodeAndKey,
		"device-certificate*":                   "more",
		"device-certificate* recovery-code":     tierCodeAndKey,
		"device-certificate recovery-code":      tierCodeAndKey,
		"tpm* recovery-code":                    tierCodeAndKey,
		"ssh-key recovery-code":                 tierCodeAndKey,
		"recovery-key recovery-code":            tierCodeAndKey,
		"recovery-code":                         "more",
		"recovery-code recovery-code":           "more", // two of one class
		"ssh-key":                               "more",
		"recovery-key":                          "more",
		"ssh-key recovery-key":                  "more",
		"device-certificate* tpm* ssh-key":      "more",
		"passphrase":                            "refused",
		"passphrase passphrase":                 "refused",
		"guest*":                                "refused",
		"passphrase guest":                      "refused",
		"device-certificate* passphrase":        "more",
		"recovery-code passphrase":              "more",
		"recovery-code guest*":                  "more",
		"device-certificate* guest* passphrase": "more",
	} {
		if got := outcomeOf(decide(t, Config{Methods: every}, list)); got != want {
			t.Errorf("%s: %s, want %s", list, got, want)
		}
	}
}

func outcomeOf(d Decision) string {
	switch {
	case d.Granted():
		return d.Tier()
	case d.More():
		return "more"
	default:
		return "refused"
	}
}

func TestLessNeedsARiskAnalysis(t *testing.T) {
	for list, c := range map[string]struct{ accepted, want string }{
		"device-certificate*":              {"device-certificate", "device-certificate"},
		"device-certificate":               {"device-certificate", "more"},
		"tpm*":                             {"tpm", "tpm"},
		"ssh-key":                          {"ssh-key", "more"}, // carried by hand, and alone: an attacker could have asked for it
		"ssh-key recovery-key":             {"ssh-key", "more"}, // of one class
		"ssh-key passphrase":               {"passphrase", tierAccepted},
		"recovery-code passphrase":         {"passphrase", tierAccepted},
		"passphrase":                       {"passphrase", "more"},
		"passphrase guest":                 {"passphrase", "more"},
		"recovery-code guest":              {"guest", tierAccepted},
		"recovery-code device-certificate": {"device-certificate", tierCodeAndKey},
	} {
		d := decide(t, Config{Methods: every, RiskAnalysis: map[attest.Method]string{attest.Method(c.accepted): "RA-1"}}, list)
		if got := outcomeOf(d); got != c.want {
			t.Errorf("%s with %s accepted: %s, want %s", list, c.accepted, got, c.want)
		}
		if rests := d.Granted() && d.Tier() != tierCodeAndKey; (d.RiskAnalysis() == "RA-1") != rests {
			t.Errorf("%s: rests on %q", list, d.RiskAnalysis())
		}
	}
}

// an operator learns at once that nobody could recover.
func TestMethodsThatCanNeverSufficeAreAnError(t *testing.T) {
	for list, ok := range map[string]bool{
		"":                                 false,
		"passkey":                          true,
		"device-certificate":               false,
		"recovery-code":                    false,
		"ssh-key recovery-key passphrase":  false,
		"recovery-code passphrase guest":   false,
		"recovery-code ssh-key":            true,
		"recovery-code device-certificate": true,
	} {
		var methods []attest.Method
		for name := range strings.FieldsSeq(list) {
			methods = append(methods, attest.Method(name))
		}
		if _, err := New(Config{Methods: methods}); (err == nil) != ok || (err != nil && !errors.Is(err, ErrNothingSuffices)) {
			t.Errorf("%q: %v", list, err)
		}
	}
	if _, err := New(Config{Methods: []attest.Method{attest.MethodDeviceCertificate}, RiskAnalysis: map[attest.Method]string{attest.MethodDeviceCertificate: "RA-1"}}); err != nil {
		t.Error(err)
	}
	if _, err := New(Config{Methods: []attest.Method{attest.MethodSSHKey}, RiskAnalysis: map[attest.Method]string{attest.MethodSSHKey: "RA-1"}}); err == nil {
		t.Error("a lone SSH key can never be granted at once")
	}
}

func TestMoreIsAskedOnlyWhereItCanHelp(t *testing.T) {
	for list, want := range map[string]string{"ssh-key": "refused", "passkey": "refused", "passkey*": tierMultiFactor} {
		noCodes := Config{Methods: []attest.Method{attest.MethodPasskey, attest.MethodSSHKey}}
		if got := outcomeOf(decide(t, noCodes, list)); got != want {
			t.Errorf("%s where there are no codes: %s, want %s", list, got, want)
		}
	}
	onlyDevice := Config{Methods: []attest.Method{attest.MethodDeviceCertificate}, RiskAnalysis: map[attest.Method]string{attest.MethodDeviceCertificate: "RA-1"}}
	if got := outcomeOf(decide(t, onlyDevice, "device-certificate")); got != "refused" {
		t.Errorf("a relayed device certificate with nothing else configured: %s", got)
	}
}

func TestWhatSpeaksAgainstTheAccountRefusesAtOnce(t *testing.T) {
	p, err := New(Config{Methods: every})
	if err != nil {
		t.Fatal(err)
	}
	in := good()
	in.Proofs, in.Account.Enabled = proofs("recovery-code"), false
	if d := p.Decide(in); d.More() || d.Granted() || len(d.Reasons()) == 0 {
		t.Errorf("%+v", d)
	}
}

func TestARehearsalStandsAlone(t *testing.T) {
	p, err := New(Config{Methods: every})
	if err != nil {
		t.Fatal(err)
	}
	in := good()
	in.Proofs, in.Available = proofs("passkey*"), nil
	in.Actions = []attest.Action{attest.ActionRehearse}
	if d := p.Decide(in); !d.Granted() {
		t.Errorf("alone: %v", d.Reasons())
	}
	in.Actions, in.Available = []attest.Action{attest.ActionSignIn, attest.ActionRehearse}, []attest.Action{attest.ActionSignIn, attest.ActionRehearse}
	if d := p.Decide(in); d.Granted() {
		t.Error("granted with another action")
	}
}

func TestEnoughIsWhatTheBestProofsWouldBeGranted(t *testing.T) {
	p, err := New(Config{
		Methods:      []attest.Method{attest.MethodPasskey, attest.MethodDeviceCertificate, attest.MethodTPM, attest.MethodSSHKey, attest.MethodRecoveryCode, attest.MethodPassphrase},
		RiskAnalysis: map[attest.Method]string{attest.MethodTPM: "RA-1", attest.MethodPassphrase: "RA-2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]bool{
		"":                                 false,
		"passkey":                          true,
		"recovery-code passkey":            true,
		"device-certificate":               false,
		"tpm":                              true, // accepted, and it can resist relays
		"ssh-key":                          false,
		"recovery-code":                    false,
		"recovery-code recovery-code":      false,
		"recovery-code ssh-key":            true,
		"recovery-code device-certificate": true,
		"ssh-key device-certificate":       false,
		"passphrase":                       false,
		"passphrase ssh-key":               true,
		"recovery-code recovery-key":       false, // which is not configured
		"guest":                            false,
	} {
		var methods []attest.Method
		for _, f := range proofs(list) {
			methods = append(methods, f.Method)
		}
		if got := p.Enough(methods); got != want {
			t.Errorf("%q: %v, want %v", list, got, want)
		}
		if got := p.EnoughWithoutBrowser(methods); got != (want && list != "passkey") { // whose page tells that nobody relays it
			t.Errorf("%q, of a program: %v", list, got)
		}
	}
}
