package enrolment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/storage"
)

// Standing is where an authenticator is in its life.
type Standing string

// The standings.
const (
	StandingUsable    Standing = "usable"
	StandingProbation Standing = "probation"
	StandingAwaited   Standing = "awaited" // its owner has to confirm it
	StandingDisabled  Standing = "disabled"
	StandingExpired   Standing = "expired"

	StandingUnsupported Standing = "unsupported" // its method is configured no more
)

// Item is one authenticator as its owner sees it.
type Item struct {
	ID           string
	Method       attest.Method
	Name         string
	Standing     Standing
	BoundAt      time.Time
	EffectiveAt  time.Time
	NotAfter     time.Time
	LastUsedAt   time.Time
	LastProvenAt time.Time
	Model        string
	Detail       map[string]string
	CodesLeft    int  // of a set of codes
	Alone        bool // a proof by it can be enough, with nothing beside it
}

// List returns the authenticators of the account that are not revoked, the oldest first, and what its owner should do.
func (s *Service) List(ctx context.Context, accountID string) (items []Item, advice Advice, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		all, err := s.Accounts.Living(r, accountID)
		items = nil
		for i := range all {
			items = append(items, s.item(&all[i], r.Now()))
		}
		return err
	})
	if err != nil {
		return nil, Advice{}, fmt.Errorf("listing authenticators: %w", err)
	}
	return items, s.advise(items), nil
}

func (s *Service) item(a *account.Authenticator, now time.Time) Item {
	return Item{
		ID: a.ID, Method: a.Method, Name: a.Name(), Standing: s.standing(a, now),
		BoundAt: a.BoundAt, EffectiveAt: a.EffectiveAt, NotAfter: a.NotAfter, LastUsedAt: a.LastUsedAt, LastProvenAt: a.LastProvenAt,
		Model: a.Model, Detail: a.Detail, CodesLeft: a.Left(),
		Alone: s.Policy.Enough([]attest.Method{a.Method}),
	}
}

func (s *Service) standing(a *account.Authenticator, now time.Time) Standing {
	err := a.Usable(now)
	switch {
	case s.Verifier.Format(a.Method) == nil:
		return StandingUnsupported
	case err == nil:
		return StandingUsable
	}
	for why, where := range map[error]Standing{
		account.ErrProbation: StandingProbation, account.ErrAwaited: StandingAwaited, account.ErrExpired: StandingExpired,
	} {
		if errors.Is(err, why) {
			return where
		}
	}
	return StandingDisabled
}
