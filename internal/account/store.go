package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/storage"
)

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
	nobody         []func(storage.Reader) error // what finding somebody takes, see [Store.Find]
}

// guard is what an account's decisions and changes meet on.
type guard struct {
	AccountID string `json:"account_id"`
	Epoch     uint64 `json:"epoch"`
	// Living are the ids of the authenticators that are not revoked, the oldest first, without expired ones that have made room. Unlisted
	// tells that they have to be looked up: the guard was written before they were kept here.
	Living   []string    `json:"living,omitempty"`
	Unlisted bool        `json:"unlisted,omitempty"`
	OwnBound []time.Time `json:"own_bound,omitempty"` // the last [MaxOwn] that sessions bound

	RecoveredAt   time.Time `json:"recovered_at,omitzero"` // the last recovery
	RecoveredWith []string  `json:"recovered_with,omitempty"`
	// FirstRecoveredAt is the first of recoveries that each came in the quarantine of the one before.
	FirstRecoveredAt time.Time `json:"first_recovered_at,omitzero"`

	Standing    Standing  `json:"standing,omitzero"` // at the identity provider, see [Store.Stand]
	StandsSince time.Time `json:"stands_since,omitzero"`

	Level     uint8 `json:"level,omitzero"`     // the best sign-in ever seen, see [Store.Assured]
	Resistant bool  `json:"resistant,omitzero"` // to phishing
}

// New makes the store under namespace. sealer authenticates the records.
func New(namespace string, sealer storage.Sealer) *Store {
	s := &Store{
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
			Version: 2,
			Upgrade: upgradeGuard,
			ID:      func(g *guard) []byte { return []byte(g.AccountID) },
			Sealer:  sealer,
		}),
	}
	s.nobody = s.imitations()
	return s
}

// ByHandle finds an authenticator in whatever state. The error is [storage.ErrNotFound] if there is none.
func (s *Store) ByHandle(r storage.Reader, handle []byte) (*Authenticator, error) {
	return s.authenticators.By(r, byHandle, handle)
}

// Get finds an authenticator in whatever state. The error is [storage.ErrNotFound] if there is none.
func (s *Store) Get(r storage.Reader, id string) (*Authenticator, error) {
	return s.authenticators.Get(r, []byte(id))
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
	err = s.decide(tx, a.AccountID, func(g *guard) {
		if a.Awaits == nil {
			g.Epoch++
		}
		g.Living = slices.DeleteFunc(g.Living, func(living string) bool { return living == id })
	})
	if err != nil {
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
func (s *Store) RaiseEpoch(tx storage.Tx, accountID string) error {
	return s.decide(tx, accountID, func(g *guard) { g.Epoch++ })
}

// decide writes the account's guard in any case, so that no decision on the account passes it unseen.
func (s *Store) decide(tx storage.Tx, accountID string, change func(*guard)) error {
	g, err := s.guard(tx, accountID)
	if err != nil {
		return err
	}
	change(g)
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
	return g, s.list(r, g)
}

// list fills in the living of a guard that does not name them yet.
func (s *Store) list(r storage.Reader, g *guard) error {
	if !g.Unlisted {
		return nil
	}
	all, err := s.History(r, g.AccountID)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b Authenticator) int { return a.BoundAt.Compare(b.BoundAt) })
	for i := range all {
		if all[i].RevokedAt.IsZero() {
			g.Living = append(g.Living, all[i].ID)
		}
	}
	g.Unlisted = false
	return nil
}

// upgradeGuard reads version 1, which counted what was ever bound and did not name what lives.
func upgradeGuard(_ byte, old []byte) ([]byte, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(old, &doc); err != nil {
		return nil, err
	}
	if doc == nil {
		return nil, errNoRecord
	}
	delete(doc, "bound")
	doc["unlisted"] = json.RawMessage("true")
	return json.Marshal(doc)
}
