package policy

import (
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
)

func good() Input {
	return Input{
		Proofs:    []Proof{{Method: attest.MethodDeviceCertificate, RelayResistant: true}},
		Account:   Account{OwnsIdentifier: true, Enabled: true, Privilege: PrivilegeOrdinary},
		Actions:   []attest.Action{attest.ActionSignIn},
		Available: []attest.Action{attest.ActionSignIn, attest.ActionResetPassword},
	}
}

func TestTheZeroDecisionRefuses(t *testing.T) {
	if (Decision{}).Granted() {
		t.Fatal("the zero Decision grants")
	}
}

func TestEachReasonAloneRefuses(t *testing.T) {
	p, err := New(Config{Methods: []attest.Method{attest.MethodDeviceCertificate}, RiskAnalysis: map[attest.Method]string{attest.MethodDeviceCertificate: "RA-1"}})
	if err != nil {
		t.Fatal(err)
	}
	d := p.Decide(good())
	if !d.Granted() || d.RiskAnalysis() != "RA-1" || len(d.Reasons()) != 0 {
		t.Fatalf("the good case is refused: %v", d.Reasons())
	}
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   Reason
	}{
		{"no proof", func(in *Input) { in.Proofs = nil }, ReasonNoProof},
		{"another method", func(in *Input) { in.Proofs[0].Method = "knock-knock" }, ReasonMethod},
		{"relayed proof", func(in *Input) { in.Proofs[0].RelayResistant = false }, ReasonRelay},
		{"somebody else's identifier", func(in *Input) { in.Account.OwnsIdentifier = false }, ReasonIdentifier},
		{"disabled account", func(in *Input) { in.Account.Enabled = false }, ReasonDisabled},
		{"privileged account", func(in *Input) { in.Account.Privilege = PrivilegePrivileged }, ReasonPrivileged},
		{"roles that cannot be read", func(in *Input) { in.Account.Privilege = PrivilegeUnknown }, ReasonPrivilegeUnknown},
		{"a privilege that does not exist", func(in *Input) { in.Account.Privilege = 99 }, ReasonPrivilegeUnknown},
		{"an action that the upstream lacks", func(in *Input) { in.Actions = []attest.Action{attest.ActionReplaceOTP} }, ReasonActionUnavailable},
		{"a new password without a sign-in", func(in *Input) { in.Actions = []attest.Action{attest.ActionResetPassword} }, ReasonNeedsSignIn},
		{"no action", func(in *Input) { in.Actions = nil }, ReasonActionUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := good()
			c.change(&in)
			d := p.Decide(in)
			if d.Granted() || !slices.Contains(d.Reasons(), c.want) {
				t.Fatalf("granted %v, reasons %v, want %q", d.Granted(), d.Reasons(), c.want)
			}
		})
	}
}
