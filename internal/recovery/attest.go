package recovery

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// AttestRequest brings evidence for a recovery that was initiated.
type AttestRequest struct {
	RecoveryID string
	Holder     Holder
	Evidence   []attest.Evidence
	Network    netip.Prefix // where it comes from, for the journal
	Proof      string       // ID of the program's DPoP proof; "" for a browser
}

// Granted is a recovery token and what goes with it.
type Granted struct {
	Token     string
	ExpiresIn time.Duration
	Reference string
	Actions   []attest.Action
}

// attempt is one attest on its way to a decision.
type attempt struct {
	sealed
	statement     attest.Statement
	reference     string
	network       netip.Prefix
	results       []attest.Result
	authenticator *account.Authenticator // whose proof was valid; nil until then
	state         upstream.State
	decision      policy.Decision
}

// Attest judges the evidence: burn, verify, ask the identity provider, decide, grant. Every answer follows the commit
// of what it says. ErrRefused is the same whatever the reason.
func (s *Service) Attest(ctx context.Context, req AttestRequest) (Granted, error) {
	in, st, err := s.open(req.RecoveryID, req.Holder)
	at := &attempt{sealed: in, statement: st, network: req.Network, reference: newReference()}
	if errors.Is(err, ErrHolder) {
		return Granted{}, s.refuse(ctx, at, refusedHolder)
	}
	if err != nil {
		return Granted{}, err
	}
	if err := s.burn(ctx, at, req.Proof); err != nil {
		return Granted{}, err
	}
	if why, err := s.verify(ctx, at, req.Evidence); err != nil {
		return Granted{}, err
	} else if why != (refusal{}) {
		return Granted{}, s.refuse(ctx, at, why)
	}
	if why, err := s.ask(ctx, at); err != nil {
		return Granted{}, err
	} else if why != (refusal{}) {
		return Granted{}, s.refuse(ctx, at, why)
	}
	if at.decision = s.Policy.Decide(at.input(s.Adapter.Facts())); !at.decision.Granted() {
		return Granted{}, s.refuse(ctx, at, refusedDecision(at.decision))
	}
	return s.grant(ctx, at)
}

// burn makes a recovery_id useless, whatever comes of the evidence: nobody tries twice with one statement.
func (s *Service) burn(ctx context.Context, at *attempt, proof string) error {
	key := []byte(s.Namespace + "/burnt/" + at.statement.Recovery)
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		if !tx.Now().Before(at.statement.Expires) {
			return ErrExpired // whatever a clock that was set back says
		}
		if err := tx.Insert(key, []byte{1}, at.statement.Expires.Add(time.Minute)); err != nil {
			return err
		}
		return s.useProof(tx, proof)
	})
	if errors.Is(err, storage.ErrExists) {
		return ErrExpired
	}
	return settle("burning a recovery", err)
}

// verify appraises every element of the evidence; all must hold and belong to one account.
func (s *Service) verify(ctx context.Context, at *attempt, evidence []attest.Evidence) (why refusal, err error) {
	if len(evidence) == 0 {
		return refusedEvidence(attest.Refuse(attest.ReasonMalformed, "there is none")), nil
	}
	for _, ev := range evidence {
		a, err := s.locate(ctx, ev)
		if err != nil {
			return refusal{}, err
		}
		var bound attest.Binding
		if a != nil {
			bound = attest.Binding{Authenticator: a.ID, Handle: a.Handle}
		}
		result, err := s.appraise(ctx, at, ev, bound)
		if refused, ok := errors.AsType[*attest.Error](err); ok && refused.Reason != attest.ReasonRevocationUnknown { // that one tells nothing
			return refusedEvidence(refused), nil
		}
		if err != nil {
			return refusal{}, unavailable("appraising evidence", err)
		}
		if at.authenticator != nil && at.authenticator.AccountID != a.AccountID {
			return refusedMixed, nil
		}
		at.results, at.authenticator = append(at.results, result), a
		if err := a.Usable(s.Clock()); err != nil {
			return refusedUnusable(err), nil
		}
	}
	return refusal{}, nil
}

// appraise has one piece of evidence verified, when its turn comes: what it costs is up to whoever made it.
func (s *Service) appraise(ctx context.Context, at *attempt, ev attest.Evidence, bound attest.Binding) (result attest.Result, err error) {
	gone := s.Compute(ctx, func() {
		end := observe.Verify(ctx)
		result, err = s.Verifier.Appraise(at.statement, ev, attest.Claimant{Browser: at.Holder.Kind == HolderBrowser}, bound, s.Clock())
		end(err == nil)
	})
	return result, cmp.Or(gone, err)
}

// locate finds the authenticator that the evidence claims to come from; nil when there is none, or when the evidence
// cannot be read, which Appraise will say.
func (s *Service) locate(ctx context.Context, ev attest.Evidence) (a *account.Authenticator, err error) {
	handle, bad := s.Verifier.Locate(ev, "")
	if bad != nil {
		handle = make([]byte, 32) // no authenticator; looked up all the same, so that the reads are equal
	}
	err = s.DB.View(ctx, func(r storage.Reader) error {
		a, err = s.Accounts.ByHandle(r, handle)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	return a, settle("looking up an authenticator", err)
}

// ask reads the account at the identity provider. It happens only after a valid proof, so nobody else can make the
// gateway call there, or time the answer.
func (s *Service) ask(ctx context.Context, at *attempt) (why refusal, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	at.state, err = s.Adapter.State(ctx, at.authenticator.AccountID)
	switch {
	case errors.Is(err, upstream.ErrNoAccount), errors.Is(err, upstream.ErrAmbiguous), errors.Is(err, upstream.ErrRefused):
		return refusedGone, nil
	case err != nil:
		return refusal{}, unavailable("asking for the account", err)
	}
	if !s.Adapter.Facts().Admin { // identifiers then come from the enrolment
		at.state.Identifiers = at.authenticator.Identifiers
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
	for _, r := range at.results {
		in.Proofs = append(in.Proofs, policy.Proof{Method: r.Method(), Class: r.Class(), RelayResistant: r.RelayResistant()})
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

// grant mints the token and commits it together with its journal entry and its notice. What was checked outside the
// transaction and can change is checked again inside.
func (s *Service) grant(ctx context.Context, at *attempt) (Granted, error) {
	rec := s.newRecord(at)
	var token string
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		epoch, err := s.Accounts.Epoch(tx, rec.AccountID)
		if err != nil {
			return err
		}
		now := tx.Now()
		rec.Epoch, rec.GrantedAt, rec.TokenExpires = epoch, now, now.Add(tokenLife)
		if err := s.allowed(tx, rec); err != nil {
			return err
		}
		if token, err = s.minter.Mint(s.tokenClaims(rec)); err != nil {
			return err
		}
		if err := s.Accounts.Used(tx, rec.Authenticator); err != nil {
			return err
		}
		return s.start(tx, rec, at)
	})
	if errors.Is(err, ErrSpent) {
		return Granted{}, s.refuse(ctx, at, refusedMeanwhile)
	}
	if err != nil {
		return Granted{}, settle("granting", err)
	}
	s.poke()
	return Granted{Token: token, ExpiresIn: tokenLife, Reference: rec.Reference, Actions: rec.Actions}, nil
}

func (s *Service) newRecord(at *attempt) *record {
	a := at.authenticator
	return &record{
		Txn: at.statement.Recovery, Reference: at.reference, Actions: at.statement.Actions, Holder: at.Holder, ClientID: at.ClientID,
		Identifier: at.statement.Account.String(), AccountID: a.AccountID, Identifiers: at.state.Identifiers,
		Authenticator: a.ID, Device: deviceName(a), Certificate: encodeThumbprint(at.results[0].Claims().CertificateSHA256),
		Network: at.network.String(), JTI: newSecret(),
	}
}

func deviceName(a *account.Authenticator) string {
	if a.Label != "" {
		return a.Label
	}
	return a.DeviceID
}
