package recovery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// Run picks up what is due: recoveries whose process died, whose identity provider was away, whose token was never used
// or whose way in is to be taken back. It returns when ctx ends. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.Logger.Error("sweeping recoveries", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.wake:
		case <-time.After(s.untilNext(ctx)):
		}
	}
}

// poke makes a Run in this process look again at when it is due next.
func (s *Service) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// untilNext is at most five seconds: other processes set timers too.
func (s *Service) untilNext(ctx context.Context) time.Duration {
	wait := 5 * time.Second
	_ = s.DB.View(ctx, func(r storage.Reader) error {
		if due, ok, err := s.timers.Next(r); err == nil && ok {
			wait = min(wait, due.Sub(r.Now()))
		}
		return nil
	})
	return max(wait, 50*time.Millisecond)
}

// sweepBatch bounds how many recoveries one Sweep works on at a time. They are worked on together, so that one whose
// identity provider hangs holds nobody else up.
const sweepBatch = 32

// Sweep handles everything that is due now.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		ids, err := s.timers.Take(ctx, s.DB, sweepBatch, leaseLife)
		if err != nil {
			return err
		}
		var batch sync.WaitGroup
		for _, id := range ids {
			batch.Go(func() {
				if err := s.resume(ctx, string(id)); err != nil && ctx.Err() == nil {
					s.Logger.Warn("a recovery is not finished yet", "error", err)
				}
			})
		}
		batch.Wait()
		if len(ids) < sweepBatch {
			return nil
		}
	}
}

// resume goes on with one recovery that is due. ErrSpent says that somebody else has moved or holds it.
func (s *Service) resume(ctx context.Context, txn string) error {
	rec, err := s.view(ctx, txn)
	if err == nil && (rec.State == StateGranted || rec.State == StateSession) {
		err = s.await(ctx, txn)
	} else if err == nil {
		err = s.goOn(ctx, txn)
	}
	if errors.Is(err, ErrSpent) || errors.Is(err, ErrRefused) {
		return nil // moved meanwhile, or abandoned just now
	}
	return err
}

// goOn does the step that rec is at.
func (s *Service) goOn(ctx context.Context, txn string) error {
	rec, err := s.take(ctx, txn, func(storage.Tx, *record) error { return nil })
	if err != nil {
		return err
	}
	switch rec.State {
	case StateFinish:
		return s.finish(ctx, rec)
	case StateAbandoning:
		return s.takeBack(ctx, rec)
	default:
		_, err = s.advance(ctx, rec)
		return err
	}
}

// await looks at a recovery that waits for its person. It takes no lease, so that it is never in that person's way, and
// abandons what waited too long or may no longer go on.
func (s *Service) await(ctx context.Context, txn string) error {
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := s.load(tx, txn)
		if err != nil {
			return err
		}
		why := ""
		switch err := s.allowed(tx, rec); {
		case errors.Is(err, ErrSpent):
			why = "vetoed or revoked"
		case err != nil:
			return err
		case rec.late(tx.Now()):
			why = "not used in time"
		}
		leased := rec.Lease != "" && tx.Now().Before(rec.LeaseUntil)
		if why == "" || leased || rec.State != StateGranted && rec.State != StateSession {
			return s.schedule(tx, rec)
		}
		return s.move(tx, rec, StateAbandoning, journal.KindRecoveryAbandoned, map[string]string{"reason": why})
	})
	if err == nil {
		s.poke()
	}
	return settle("looking at a waiting recovery", err)
}

// late reports whether the time to go on is over.
func (r *record) late(now time.Time) bool {
	if r.State == StateGranted {
		return !now.Before(r.TokenExpires)
	}
	return now.After(r.Deadline)
}

// finish takes the way in away once the session shows, and the lost factor after it.
func (s *Service) finish(ctx context.Context, rec *record) error {
	call, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	now := s.Clock()
	done, err := s.Adapter.Finish(call, s.way(rec, now))
	switch {
	case err == nil && done:
		_, err = s.held(ctx, rec, func(tx storage.Tx, rec *record) error {
			return s.move(tx, rec, StateDone, journal.KindRecoveryDone, nil)
		})
		return err
	case now.After(rec.RedeemedAt.Add(finishLife)):
		_, err = s.abandon(ctx, rec, "no session came")
		return err
	default:
		return errors.Join(err, s.release(ctx, rec))
	}
}

// takeBack removes every way in. It is repeated until the upstream says that none is left.
func (s *Service) takeBack(ctx context.Context, rec *record) error {
	if rec.Subject != "" {
		call, cancel := context.WithTimeout(ctx, stepTime)
		defer cancel()
		if err := s.Adapter.Abandon(call, s.way(rec, s.Clock())); err != nil {
			return errors.Join(err, s.release(ctx, rec))
		}
	}
	_, err := s.held(ctx, rec, func(tx storage.Tx, rec *record) error {
		return s.move(tx, rec, StateAbandoned, "", nil)
	})
	return err
}
