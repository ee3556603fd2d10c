// Package policy decides: from what was proved and what the identity provider says of the account to a
// [Decision] with its reasons. It is pure: it takes plain values, has no clock, store or network, and gives the same
// Decision for the same Input. Only this package makes a Decision, and the zero Decision refuses.
//
// There is one tier in this release: a device certificate whose key is itself the holder of the recovery. Alone it is
// a single-factor cryptographic authenticator, below what NIST SP 800-63B-4 §4.2 asks of account recovery, so the
// operator has to name the risk analysis that accepts it.
package policy

import (
	"errors"
	"slices"

	"github.com/regrant/regrant/attest"
)

// Reason says why a recovery was refused. It goes to the journal and never to the claimant.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	ReasonNoProof           Reason = "no-proof"             // nothing was proved
	ReasonMethod            Reason = "method-not-accepted"  // a proof of a method that no tier accepts
	ReasonRelay             Reason = "not-relay-resistant"  // the proof could have been fetched from somebody else
	ReasonIdentifier        Reason = "identifier-not-owned" // the identifier typed is none of the account's own
	ReasonDisabled          Reason = "account-disabled"
	ReasonPrivileged        Reason = "account-privileged"
	ReasonPrivilegeUnknown  Reason = "privilege-unknown" // roles that cannot be read count as privileged
	ReasonActionUnavailable Reason = "action-unavailable"
	ReasonNeedsSignIn       Reason = "needs-sign-in" // only the person can set a new credential, and only signed in
)

// Privilege is what is known of the account's rights at the identity provider.
type Privilege uint8

// The zero value is the strictest.
const (
	PrivilegeUnknown Privilege = iota
	PrivilegeOrdinary
	PrivilegePrivileged
)

// Proof is what policy needs to know of one attestation result.
type Proof struct {
	Method         attest.Method
	Class          attest.Class
	RelayResistant bool // see "The holder" in the protocol
}

// Account is what policy needs to know of the account that the proof found.
type Account struct {
	OwnsIdentifier bool // the identity provider lists the identifier that was typed as one of this account's
	Enabled        bool
	Privilege      Privilege
}

// Input is everything a decision rests on.
type Input struct {
	Proofs    []Proof
	Account   Account
	Actions   []attest.Action
	Available []attest.Action // what the upstream can carry out
}

// Config is what the operator wrote.
type Config struct {
	// RiskAnalysis is the operator's reference for accepting a lone device certificate. Required.
	RiskAnalysis string
}

// Policy is a validated configuration. Safe for concurrent use.
type Policy struct{ riskAnalysis string }

// ErrRiskAnalysis is returned by [New] when a lone device certificate is accepted without a risk analysis.
var ErrRiskAnalysis = errors.New("a device certificate alone is weaker than NIST SP 800-63B-4 §4.2 asks: name the risk analysis that accepts it")

// New validates c.
func New(c Config) (*Policy, error) {
	if c.RiskAnalysis == "" {
		return nil, ErrRiskAnalysis
	}
	return &Policy{riskAnalysis: c.RiskAnalysis}, nil
}

// Decision is the outcome of [Policy.Decide]. The zero value refuses.
type Decision struct {
	granted bool
	tier    string
	risk    string
	reasons []Reason
}

// Granted reports whether the recovery may go on.
func (d Decision) Granted() bool { return d.granted }

// Tier names the tier that decided.
func (d Decision) Tier() string { return d.tier }

// RiskAnalysis is the operator's reference under which a granted Decision was made.
func (d Decision) RiskAnalysis() string { return d.risk }

// Reasons lists every reason against, empty when granted.
func (d Decision) Reasons() []Reason { return slices.Clone(d.reasons) }

// tierDevice is the one built-in tier.
const tierDevice = "device-certificate"

// Decide applies the tier to in. All reasons are collected, so that the journal names each.
func (p *Policy) Decide(in Input) Decision {
	d := Decision{tier: tierDevice, reasons: slices.Concat(proofReasons(in.Proofs), accountReasons(in.Account), actionReasons(in))}
	if len(d.reasons) > 0 {
		return d
	}
	d.granted, d.risk = true, p.riskAnalysis
	return d
}

func proofReasons(proofs []Proof) (against []Reason) {
	if len(proofs) == 0 {
		return []Reason{ReasonNoProof}
	}
	for _, p := range proofs {
		if p.Method != attest.MethodDeviceCertificate {
			against = append(against, ReasonMethod)
		}
		// A signature that somebody else's browser could have asked for is the classic relay: the attacker starts
		// the recovery, the owner signs.
		if !p.RelayResistant {
			against = append(against, ReasonRelay)
		}
	}
	return against
}

func accountReasons(a Account) (against []Reason) {
	if !a.OwnsIdentifier {
		against = append(against, ReasonIdentifier)
	}
	if !a.Enabled {
		against = append(against, ReasonDisabled)
	}
	switch a.Privilege {
	case PrivilegeOrdinary:
	case PrivilegePrivileged:
		against = append(against, ReasonPrivileged)
	default:
		against = append(against, ReasonPrivilegeUnknown)
	}
	return against
}

func actionReasons(in Input) (against []Reason) {
	if len(in.Actions) == 0 {
		return []Reason{ReasonActionUnavailable}
	}
	for _, a := range in.Actions {
		if !slices.Contains(in.Available, a) {
			against = append(against, ReasonActionUnavailable)
		}
	}
	// Without a session nobody sets anything: whoever signs in next, with the old credential, would.
	if NeedsSignIn(in.Actions) {
		against = append(against, ReasonNeedsSignIn)
	}
	return against
}

// NeedsSignIn reports whether actions lack the sign-in that one of them needs.
func NeedsSignIn(actions []attest.Action) bool {
	return !slices.Contains(actions, attest.ActionSignIn) && slices.ContainsFunc(actions, func(a attest.Action) bool {
		return a == attest.ActionResetPassword || a == attest.ActionReplacePasskey || a == attest.ActionReplaceOTP
	})
}
