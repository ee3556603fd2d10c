package recovery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/storage"
)

// sweepers bounds how many recoveries one process works on at a time. Each has a worker of its own, so that one whose
// identity provider hangs holds nobody else up.
const sweepers = 32

// Run picks up what is due: recoveries whose process died, whose identity provider was away, whose token was never used
// or whose way in is to be taken back. It returns when ctx ends and its workers have. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	slots := make(chan struct{}, sweepers)
	for {
		if _, err := s.sweep(ctx, &workers, slots); err != nil && ctx.Err() == nil {
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

// sweep starts a worker for everything that is due now, as far as there are slots, and says how many.
func (s *Service) sweep(ctx context.Context, workers *sync.WaitGroup, slots chan struct{}) (int, error) {
	free := cap(slots) - len(slots)
	if free == 0 {
		return 0, nil
	}
	ids, err := s.timers.Take(ctx, s.DB, free, leaseLife)
	for _, id := range ids {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() {
				<-slots
				s.poke()
			}()
			if err := s.resume(ctx, string(id)); err != nil && ctx.Err() == nil {
				s.Logger.Warn("a recovery is not finished yet", "error", err)
			}
		})
	}
	return len(ids), err
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

// resume goes on with one recovery that is due. ErrSpent says that somebody else has moved or holds it.
func (s *Service) resume(ctx context.Context, txn string) error {
	rec, err := s.view(ctx, txn)
	if err == nil && rec.waits() {
		err = s.await(ctx, txn)
	} else if err == nil {
		err = s.goOn(ctx, txn)
	}
	if errors.Is(err, ErrSpent) || errors.Is(err, ErrRefused) {
		return nil // moved meanwhile, or abandoned just now
	}
	return err
}

// goOn does what is to be done in the state that rec is in.
func (s *Service) goOn(ctx context.Context, txn string) error {
	rec, err := s.take(ctx, s.called(txn), s.hearVeto)
	if err != nil {
		return err
	}
	switch rec.State {
	case StateFinish:
		return s.finish(ctx, rec)
	case StateAbandoning:
		return s.takeBack(ctx, rec)
	default:
		if rec, err = s.advance(ctx, rec, false); err != nil {
			return err
		}
		return s.leave(ctx, rec) // else somebody brought it to its session just now
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
		if rec.waits() && !rec.leased(tx.Now()) {
			if stopped, err := s.stopIfBarred(tx, rec); err != nil || stopped {
				return err
			}
		}
		return s.schedule(tx, rec)
	})
	return settle("looking at a waiting recovery", err)
}

// finish takes the way in away once the session shows, and the lost factor after it. Only the identity provider's own
// word that no session came ends a recovery without one; that it could not be asked does not.
func (s *Service) finish(ctx context.Context, rec *record) error {
	call, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	now := s.Clock()
	call, end := observe.Step(call, string(rec.State))
	done, err := s.Adapter.Finish(call, s.way(rec, now))
	gone := definite(err)
	end(err == nil, gone)
	switch {
	case err == nil && done: // the lost factor is removed: no veto undoes that, so none is looked for
		_, err = s.held(ctx, rec, func(tx storage.Tx, rec *record) error {
			return s.move(tx, rec, StateDone, journal.KindRecoveryDone, nil)
		})
		return err
	case gone, err == nil && now.After(rec.RedeemedAt.Add(finishLife)):
		_, err = s.held(ctx, rec, func(tx storage.Tx, rec *record) error {
			rec.Lease = ""
			return s.stop(tx, rec, rec.unfinished())
		})
		s.poke()
		return err
	default:
		if err != nil {
			s.delayed(ctx, rec, string(rec.State))
		}
		return errors.Join(err, s.release(ctx, rec))
	}
}

// hearVeto lets a veto reach a recovery that is taken back for another reason, such as a newer one: its sessions end then, too.
func (s *Service) hearVeto(tx storage.Tx, rec *record) error {
	if rec.State != StateAbandoning || rec.vetoed() || !s.begun(rec) { // what opened nothing is over with what its owner was told
		return nil
	}
	why, err := s.obstacle(tx, rec)
	if err != nil || why == "" {
		return err
	}
	rec.Ending = why
	return s.follow(tx, rec, journal.KindRecoveryAbandoned, map[string]string{"reason": why})
}

// takeBack removes every way in, and repeats it until the upstream says that none is left, and for as long as a sign-in that had
// begun may still come to its end in a form of the identity provider. After a veto the sessions end, too, again and again.
func (s *Service) takeBack(ctx context.Context, rec *record) error {
	call, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	call, end := observe.Step(call, string(rec.State))
	err := s.close(call, rec)
	end(err == nil, definite(err))
	if err != nil && !definite(err) { // an account that is gone has no way in
		s.delayed(ctx, rec, string(rec.State))
		return errors.Join(err, s.release(ctx, rec))
	}
	if err == nil && s.begun(rec) && s.Clock().Before(rec.RedeemedAt.Add(finishLife)) {
		return s.release(ctx, rec)
	}
	_, err = s.held(ctx, rec, func(tx storage.Tx, rec *record) error {
		return s.move(tx, rec, StateAbandoned, "", nil)
	})
	return err
}

func (s *Service) close(ctx context.Context, rec *record) error {
	if s.endsSessions(rec) {
		if err := s.Adapter.Revoke(ctx, rec.AccountID); err != nil {
			return err
		}
	}
	if rec.Subject == "" {
		return nil
	}
	return s.Adapter.Abandon(ctx, s.way(rec, s.Clock()))
}

// begun reports whether the sign-in had begun, at an upstream that can take it back.
func (s *Service) begun(rec *record) bool {
	return !rec.RedeemedAt.IsZero() && s.Adapter.Facts().Revokes
}

// endsSessions reports whether a veto came when the sign-in had begun.
func (s *Service) endsSessions(rec *record) bool { return rec.vetoed() && s.begun(rec) }
