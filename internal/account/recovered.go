package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/storage"
)

// Quarantine is how long after a recovery the account's authenticators change only with an older one that took no part in
// it: whoever recovered with something stolen cannot make the account his own.
const Quarantine = 7 * 24 * time.Hour

// ErrQuarantine means that the account was recovered less than [Quarantine] ago, and that none of its older authenticators was proven
// meanwhile.
var ErrQuarantine = errors.New("the account was recovered a short time ago")

// Recovered notes that the account was recovered now with these authenticators. While an earlier quarantine runs, those that took
// part in that recovery stay suspect: whoever recovers against a thief must not make the thief's proofs good by it.
func (s *Store) Recovered(tx storage.Tx, accountID string, with []string) error {
	g, err := s.guard(tx, accountID)
	if err != nil {
		return err
	}
	now := tx.Now().UTC()
	if g.quarantined(now) {
		with = slices.Concat(g.RecoveredWith, with)
		slices.Sort(with)
		with = slices.Compact(with) // or whoever recovers all day makes the account's record longer and longer
	} else {
		g.FirstRecoveredAt = now
	}
	g.RecoveredAt, g.RecoveredWith = now, slices.Clone(with)
	if err := s.guards.Put(tx, g); err != nil {
		return fmt.Errorf("noting a recovery: %w", err)
	}
	return nil
}

// quarantined tells whether the last recovery is less than [Quarantine] ago.
func (g *guard) quarantined(now time.Time) bool {
	return !g.RecoveredAt.IsZero() && now.Before(g.RecoveredAt.Add(Quarantine))
}

// LastRecovered is when the account was recovered last; zero: never.
func (s *Store) LastRecovered(r storage.Reader, accountID string) (time.Time, error) {
	g, err := s.guard(r, accountID)
	if err != nil {
		return time.Time{}, err
	}
	return g.RecoveredAt, nil
}

// MayChange tells whether the account's authenticators may change in a session that holder, see [attest.HolderOfSecret], began at since: always
// when no recovery is less than [Quarantine] ago, else only if one that is older than the recoveries of that time, was used in none of
// them and still counts was proven by that holder in that session. What somebody else proved meanwhile, such as the owner in
// another browser, opens nothing. The error is [ErrQuarantine] if not.
func (s *Store) MayChange(r storage.Reader, accountID string, since time.Time, holder string) error {
	g, err := s.guard(r, accountID)
	if err != nil {
		return err
	}
	now := r.Now()
	if !g.quarantined(now) {
		return nil
	}
	all, err := s.Living(r, accountID)
	if err != nil {
		return err
	}
	for _, a := range all {
		older := a.BoundAt.Before(g.FirstRecoveredAt) && !slices.Contains(g.RecoveredWith, a.ID)
		here := holder != "" && a.LastProvenBy == holder && !a.LastProvenAt.Before(since) && !a.LastProvenAt.Before(g.RecoveredAt)
		if older && here && a.Usable(now) == nil {
			return nil
		}
	}
	return ErrQuarantine
}

// MayLose tells whether the authenticator a may be reported lost in a session that holder began at since. That needs no more than a session
// (SP 800-63B-4 section 4.3), but after a recovery whoever recovered must not take the owner's other ways back: then only what
// was bound since is reported with less than [Store.MayChange] asks.
func (s *Store) MayLose(r storage.Reader, a *Authenticator, since time.Time, holder string) error {
	err := s.MayChange(r, a.AccountID, since, holder)
	if !errors.Is(err, ErrQuarantine) {
		return err
	}
	g, err := s.guard(r, a.AccountID)
	switch {
	case err != nil:
		return err
	case a.BoundAt.After(g.FirstRecoveredAt):
		return nil
	default:
		return ErrQuarantine
	}
}

// Usable returns the authenticators that may take part in a recovery of the account now.
func (s *Store) Usable(r storage.Reader, accountID string) ([]Authenticator, error) {
	all, err := s.Living(r, accountID)
	return slices.DeleteFunc(all, func(a Authenticator) bool { return a.Usable(r.Now()) != nil }), err
}
