package account

import (
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/storage"
)

// Standing is how an account stands at the identity provider.
type Standing uint8

// The standings. An account of which nothing was ever seen is there.
const (
	StandingThere Standing = iota
	StandingDisabled
	StandingGone
)

// Stand keeps how an account was seen to stand, and returns since when it does, and whether that is new. Whoever is no longer
// there has every recovery cancelled that is under way: the epoch is raised.
func (s *Store) Stand(tx storage.Tx, accountID string, now Standing) (since time.Time, changed bool, err error) {
	g, err := s.guard(tx, accountID)
	if err != nil {
		return time.Time{}, false, err
	}
	if g.Standing == now {
		return g.StandsSince, false, nil
	}
	g.Standing, g.StandsSince = now, tx.Now().UTC()
	if now != StandingThere {
		g.Epoch++
	}
	if err := s.guards.Put(tx, g); err != nil {
		return time.Time{}, false, fmt.Errorf("writing the account's guard: %w", err)
	}
	return g.StandsSince, true, nil
}

// Rename gives the account's living authenticators the names that the account has now, and tells whether any had others.
func (s *Store) Rename(tx storage.Tx, accountID string, identifiers []string) (changed bool, err error) {
	living, err := s.Living(tx, accountID)
	if err != nil {
		return false, err
	}
	for i := range living {
		a := &living[i]
		if slices.Equal(a.Identifiers, identifiers) {
			continue
		}
		if err := s.unname(tx, a); err != nil {
			return false, err
		}
		a.Identifiers, changed = slices.Clone(identifiers), true
		if err := s.authenticators.Put(tx, a); err != nil {
			return false, fmt.Errorf("renaming an authenticator: %w", err)
		}
		if err := s.name(tx, a); err != nil {
			return false, err
		}
	}
	return changed, nil
}

// Held lists the accounts that have living authenticators, in the order of their ids from the one after on, and the last that was
// looked at: nil if there are no more. At most limit are looked at.
func (s *Store) Held(r storage.Reader, after []byte, limit int) (ids []string, last []byte, err error) {
	for g, err := range s.guards.All(r, after, limit) {
		if err != nil {
			return nil, nil, fmt.Errorf("listing accounts: %w", err)
		}
		last = []byte(g.AccountID)
		if err := s.list(r, g); err != nil {
			return nil, nil, err
		}
		if len(g.Living) > 0 {
			ids = append(ids, g.AccountID)
		}
	}
	return ids, last, nil
}
