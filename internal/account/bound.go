package account

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/storage"
)

// MaxPerAccount bounds how many authenticators of an account are not revoked: reading all of them stays cheap, and removing one makes
// room for another.
const MaxPerAccount = 50

// MaxOwn is how many authenticators an account's sessions bind in [OwnPeriod] at most. Whoever has stolen a session can so neither fill
// the history, which is kept for good, nor keep the owner from binding for longer than that.
const (
	MaxOwn    = 20
	OwnPeriod = 24 * time.Hour
)

var (
	// ErrTooMany means that [MaxPerAccount] authenticators of the account are not revoked.
	ErrTooMany = errors.New("the account has too many authenticators")
	// ErrTooOften means that sessions of the account have bound [MaxOwn] authenticators in the last [OwnPeriod].
	ErrTooOften = errors.New("too many authenticators were bound to the account lately")
)

// Bind adds a to its account and sets a.ID and a.BoundAt. The error is [storage.ErrExists] if a handle of it is bound
// already, to whomever and even if revoked, and [ErrTooMany] at the bound.
func (s *Store) Bind(tx storage.Tx, a *Authenticator) error {
	return s.bind(tx, a, func(*guard, time.Time) error { return nil })
}

// BindOwn is Bind for what a session of the account binds. The error can be [ErrTooOften], too.
func (s *Store) BindOwn(tx storage.Tx, a *Authenticator) error {
	return s.bind(tx, a, (*guard).countOwn)
}

func (s *Store) bind(tx storage.Tx, a *Authenticator, may func(*guard, time.Time) error) error {
	now := tx.Now().UTC()
	if err := a.complete(now); err != nil {
		return fmt.Errorf("binding an authenticator: %w", err)
	}
	g, err := s.guard(tx, a.AccountID)
	if err != nil {
		return err
	}
	if err := may(g, now); err != nil {
		return err
	}
	if len(g.Living) >= MaxPerAccount {
		return ErrTooMany
	}
	a.ID, a.BoundAt = rand.Text(), now
	g.Living = append(g.Living, a.ID)
	if err := s.guards.Put(tx, g); err != nil {
		return fmt.Errorf("writing the account's guard: %w", err)
	}
	if err := s.authenticators.Insert(tx, a); err != nil {
		return fmt.Errorf("binding an authenticator: %w", err)
	}
	return s.name(tx, a)
}

// countOwn notes that a session binds an authenticator now, if it may.
func (g *guard) countOwn(now time.Time) error {
	g.OwnBound = slices.DeleteFunc(g.OwnBound, func(at time.Time) bool { return !now.Before(at.Add(OwnPeriod)) })
	if len(g.OwnBound) >= MaxOwn {
		return ErrTooOften
	}
	g.OwnBound = append(g.OwnBound, now)
	return nil
}

// Living returns the authenticators of the account that are not revoked. To decide on them, call [Store.Epoch] in the same
// transaction.
func (s *Store) Living(r storage.Reader, accountID string) ([]Authenticator, error) {
	g, err := s.guard(r, accountID)
	if err != nil {
		return nil, err
	}
	all := make([]Authenticator, 0, len(g.Living))
	for _, id := range g.Living {
		a, err := s.Get(r, id)
		if err != nil {
			// The cause is cut: to the caller this is no "not found" but a broken record.
			return nil, fmt.Errorf("reading the account's authenticators: %v", err)
		}
		all = append(all, *a)
	}
	return all, nil
}

// History returns every authenticator that the account ever had, revoked ones too. How many that are is bounded by nothing but the
// pace of [MaxOwn] and what operators bind: it is theirs to read, and nothing is decided on it.
func (s *Store) History(r storage.Reader, accountID string) ([]Authenticator, error) {
	var all []Authenticator
	for a, err := range s.authenticators.Each(r, byAccount, []byte(accountID), 0) {
		if err != nil {
			return nil, fmt.Errorf("reading the account's history: %w", err)
		}
		all = append(all, *a)
	}
	return all, nil
}
