package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

const (
	endTime   = 20 * time.Second // one end, all its calls together
	sweeps    = 10               // trials that one look ends
	lookLease = 30 * time.Second // longer than an end; then it is tried again
	lookAgain = 5 * time.Second
)

// Ended says what there is of a trial once it has ended, as was found by looking.
type Ended struct {
	Account        bool `json:"account"`        // that the identity provider still has it
	Authenticators int  `json:"authenticators"` // that are not revoked
	Trust          bool `json:"trust"`          // that [Service.Live] holds
}

// Clean tells whether nothing is left.
func (e Ended) Clean() bool { return e == Ended{} }

// End ends a trial: its authenticators, its session, its recoveries that are under way, and its account. It can be asked for again.
func (s *Service) End(ctx context.Context, id string) (left Ended, err error) {
	var t *record
	err = s.DB.Update(ctx, func(tx storage.Tx) error { t, err = s.close(tx, id); return err })
	if errors.Is(err, storage.ErrNotFound) {
		return left, ErrOver
	}
	if err != nil {
		return left, fmt.Errorf("ending a trial: %w", err)
	}
	if t.EndedAt.IsZero() {
		if err := s.Trials.EndTrial(ctx, t.Name, t.AccountID); err != nil {
			return left, fmt.Errorf("deleting the account of a trial: %w", err)
		}
		err = s.DB.Update(ctx, func(tx storage.Tx) error { return s.ended(tx, id) })
		if err != nil {
			return left, fmt.Errorf("ending a trial: %w", err)
		}
	}
	return s.left(ctx, t)
}

// close ends what is here: from this on nothing is bound to the account and nothing recovers it. It changes nothing the second time.
func (s *Service) close(tx storage.Tx, id string) (*record, error) {
	t, err := s.table.Get(tx, []byte(id))
	if err != nil || t.AccountID == "" || !t.EndedAt.IsZero() {
		return t, err
	}
	bound, err := s.Accounts.Living(tx, t.AccountID)
	if err != nil {
		return nil, err
	}
	for _, a := range bound {
		if _, err := s.Accounts.Revoke(tx, a.ID, t.By, "the trial has ended"); err != nil {
			return nil, err
		}
	}
	if t.live(tx.Now()) {
		t.Expires = tx.Now().UTC()
		if err := s.table.Put(tx, t); err != nil {
			return nil, err
		}
	}
	return t, s.Accounts.RaiseEpoch(tx, t.AccountID)
}

// ended notes that the account is gone.
func (s *Service) ended(tx storage.Tx, id string) error {
	t, err := s.table.Get(tx, []byte(id))
	if err != nil || !t.EndedAt.IsZero() {
		return err
	}
	t.EndedAt = tx.Now().UTC()
	if err := s.table.Put(tx, t); err != nil {
		return err
	}
	if err := s.timers.Clear(tx, []byte(id)); err != nil {
		return err
	}
	return s.journal(tx, journal.KindTrialEnded, t)
}

// left looks for what is left of a trial.
func (s *Service) left(ctx context.Context, t *record) (left Ended, err error) {
	if t.AccountID == "" {
		return left, nil
	}
	_, err = s.Adapter.State(ctx, t.AccountID)
	if err != nil && !errors.Is(err, upstream.ErrNoAccount) {
		return left, fmt.Errorf("looking for the account of a trial: %w", err)
	}
	left.Account = err == nil
	err = s.DB.View(ctx, func(r storage.Reader) error {
		bound, err := s.Accounts.Living(r, t.AccountID)
		if err != nil {
			return err
		}
		left.Authenticators = len(bound)
		left.Trust, err = s.Live(r, t.AccountID)
		return err
	})
	return left, err
}

// Run ends the trials whose time is over. It returns when ctx ends; any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.Logger.Error("ending trials that nobody ended", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// sweep ends those that are due. What cannot be done now comes up again.
func (s *Service) sweep(ctx context.Context) error {
	if s.Trials == nil {
		return nil
	}
	due, err := s.timers.Take(ctx, s.DB, sweeps, lookLease)
	for _, id := range due {
		ending, cancel := context.WithTimeout(ctx, endTime)
		_, failed := s.End(ending, string(id))
		cancel()
		err = errors.Join(err, failed)
	}
	return err
}
