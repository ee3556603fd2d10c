package account

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/storage"
)

// MaxPerAccount bounds how many authenticators of an account are not revoked: reading all of them stays cheap. Removing one makes
// room for another, and at the bound those that have expired do.
const MaxPerAccount = 50

// MaxOwn is how many authenticators an account's sessions bind in [OwnPeriod] at most. Whoever has stolen one session can so neither
// fill the history, which is kept for good, nor keep the owner from binding for longer than that. Whoever can sign in as the owner
// again and again can do it every day, at this pace, until the identity provider lets him in no more.
const (
	MaxOwn    = 20
	OwnPeriod = 24 * time.Hour
)

var (
	// ErrTooMany means that [MaxPerAccount] authenticators of the account are neither revoked nor expired.
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
	if err := s.makeRoom(tx, g); err != nil {
		return err
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

// makeRoom lets the expired go at the bound, to which a CA that certifies fresh keys every day would come otherwise. Time does not go
// back, so none of them is ever usable again. They stay in the history as they are.
func (s *Store) makeRoom(tx storage.Tx, g *guard) error {
	if len(g.Living) < MaxPerAccount {
		return nil
	}
	all, err := s.living(tx, g)
	if err != nil {
		return err
	}
	g.Living = nil
	for i := range all {
		if !all[i].expired(tx.Now()) {
			g.Living = append(g.Living, all[i].ID)
		}
	}
	if len(g.Living) >= MaxPerAccount {
		return ErrTooMany
	}
	return nil
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

// Living returns the authenticators of the account that are not revoked, the oldest first, without expired ones that have made room for
// others. To decide on them, call [Store.Epoch] in the same transaction.
func (s *Store) Living(r storage.Reader, accountID string) ([]Authenticator, error) {
	g, err := s.guard(r, accountID)
	if err != nil {
		return nil, err
	}
	return s.living(r, g)
}

func (s *Store) living(r storage.Reader, g *guard) ([]Authenticator, error) {
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
