package account

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// MaxPerAccount bounds how many authenticators an account ever has, revoked ones counted: reading all of them stays
// cheap.
const MaxPerAccount = 500

// ErrTooMany means that the account has [MaxPerAccount] authenticators.
var ErrTooMany = errors.New("the account has too many authenticators")

const (
	byHandle  = "handle"
	byAccount = "account"
)

// Store keeps the authenticators of one upstream. It is safe for concurrent use.
type Store struct {
	authenticators *storage.Table[Authenticator]
	guards         *storage.Table[guard]
	named          string // prefix of the rows of named.go
	sealer         storage.Sealer
}

// guard is what an account's decisions and changes meet on.
type guard struct {
	AccountID string `json:"account_id"`
	Epoch     uint64 `json:"epoch"`
	Bound     int    `json:"bound"` // authenticators ever bound

	RecoveredAt   time.Time `json:"recovered_at,omitzero"` // the last recovery
	RecoveredWith []string  `json:"recovered_with,omitempty"`
	// FirstRecoveredAt is the first of recoveries that each came in the quarantine of the one before.
	FirstRecoveredAt time.Time `json:"first_recovered_at,omitzero"`

	Level     uint8 `json:"level,omitzero"`     // the best sign-in ever seen, see [Store.Assured]
	Resistant bool  `json:"resistant,omitzero"` // to phishing
}

// New makes the store under namespace. sealer authenticates the records.
func New(namespace string, sealer storage.Sealer) *Store {
	return &Store{
		named:  namespace + "/named/",
		sealer: sealer,
		authenticators: storage.NewTable(storage.TableConfig[Authenticator]{
			Name:    namespace + "/authenticator",
			Version: 2,
			Upgrade: upgrade,
			ID:      func(a *Authenticator) []byte { return []byte(a.ID) },
			Indexes: []storage.Index[Authenticator]{
				{Name: byHandle, Unique: true, Keys: (*Authenticator).handles},
				{Name: byAccount, Keys: func(a *Authenticator) [][]byte { return [][]byte{[]byte(a.AccountID)} }},
			},
			Sealer: sealer,
		}),
		guards: storage.NewTable(storage.TableConfig[guard]{
			Name:    namespace + "/account-guard",
			Version: 1,
			ID:      func(g *guard) []byte { return []byte(g.AccountID) },
			Sealer:  sealer,
		}),
	}
}

// Bind adds a to its account and sets a.ID and a.BoundAt. The error is [storage.ErrExists] if a handle of it is bound
// already, to whomever and even if revoked, and [ErrTooMany] at the bound.
func (s *Store) Bind(tx storage.Tx, a *Authenticator) error {
	now := tx.Now().UTC()
	if err := a.complete(now); err != nil {
		return fmt.Errorf("binding an authenticator: %w", err)
	}
	g, err := s.guard(tx, a.AccountID)
	if err != nil {
		return err
	}
	if g.Bound >= MaxPerAccount {
		return ErrTooMany
	}
	g.Bound++
	if err := s.guards.Put(tx, g); err != nil {
		return fmt.Errorf("writing the account's guard: %w", err)
	}
	a.ID, a.BoundAt = rand.Text(), now
	if err := s.authenticators.Insert(tx, a); err != nil {
		return fmt.Errorf("binding an authenticator: %w", err)
	}
	return s.name(tx, a)
}

// ByHandle finds an authenticator in whatever state. The error is [storage.ErrNotFound] if there is none.
func (s *Store) ByHandle(r storage.Reader, handle []byte) (*Authenticator, error) {
	return s.authenticators.By(r, byHandle, handle)
}

// Get finds an authenticator in whatever state. The error is [storage.ErrNotFound] if there is none.
func (s *Store) Get(r storage.Reader, id string) (*Authenticator, error) {
	return s.authenticators.Get(r, []byte(id))
}

// OfAccount returns every authenticator that the account ever had. To decide on them, call [Store.Epoch] in the same
// transaction.
func (s *Store) OfAccount(r storage.Reader, accountID string) ([]Authenticator, error) {
	var all []Authenticator
	for a, err := range s.authenticators.Each(r, byAccount, []byte(accountID), MaxPerAccount) {
		if err != nil {
			return nil, fmt.Errorf("reading the account's authenticators: %w", err)
		}
		all = append(all, *a)
	}
	return all, nil
}

// Revoke ends an authenticator for good and raises its account's epoch. One that still awaits its confirmation took part in
// nothing: its end stops nothing. Revoking it again changes nothing: the first reason stays. The error is
// [storage.ErrNotFound] if there is none.
func (s *Store) Revoke(tx storage.Tx, id, by, reason string) (*Authenticator, error) {
	a, err := s.Get(tx, id)
	if err != nil {
		return nil, err
	}
	if !a.RevokedAt.IsZero() {
		return a, nil
	}
	raise := uint64(1)
	if a.Awaits != nil {
		raise = 0
	}
	if err := s.raise(tx, a.AccountID, raise); err != nil {
		return nil, err
	}
	a.RevokedAt, a.RevokedBy, a.RevokeReason = tx.Now().UTC(), by, reason
	if err := s.authenticators.Put(tx, a); err != nil {
		return nil, fmt.Errorf("revoking an authenticator: %w", err)
	}
	if err := s.name(tx, a); err != nil {
		return nil, err
	}
	return a, nil
}

// Epoch returns the account's epoch, 0 for an account never heard of. Called in the transaction of a decision, it
// also guards the account's set of authenticators against changes meanwhile.
func (s *Store) Epoch(r storage.Reader, accountID string) (uint64, error) {
	g, err := s.guard(r, accountID)
	if err != nil {
		return 0, err
	}
	return g.Epoch, nil
}

// RaiseEpoch cancels every pending recovery of the account.
func (s *Store) RaiseEpoch(tx storage.Tx, accountID string) error { return s.raise(tx, accountID, 1) }

// raise writes the account's guard in any case, so that no decision on the account passes it unseen.
func (s *Store) raise(tx storage.Tx, accountID string, by uint64) error {
	g, err := s.guard(tx, accountID)
	if err != nil {
		return err
	}
	g.Epoch += by
	if err := s.guards.Put(tx, g); err != nil {
		return fmt.Errorf("writing the account's guard: %w", err)
	}
	return nil
}

func (s *Store) guard(r storage.Reader, accountID string) (*guard, error) {
	g, err := s.guards.Get(r, []byte(accountID))
	if errors.Is(err, storage.ErrNotFound) {
		return &guard{AccountID: accountID}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the account's guard: %w", err)
	}
	return g, nil
}
