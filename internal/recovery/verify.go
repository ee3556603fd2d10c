package recovery

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/storage"
)

// proof is evidence that held, and the authenticator that it came from.
type proof struct {
	result        attest.Result
	authenticator *account.Authenticator
}

// account is the one that every proof so far belongs to, "" before the first.
func (at *attempt) account() string {
	if len(at.proofs) == 0 {
		return ""
	}
	return at.proofs[0].authenticator.AccountID
}

// held are the authenticators whose keys or secrets whoever makes the attempt has, of one account.
func (at *attempt) held() (list []*account.Authenticator) {
	for _, p := range at.proofs {
		list = append(list, p.authenticator)
	}
	if at.signed != nil && (len(list) == 0 || list[0].AccountID == at.signed.AccountID) {
		list = append(list, at.signed)
	}
	return list
}

// verify appraises every element of the evidence; all must hold and belong to one account. What could be guessed comes last, and
// only after a proof that could not.
func (s *Service) verify(ctx context.Context, at *attempt, evidence []attest.Evidence) (why refusal, err error) {
	if slices.ContainsFunc(evidence, func(ev attest.Evidence) bool { return ev.Method == "" }) {
		return refusedUnread, nil
	}
	evidence = slices.Clone(evidence)
	slices.SortStableFunc(evidence, func(a, b attest.Evidence) int { return rank(a.Method) - rank(b.Method) })
	for _, ev := range evidence {
		if ev.Method.Guessable() && !at.proven() {
			return refusedEarly, nil
		}
		if why, err := s.verifyOne(ctx, at, ev); err != nil || why != (refusal{}) {
			return why, err
		}
	}
	return refusal{}, nil
}

func rank(m attest.Method) int {
	if m.Guessable() {
		return 1
	}
	return 0
}

// proven tells whether something was proved that nobody guesses.
func (at *attempt) proven() bool {
	return slices.ContainsFunc(at.proofs, func(p proof) bool { return !p.result.Method().Guessable() })
}

func (s *Service) verifyOne(ctx context.Context, at *attempt, ev attest.Evidence) (why refusal, err error) {
	handle, a, err := s.locate(ctx, at, ev)
	if err != nil {
		return refusal{}, err
	}
	var bound attest.Binding
	if a != nil {
		bound = a.Binding(handle)
	}
	result, err := s.appraise(ctx, at, ev, bound)
	if refused, ok := errors.AsType[*attest.Error](err); ok && refused.Reason != attest.ReasonRevocationUnknown { // that one tells nothing
		if refused.Guess && a != nil {
			at.missed = append(at.missed, a.ID)
		}
		if refused.Signed {
			at.signed = a
		}
		return refusedEvidence(refused), nil
	}
	if err != nil {
		return refusal{}, unavailable("appraising evidence", err)
	}
	if at.account() != "" && at.account() != a.AccountID {
		return refusedMixed, nil
	}
	if slices.ContainsFunc(at.proofs, func(p proof) bool { return p.authenticator.ID == a.ID }) {
		return refusedTwice, nil // two codes of one set are one proof (SP 800-63B-4 section 4.2.2.2)
	}
	at.proofs = append(at.proofs, proof{result, a})
	return s.usable(at, a), nil
}

// usable tells what speaks against the authenticator itself.
func (s *Service) usable(at *attempt, a *account.Authenticator) refusal {
	if err := at.check(a, s.Clock()); err != nil {
		return refusedUnusable(err)
	}
	return refusal{}
}

// check is whether a may take part. One on probation is good enough for a rehearsal.
func (at *attempt) check(a *account.Authenticator, now time.Time) error {
	if at.rehearses() {
		return a.Alive(now)
	}
	return a.Usable(now)
}

// appraise has one piece of evidence verified, when its turn comes: what it costs is up to whoever made it.
func (s *Service) appraise(ctx context.Context, at *attempt, ev attest.Evidence, bound attest.Binding) (result attest.Result, err error) {
	gone := s.Compute(ctx, func() {
		end := observe.Verify(ctx)
		result, err = s.Verifier.Appraise(at.statement, ev, at.claimant, bound, at.now)
		end(err == nil)
	})
	return result, cmp.Or(gone, err)
}

// locate finds the authenticator that the evidence claims to come from; nil when there is none, or when the evidence
// cannot be read, which Appraise will say.
func (s *Service) locate(ctx context.Context, at *attempt, ev attest.Evidence) (handle []byte, a *account.Authenticator, err error) {
	var bad error
	// Reading evidence costs its parser about as much as judging it.
	if err := s.Compute(ctx, func() { handle, bad = s.Verifier.Locate(ev, at.account()) }); err != nil {
		return nil, nil, unavailable("reading evidence", err)
	}
	if bad != nil {
		handle = make([]byte, 32) // no authenticator; looked up all the same, so that the reads are equal
	}
	var epoch uint64
	err = s.DB.View(ctx, func(r storage.Reader) error {
		a, epoch, err = s.Accounts.Find(r, handle)
		return err
	})
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return handle, nil, settle("looking up an authenticator", err)
	}
	if err != nil || a.Method != ev.Method {
		return handle, nil, nil // evidence of one method is never judged against what another has stored
	}
	if len(at.proofs) == 0 {
		at.epoch = epoch // a veto that comes while this is judged must cancel it, too
	}
	return handle, a, nil
}
