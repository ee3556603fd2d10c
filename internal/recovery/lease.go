package recovery

import (
	"context"
	"errors"
	"slices"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// take gives the caller the lease on the record that find finds, if check allows it, nobody else has it and the recovery may go on. check may
// change the record; what it changes is committed with the lease. A recovery that may not go on begins to be taken back
// in the same transaction. A lease that ran out belongs to nobody: its owner is dead or too slow, and stepTime, the time
// that a step may take, is shorter than what stillHeld leaves of leaseLife.
func (s *Service) take(ctx context.Context, find func(storage.Reader) (*record, error), check func(storage.Tx, *record) error) (rec *record, err error) {
	owner, stopped := newSecret(), false
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		stopped = false
		if rec, err = find(tx); err != nil {
			return err
		}
		if rec.State.Final() {
			return ErrSpent
		}
		if err := check(tx, rec); err != nil {
			return err
		}
		if rec.leased(tx.Now()) {
			return ErrBusy
		}
		if stopped, err = s.stopIfBarred(tx, rec); err != nil || stopped {
			return err
		}
		rec.Lease, rec.LeaseUntil = owner, tx.Now().Add(leaseLife)
		return s.keep(tx, rec)
	})
	if err == nil && stopped {
		s.poke()
		return nil, ErrSpent
	}
	if err := settle("taking a lease", err); err != nil {
		return nil, err
	}
	return rec, nil
}

// held runs fn on the record, inside one transaction, if held is still the owner's record. Whoever lost the lease has
// lost the right to move.
func (s *Service) held(ctx context.Context, held *record, fn func(storage.Tx, *record) error) (rec *record, err error) {
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		if rec, err = s.load(tx, held.Txn); err != nil {
			return err
		}
		if rec.Lease != held.Lease || rec.State != held.State {
			return ErrSpent
		}
		return fn(tx, rec)
	})
	if err := settle("moving a recovery", err); err != nil {
		return nil, err
	}
	return rec, nil
}

// delayed journals that a step could not be done, once however often it is tried. That somebody closed his browser, or that this process ends, is no
// fault.
func (s *Service) delayed(ctx context.Context, held *record, step string) {
	if slices.Contains(held.Delayed, step) || ctx.Err() != nil {
		return
	}
	_, err := s.held(ctx, held, func(tx storage.Tx, rec *record) error {
		rec.Delayed = append(rec.Delayed, step)
		if err := s.table.Put(tx, rec); err != nil {
			return err
		}
		return s.journal(tx, rec, journal.KindRecoveryDelayed, map[string]string{"step": step})
	})
	if err != nil && !errors.Is(err, ErrSpent) { // else somebody else goes on with it
		s.Logger.Warn("that a step could not be done was not written", "step", step, "error", err)
	}
}

// release gives the lease back after a step that could not be done or is not done yet.
func (s *Service) release(ctx context.Context, held *record) error {
	_, err := s.held(context.WithoutCancel(ctx), held, func(tx storage.Tx, rec *record) error {
		rec.Lease, rec.Tries, rec.Done = "", rec.Tries+1, held.Done
		return s.keep(tx, rec)
	})
	return err
}

// keep writes rec in the state that it has.
func (s *Service) keep(tx storage.Tx, rec *record) error {
	if err := s.table.Put(tx, rec); err != nil {
		return err
	}
	return s.schedule(tx, rec)
}

// stopIfBarred begins to take rec back if it may not go on, and says so.
func (s *Service) stopIfBarred(tx storage.Tx, rec *record) (stopped bool, err error) {
	if rec.State == StateAbandoning {
		return false, nil
	}
	why, err := s.obstacle(tx, rec)
	if err != nil || why == "" {
		return false, err
	}
	rec.Lease = "" // it is the caller's, or nobody's
	return true, s.stop(tx, rec, why)
}

// stop begins to take back what was opened; the sweeper ends it, once nobody holds the lease any more.
func (s *Service) stop(tx storage.Tx, rec *record, why string) error {
	rec.Ending = why
	if rec.State == StateProving { // nothing was opened
		if err := s.Outbox.Put(tx, s.message(rec, MessageAbandoned)); err != nil {
			return err
		}
		return s.move(tx, rec, StateAbandoned, journal.KindRecoveryAbandoned, map[string]string{"reason": why})
	}
	return s.move(tx, rec, StateAbandoning, journal.KindRecoveryAbandoned, map[string]string{"reason": why})
}
