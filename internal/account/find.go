package account

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// Find is [Store.ByHandle] with the epoch of the account. Strangers know handles that may be bound: people publish their SSH keys, and
// passkeys can be named. So a handle that is nobody's is followed by as many reads, and as much is decoded as of a usual key: records differ
// in length, and so by a microsecond or two in time.
func (s *Store) Find(r storage.Reader, handle []byte) (a *Authenticator, epoch uint64, err error) {
	a, err = s.ByHandle(r, handle)
	if err == nil {
		epoch, err = s.Epoch(r, a.AccountID)
		return a, epoch, err
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return nil, 0, err
	}
	for _, imitate := range s.nobody {
		if failed := imitate(r); failed != nil {
			return nil, 0, failed
		}
	}
	return nil, 0, err
}

// imitations are of an authenticator with one key, and of the guard of an account that has two.
func (s *Store) imitations() []func(storage.Reader) error {
	then := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	one, other := rand.Text(), rand.Text()
	return []func(storage.Reader) error{
		s.authenticators.Imitation(&Authenticator{
			ID: one, Upstream: "upstream", AccountID: rand.Text(), Identifiers: []string{"nobody", "nobody@example.com"}, Method: attest.MethodSSHKey,
			Handles: []Handle{{Value: make([]byte, 32), Reference: make([]byte, 96)}}, Label: "A label", BoundAt: then, EffectiveAt: then,
			LastProvenAt: then, BoundBy: "owner", BoundFrom: "203.0.113.0/24",
		}),
		s.guards.Imitation(&guard{AccountID: rand.Text(), Living: []string{one, other}, OwnBound: []time.Time{then}, Level: 1}),
	}
}
