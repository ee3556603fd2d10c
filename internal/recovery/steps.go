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

// step is what is done at the upstream while a recovery is in a state, once the account was asked about again, and where it
// leads. do is idempotent: it is repeated until it succeeds. A step that fails with ErrRefused ends the recovery.
type step struct {
	do   func(s *Service, ctx context.Context, rec *record) error
	next func(rec *record) State
}

// steps are those that need no browser, in the order of protocol.md: check → revoke → prepare → (session) → finish.
var steps = map[State]step{
	StateCheck:   {func(*Service, context.Context, *record) error { return nil }, func(*record) State { return StateRevoke }},
	StateRevoke:  {(*Service).revoke, func(*record) State { return StatePrepare }},
	StatePrepare: {(*Service).prepare, afterPrepare},
}

func afterPrepare(rec *record) State {
	if rec.signsIn() {
		return StateSession
	}
	return StateDone
}

// check is how a step asks whether the account is still allowed to recover.
type check func(ctx context.Context, rec *record) error

// check asks again, as the grant did: the account may have been disabled, renamed or given rights since.
func (s *Service) check(ctx context.Context, rec *record) error {
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

// moveOnChecking commits that a step holds, and checks meanwhile for the one that comes next. A check changes nothing at the identity
// provider, so it need not wait for the commit, as the step does that comes after both; but it takes longer, so this goroutine goes on with
// it at once, as long as somebody waits. Steps may be far apart, since each is repeated until it succeeds: so each has a check of its own.
func (s *Service) moveOnChecking(ctx context.Context, held *record, to State, enter bool) (rec *record, said check, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	moved := make(chan struct{})
	go func() {
		defer close(moved)
		if rec, err = s.moveOn(ctx, held, to, enter); err != nil {
			cancel() // nobody goes on
		}
	}()
	answer := s.check(ctx, held)
	<-moved
	return rec, func(context.Context, *record) error { return answer }, err
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

// advance does the steps that need no browser, one move each, until the record needs one or has ended. It holds the
// lease, and gives it back when a step could not be done, so that the next try need not wait, and when the session is to be made by
// whoever brings the browser. With enter the caller makes it next, in the same lease, and after the check that is returned.
func (s *Service) advance(ctx context.Context, rec *record, enter bool) (*record, check, error) {
	allowed := s.check // not begun while the lease was taken: whoever dies in it has consumed the code that brought the browser
	for {
		st, ok := steps[rec.State]
		if !ok {
			return rec, allowed, nil
		}
		if ctx.Err() != nil { // this process ends, or nobody waits: another one goes on
			_ = s.release(ctx, rec)
			return nil, nil, unavailable("going on", ctx.Err())
		}
		if err := s.do(ctx, rec, st, allowed); err != nil {
			return nil, nil, err
		}
		next := st.next(rec)
		var err error
		if _, more := steps[next]; more || enter && next == StateSession {
			rec, allowed, err = s.moveOnChecking(ctx, rec, next, enter)
		} else {
			rec, err = s.moveOn(ctx, rec, next, enter)
		}
		if err != nil {
			return nil, nil, err
		}
	}
}

// do runs one step within its time, if the account is still allowed to recover. The caller's going away does not cancel it half way: the browser may be closed,
// the recovery goes on.
func (s *Service) do(ctx context.Context, rec *record, st step, allowed check) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
	defer cancel()
	ctx, end := observe.Step(ctx, string(rec.State))
	err := allowed(ctx, rec)
	if err == nil {
		err = st.do(s, ctx, rec)
	}
	end(err == nil, definite(err))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, upstream.ErrNoLogin): // the person brings another
		return cmp.Or(s.release(ctx, rec), ErrNoLogin)
	case definite(err):
		_, err = s.held(context.WithoutCancel(ctx), rec, func(tx storage.Tx, rec *record) error {
			rec.Lease = ""
			return s.stop(tx, rec, "account no longer allowed")
		})
		s.poke()
		return cmp.Or(err, ErrRefused)
	default:
		s.Logger.Warn("recovery step could not be done", "state", rec.State, "error", err)
		_ = s.release(ctx, rec) // else the lease runs out by itself
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

// moveOn commits that a step holds, unless the recovery may not go on any more. With enter the lease is kept for the session.
func (s *Service) moveOn(ctx context.Context, held *record, to State, enter bool) (*record, error) {
	stopped := false
	rec, err := s.held(context.WithoutCancel(ctx), held, func(tx storage.Tx, rec *record) (err error) {
		if stopped, err = s.stopIfBarred(tx, rec); err != nil || stopped {
			return err
		}
		rec.LeaseUntil = tx.Now().Add(leaseLife)
		var kind journal.Kind
		switch to {
		case StateSession:
			if enter {
				rec.makeSubject()
			} else {
				rec.Lease = "" // whoever brings the browser takes it
			}
		case StateDone:
			kind = journal.KindRecoveryDone
		}
		return s.move(tx, rec, to, kind, nil)
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
