// Package policy decides: from what was proved and what the identity provider says of the account to a
// [Decision] with its reasons. It is pure: it takes plain values, has no clock, store or network, and gives the same
// Decision for the same Input. Only this package makes a Decision, and the zero Decision refuses.
//
// What counts is the class of a proof (SP 800-63B-4), not the name of its method:
//
//	a multi-factor cryptographic authenticator, whose proof is relay-resistant: a passkey
//	a saved code and a bound cryptographic authenticator: a recovery code and a device certificate, TPM, SSH key, recovery key or passkey
//
// The second row is section 4.2.2.2 (RAAL2-1 b). Anything less is weaker than that section asks and needs a risk analysis that
// the operator names at the method: then a proof of that method is enough alone if it is relay-resistant, and beside a code
// or a key of another class if it is not.
package policy

import (
	"errors"
	"maps"
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
	// Methods are those that are configured.
	Methods []attest.Method

	// RiskAnalysis is the operator's reference for accepting less than the section asks, by method.
	RiskAnalysis map[attest.Method]string
}

// Policy is a validated configuration. Safe for concurrent use.
type Policy struct {
	methods  []attest.Method
	accepted map[attest.Method]string
}

// ErrNothingSuffices is returned by [New] when no proof of the configured methods could ever be enough (SP 800-63B-4 section 4.2.1).
var ErrNothingSuffices = errors.New("with these methods nobody can recover: configure passkey, or recovery_code beside device_certificate, " +
	"tpm, ssh_key or recovery_key, or name the risk_analysis that accepts device_certificate or tpm alone")

// New validates c.
func New(c Config) (*Policy, error) {
	p := &Policy{methods: slices.Clone(c.Methods), accepted: maps.Clone(c.RiskAnalysis)}
	if !p.Enough(c.Methods) {
		return nil, ErrNothingSuffices
	}
	return p, nil
}

// Enough tells whether proofs by methods would be enough together, each as good as its method can make it, for an account
// against which nothing speaks. Methods that are not configured count for nothing.
func (p *Policy) Enough(methods []attest.Method) bool {
	return p.enough(methods, attest.Method.CanResistRelay)
}

// EnoughWithoutBrowser is Enough for proofs that a program brings.
func (p *Policy) EnoughWithoutBrowser(methods []attest.Method) bool {
	return p.enough(methods, attest.Method.CanResistRelayWithoutBrowser)
}

func (p *Policy) enough(methods []attest.Method, resists func(attest.Method) bool) bool {
	best := Input{
		Account: Account{OwnsIdentifier: true, Enabled: true, Privilege: PrivilegeOrdinary},
		Actions: []attest.Action{attest.ActionRehearse}, // which no upstream can lack
	}
	for _, m := range methods {
		if slices.Contains(p.methods, m) {
			best.Proofs = append(best.Proofs, Proof{Method: m, RelayResistant: resists(m)})
		}
	}
	return p.Decide(best).Granted()
}

// Decision is the outcome of [Policy.Decide]. The zero value refuses.
type Decision struct {
	outcome outcome
	tier    string
	risk    string
	wanted  []attest.Method
	reasons []Reason
}

type outcome uint8

const (
	refused outcome = iota
	more
	granted
)

// Granted reports whether the recovery may go on.
func (d Decision) Granted() bool { return d.outcome == granted }

// More reports whether nothing speaks against the recovery but that another proof is needed.
func (d Decision) More() bool { return d.outcome == more }

// Wanted lists the methods of which one more proof would be enough, empty unless more is needed.
func (d Decision) Wanted() []attest.Method { return slices.Clone(d.wanted) }

// Tier names the tier under which the Decision was granted.
func (d Decision) Tier() string { return d.tier }

// RiskAnalysis is the operator's reference under which a granted Decision was made, if one was needed.
func (d Decision) RiskAnalysis() string { return d.risk }

// Reasons lists every reason against, empty unless refused.
func (d Decision) Reasons() []Reason { return slices.Clone(d.reasons) }

// Decide judges in. All reasons are collected, so that the journal names each.
func (p *Policy) Decide(in Input) Decision {
	tier, risk := p.tier(in.Proofs)
	wanted := p.wanted(in.Proofs)
	against := slices.Concat(accountReasons(in.Account), actionReasons(in))
	if tier == "" && len(wanted) == 0 {
		against = slices.Concat(proofReasons(in.Proofs), against)
	}
	switch {
	case len(against) > 0:
		return Decision{reasons: against}
	case tier != "":
		return Decision{outcome: granted, tier: tier, risk: risk}
	default:
		return Decision{outcome: more, wanted: wanted}
	}
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
	if slices.Contains(in.Actions, attest.ActionRehearse) { // nothing is done to the account, so it stands alone
		if len(in.Actions) > 1 {
			return []Reason{ReasonActionUnavailable}
		}
		return nil
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
