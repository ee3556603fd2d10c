package recovery

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// step is something that is done at the upstream, once the account was asked about again. do is idempotent: it is repeated until
// it succeeds. A step that fails with ErrRefused ends the recovery; one that could not be done is put off.
type step struct {
	name string
	do   func(s *Service, ctx context.Context, rec *record) error
}

// steps are those that need no browser, in the order of protocol.md: check → revoke → prepare → (session) → finish. They are one
// state. Which are done is written down only with what has to be written anyway, such as that one is put off; whoever goes on after a crash
// does the others again, and what was opened with the lost credential meanwhile ends too.
var steps = []step{
	{"revoke", (*Service).revoke},
	{"prepare", (*Service).prepare},
}

func afterPrepare(rec *record) State {
	if rec.signsIn() {
		return StateSession
	}
	return StateDone
}

// check asks again, as the grant did: the account may have been disabled, renamed or given rights since.
func (s *Service) check(ctx context.Context, rec *record, by time.Time) error {
	if ctx.Err() != nil { // this process ends, or nobody waits: another one goes on
		return ctx.Err()
	}
	ctx, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	state, err := s.Adapter.State(ctx, rec.AccountID)
	if errors.Is(err, upstream.ErrNoAccount) || errors.Is(err, upstream.ErrRefused) {
		return ErrRefused
	}
	if err != nil {
		return err
	}
	if !state.Enabled || privilege(state.Privilege) != policy.PrivilegeOrdinary || impossible(rec.Actions, state) {
		return ErrRefused
	}
	typed, err := attest.ParseIdentifier(rec.Identifier)
	if err != nil || s.Adapter.Facts().Admin && !ownsIdentifier(state.Identifiers, typed) {
		return ErrRefused
	}
	return nil
}

// impossible reports whether an action cannot be carried out for this account. It is known before anything is done, so that nobody has
// his sessions ended for a promise that is not kept.
func impossible(actions []attest.Action, state upstream.State) bool {
	return slices.ContainsFunc(actions, func(a attest.Action) bool { return slices.Contains(state.Impossible, a) })
}

// revoke ends what a thief may have opened. It goes before the session, which it would end too.
func (s *Service) revoke(ctx context.Context, rec *record) error {
	if !s.Adapter.Facts().Revokes {
		return nil // declared by the upstream's facts: it has no way to end sessions from outside
	}
	return s.Adapter.Revoke(ctx, rec.AccountID)
}

func (s *Service) prepare(ctx context.Context, rec *record) error {
	err := s.Adapter.Prepare(ctx, rec.AccountID, rec.Actions)
	if errors.Is(err, upstream.ErrUnsupported) && !s.Adapter.Facts().Admin {
		return nil
	}
	return err
}

// advance does the steps that need no browser, if they are what is next. With enter the caller makes the session next, in the same lease;
// otherwise it is left to whoever brings the browser.
func (s *Service) advance(ctx context.Context, rec *record, enter bool) (*record, error) {
	if rec.State != StatePrepare {
		return rec, nil
	}
	for rec.Done < len(steps) {
		if err := s.do(ctx, rec, steps[rec.Done], s.release); err != nil {
			return nil, err
		}
		var err error
		if rec, err = s.stillHeld(ctx, rec, rec.Done+1); err != nil {
			return nil, err
		}
	}
	if enter && rec.signsIn() {
		return rec, nil
	}
	return s.moveOn(ctx, rec, afterPrepare(rec))
}

// do runs one step within its time, if the account is still allowed to recover. That question ends with whoever waits for the answer. The step
// does not end half way when the caller goes away: the browser may be closed, the recovery goes on. One that could not be done is put off, which
// gives the lease back.
func (s *Service) do(ctx context.Context, rec *record, st step, putOff func(context.Context, *record) error) error {
	by := time.Now().Add(stepTime)
	ctx, end := observe.Step(ctx, st.name)
	err := s.check(ctx, rec, by)
	if err == nil {
		doing, cancel := context.WithDeadline(context.WithoutCancel(ctx), by)
		defer cancel()
		err = st.do(s, doing, rec)
	}
	end(err == nil, definite(err))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, upstream.ErrNoLogin): // the person brings another
		return cmp.Or(putOff(ctx, rec), ErrNoLogin)
	case definite(err):
		_, err = s.held(context.WithoutCancel(ctx), rec, func(tx storage.Tx, rec *record) error {
			rec.Lease = ""
			return s.stop(tx, rec, "account no longer allowed")
		})
		s.poke()
		return cmp.Or(err, ErrRefused)
	default:
		if ctx.Err() == nil { // that somebody closed his browser is no fault
			s.Logger.Warn("recovery step could not be done", "step", st.name, "error", err)
		}
		s.delayed(ctx, rec, st.name)
		_ = putOff(ctx, rec) // else the lease runs out by itself
		return unavailable("doing a step of the completion", err)
	}
}

// definite reports whether the identity provider said no, rather than that it could not tell.
func definite(err error) bool {
	for _, no := range []error{ErrRefused, upstream.ErrRefused, upstream.ErrNoAccount, upstream.ErrAmbiguous, upstream.ErrUnsupported} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// stillHeld reads held anew, with so many steps done, if nobody else took its lease and the recovery may go on. It writes only where the lease
// could run out in the next step.
func (s *Service) stillHeld(ctx context.Context, held *record, done int) (*record, error) {
	return s.unlessBarred(ctx, held, func(tx storage.Tx, rec *record) error {
		rec.Done = done
		if tx.Now().Before(rec.LeaseUntil.Add(leaseKept - leaseLife)) {
			return nil
		}
		rec.LeaseUntil = tx.Now().Add(leaseLife)
		return s.keep(tx, rec)
	})
}

// moveOn commits that the steps hold, unless the recovery may not go on any more. Nobody holds it then: whoever brings the browser takes it.
func (s *Service) moveOn(ctx context.Context, held *record, to State) (*record, error) {
	return s.unlessBarred(ctx, held, func(tx storage.Tx, rec *record) error {
		rec.Lease = ""
		var kind journal.Kind
		if to == StateDone {
			kind = journal.KindRecoveryDone
		}
		return s.move(tx, rec, to, kind, nil)
	})
}

// unlessBarred is [Service.held] for a recovery that may still go on. One that may not begins to be taken back.
func (s *Service) unlessBarred(ctx context.Context, held *record, fn func(storage.Tx, *record) error) (*record, error) {
	stopped := false
	rec, err := s.held(context.WithoutCancel(ctx), held, func(tx storage.Tx, rec *record) (err error) {
		if stopped, err = s.stopIfBarred(tx, rec); err != nil || stopped {
			return err
		}
		return fn(tx, rec)
	})
	if err == nil && stopped {
		s.poke()
		return nil, ErrSpent
	}
	return rec, err
}

// way describes the way in of rec to the adapter.
func (s *Service) way(rec *record, now time.Time) upstream.Session {
	return upstream.Session{
		AccountID: rec.AccountID, Subject: rec.Subject, Actions: slices.Clone(rec.Actions),
		GrantedAt: rec.GrantedAt, RedeemedAt: rec.RedeemedAt, Now: now, Program: rec.Answered && rec.Browser == "",
		Txn: rec.Txn, ACR: rec.acr(), AMR: rec.amr(),
	}
}
