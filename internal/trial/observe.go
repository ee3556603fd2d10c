package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// mostEntries of the journal are read of one trial.
const mostEntries = 100

// Seen is what the operator's side sees of a trial that runs.
type Seen struct {
	Sessions       []upstream.TrialSession // at the identity provider
	Authenticators []string                // ids of those that are not revoked
	Journal        []journal.Entry         // of the account, the oldest first
	Notices        []string                // kinds of notices that not every receiver has got
	Now            time.Time
}

// Observe looks at the account of a trial, at the identity provider and here. It changes nothing.
func (s *Service) Observe(ctx context.Context, id string) (seen Seen, err error) {
	var t *record
	err = s.DB.View(ctx, func(r storage.Reader) error {
		if t, err = s.table.Get(r, []byte(id)); err != nil {
			return err
		}
		seen.Now = r.Now()
		if !t.live(r.Now()) || t.AccountID == "" {
			return ErrOver
		}
		bound, err := s.Accounts.Living(r, t.AccountID)
		if err != nil {
			return err
		}
		seen.Authenticators = nil
		for _, a := range bound {
			seen.Authenticators = append(seen.Authenticators, a.ID)
		}
		seen.Journal, err = s.Journal.OfAccount(r, t.AccountID, mostEntries)
		slices.Reverse(seen.Journal)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return seen, ErrOver
	}
	if err != nil {
		return seen, fmt.Errorf("looking at a trial: %w", err)
	}
	if seen.Notices, err = s.Outbox.WaitingFor(ctx, t.AccountID); err != nil {
		return seen, fmt.Errorf("looking at a trial's notices: %w", err)
	}
	if seen.Sessions, err = s.Trials.TrialSessions(ctx, t.AccountID); err != nil {
		return seen, fmt.Errorf("looking at a trial's sessions: %w", err)
	}
	return seen, nil
}
