package recovery

import (
	"context"

	"github.com/regrant/regrant/storage"
)

// take gives the caller the lease on a record, if check allows it and nobody else has it. check may change the record;
// what it changes is committed with the lease. A lease that ran out belongs to nobody: its owner is dead or too slow,
// and stepTime, the time that a step may take, is shorter than leaseLife.
func (s *Service) take(ctx context.Context, txn string, check func(storage.Tx, *record) error) (rec *record, err error) {
	owner := newSecret()
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		if rec, err = s.load(tx, txn); err != nil {
			return err
		}
		if rec.State.Final() || tx.Now().Before(rec.LeaseUntil) && rec.Lease != "" {
			return ErrSpent
		}
		rec.Lease, rec.LeaseUntil = owner, tx.Now().Add(leaseLife)
		if err := check(tx, rec); err != nil {
			return err
		}
		if err := s.table.Put(tx, rec); err != nil {
			return err
		}
		return s.schedule(tx, rec)
	})
	return rec, settle("taking a lease", err)
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
	return rec, settle("moving a recovery", err)
}

// release gives the lease back after a step that could not be done or is not done yet.
func (s *Service) release(ctx context.Context, rec *record) error {
	_, err := s.held(ctx, rec, func(tx storage.Tx, rec *record) error {
		rec.Lease, rec.Tries = "", rec.Tries+1
		if err := s.table.Put(tx, rec); err != nil {
			return err
		}
		return s.schedule(tx, rec)
	})
	return err
}
