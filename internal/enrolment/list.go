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
	CodesLeft    int // of a set of codes
}

// Advice is what the owner should do next.
type Advice string

// The advice.
const (
	AdviceNone    Advice = ""
	AdviceNothing Advice = "nothing-bound"
	AdviceOne     Advice = "only-one"  // one loss, and nobody recovers
	AdviceFew     Advice = "few-codes" // low stock (SP 800-63B-4 section 4.2.1.1)
)

// fewCodes is when it is time for new ones.
const fewCodes = 3

// List returns the authenticators of the account that are not revoked, the oldest first, and what its owner should do.
func (s *Service) List(ctx context.Context, accountID string) (items []Item, advice Advice, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		all, err := s.Accounts.Living(r, accountID)
		items, advice = nil, AdviceNone
		for i := range all {
			items = append(items, item(&all[i], r.Now()))
		}
		return err
	})
	if err != nil {
		return nil, AdviceNone, fmt.Errorf("listing authenticators: %w", err)
	}
	return items, advise(items), nil
}

func item(a *account.Authenticator, now time.Time) Item {
	return Item{
		ID: a.ID, Method: a.Method, Name: a.Name(), Standing: standing(a, now),
		BoundAt: a.BoundAt, EffectiveAt: a.EffectiveAt, NotAfter: a.NotAfter, LastUsedAt: a.LastUsedAt, LastProvenAt: a.LastProvenAt,
		Model: a.Model, Detail: a.Detail, CodesLeft: a.Left(),
	}
}

func standing(a *account.Authenticator, now time.Time) Standing {
	err := a.Usable(now)
	if err == nil {
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

func advise(items []Item) Advice {
	methods, few := map[attest.Method]bool{}, false
	for _, i := range items {
		if i.Standing == StandingUsable || i.Standing == StandingProbation {
			methods[i.Method] = true
			few = few || i.Method == attest.MethodRecoveryCode && i.CodesLeft <= fewCodes
		}
	}
	switch {
	case len(methods) == 0:
		return AdviceNothing
	case len(methods) == 1:
		return AdviceOne
	case few:
		return AdviceFew
	default:
		return AdviceNone
	}
}
