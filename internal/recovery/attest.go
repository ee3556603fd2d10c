package recovery

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/upstream"
)

// AttestRequest brings evidence for a recovery that was initiated. None at all renews the statement of one that waits for more, also
// after evidence that could not be judged.
type AttestRequest struct {
	RecoveryID string
	Holder     Holder
	Connection []byte            // SHA-256 of the client certificate on the holder's own TLS connection; nil: none
	Evidence   []attest.Evidence // one without a method could not be read
	Network    netip.Prefix      // where it comes from, for the journal
	Proof      string            // ID of the program's DPoP proof; "" for a browser
}

// Outcome is what came of accepted proofs.
type Outcome string

// The outcomes.
const (
	OutcomeGranted   Outcome = "granted"   // here is the token
	OutcomeMore      Outcome = "more"      // policy wants another proof
	OutcomeRehearsed Outcome = "rehearsed" // this would have been granted
)

// Attested answers accepted proofs.
type Attested struct {
	Outcome      Outcome
	Reference    string
	Account      string // as typed, canonical
	Actions      []attest.Action
	Token        string        // granted
	ExpiresIn    time.Duration // of the token, or of the statement
	Replacements []string      // granted: a new code for each that was used; shown once
	Probation    time.Duration // of the new codes
	RecoveryID   string        // more
	Statement    attest.Statement
	Methods      []Offer
}

// attempt is one attest on its way to a decision.
type attempt struct {
	sealed
	statement attest.Statement
	reference string
	now       time.Time // when it came: work that waits its turn makes no proof too old
	epoch     uint64    // the account's, when the first proof's authenticator was found
	network   netip.Prefix
	claimant  attest.Claimant
	earlier   *record // in which proofs of this recovery are kept; nil: this is the first
	proofs    []proof // the earlier ones first
	missed    []string
	signed    *account.Authenticator // its key has signed what was refused all the same, as a copy of it does whose counter is behind
	state     upstream.State
	decision  policy.Decision
}

// Attest judges the evidence: burn, verify, ask the identity provider, decide, and grant or ask for more. Every answer
// follows the commit of what it says. ErrRefused is the same whatever the reason.
func (s *Service) Attest(ctx context.Context, req AttestRequest) (Attested, error) {
	if len(req.Evidence) == 0 && !isStored(req.RecoveryID) {
		return Attested{}, ErrNoEvidence
	}
	at, err := s.recognise(ctx, req)
	if errors.Is(err, ErrHolder) {
		return Attested{}, s.refuse(ctx, at, refusedHolder)
	}
	if err != nil {
		return Attested{}, err
	}
	if len(req.Evidence) == 0 {
		return s.renew(ctx, at, req.Proof)
	}
	if at.stale(req.Evidence) { // judged before anything is burnt: whoever read for long is asked again
		return Attested{}, ErrStale
	}
	if err := s.burn(ctx, at, req.Proof); err != nil {
		return Attested{}, err
	}
	out, err := s.judge(ctx, at, req.Evidence)
	if errors.Is(err, ErrUnavailable) {
		s.unjudged(ctx, at)
	}
	return out, err
}

// judge says what comes of evidence whose recovery_id is burnt. It takes no longer than [judgeTime].
func (s *Service) judge(ctx context.Context, at *attempt, evidence []attest.Evidence) (Attested, error) {
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	for _, judge := range []func() (refusal, error){
		func() (refusal, error) { return s.verify(ctx, at, evidence) },
		func() (refusal, error) { return s.ask(ctx, at) },
	} {
		if why, err := judge(); err != nil {
			return Attested{}, err
		} else if why != (refusal{}) {
			return Attested{}, s.refuse(ctx, at, why)
		}
	}
	at.decision = s.Policy.Decide(at.input(s.Adapter.Facts()))
	switch {
	case at.decision.More():
		return s.more(ctx, at)
	case !at.decision.Granted():
		return Attested{}, s.refuse(ctx, at, refusedDecision(at.decision))
	case at.rehearses():
		return s.rehearsed(ctx, at)
	default:
		return s.grant(ctx, at)
	}
}

func (at *attempt) stale(evidence []attest.Evidence) bool {
	return slices.ContainsFunc(evidence, func(ev attest.Evidence) bool { return at.statement.Stale(ev.Method, at.now) })
}

func (at *attempt) rehearses() bool { return hasAction(at.statement.Actions, attest.ActionRehearse) }

// ask reads the account at the identity provider. It happens only after a valid proof, so nobody else can make the
// gateway call there, or time the answer.
func (s *Service) ask(ctx context.Context, at *attempt) (why refusal, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	at.state, err = s.Adapter.State(ctx, at.account())
	switch {
	case errors.Is(err, upstream.ErrNoAccount), errors.Is(err, upstream.ErrAmbiguous), errors.Is(err, upstream.ErrRefused):
		return refusedGone, nil
	case err != nil:
		return refusal{}, unavailable("asking for the account", err)
	}
	if impossible(at.statement.Actions, at.state) {
		return refusedStore, nil
	}
	if !s.Adapter.Facts().Admin { // identifiers then come from the enrolment
		at.state.Identifiers = at.proofs[0].authenticator.Identifiers
	}
	return refusal{}, nil
}

// input is what policy gets to see.
func (at *attempt) input(facts upstream.Facts) policy.Input {
	in := policy.Input{
		Account: policy.Account{
			OwnsIdentifier: ownsIdentifier(at.state.Identifiers, at.statement.Account),
			Enabled:        at.state.Enabled,
			Privilege:      privilege(at.state.Privilege),
		},
		Actions:   at.statement.Actions,
		Available: facts.Actions,
	}
	for _, p := range at.proofs {
		in.Proofs = append(in.Proofs, policy.Proof{Method: p.result.Method(), RelayResistant: p.result.RelayResistant()})
	}
	return in
}

func privilege(p upstream.Privilege) policy.Privilege {
	switch p {
	case upstream.PrivilegeOrdinary:
		return policy.PrivilegeOrdinary
	case upstream.PrivilegePrivileged:
		return policy.PrivilegePrivileged
	default:
		return policy.PrivilegeUnknown
	}
}

// ownsIdentifier compares canonical forms; what the identity provider lists and is no identifier owns nothing.
func ownsIdentifier(listed []string, typed attest.Identifier) bool {
	return slices.ContainsFunc(listed, func(l string) bool {
		id, err := attest.ParseIdentifier(l)
		return err == nil && id == typed
	})
}
