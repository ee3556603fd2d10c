package account

import (
	"crypto/hmac"
	"errors"
	"time"

	"github.com/regrant/regrant/storage"
)

// Confirmation is what an authenticator waits for whose key came over another way than its owner's session (external
// binding, SP 800-63B-4 section 4.1.2.2): that session's word that the key is the owner's.
type Confirmation struct {
	Session   []byte        `json:"session"` // keyed hash of its secret
	Before    time.Time     `json:"before"`
	Probation time.Duration `json:"probation"` // that follows it
}

// ErrNotAwaited means that no confirmation is awaited: it has come, it came too late, another session has to give it, or the
// authenticator has ended or is another account's.
var ErrNotAwaited = errors.New("no confirmation is awaited")

// Confirm ends the wait of an authenticator by the session that it waits for. Its probation begins.
func (s *Store) Confirm(tx storage.Tx, accountID, id string, session []byte) (confirmed *Authenticator, err error) {
	err = s.change(tx, id, func(a *Authenticator) error {
		switch {
		case a.AccountID != accountID, !a.RevokedAt.IsZero(), a.Awaits == nil:
			return ErrNotAwaited
		case !hmac.Equal(a.Awaits.Session, session), !tx.Now().Before(a.Awaits.Before):
			return ErrNotAwaited
		}
		a.EffectiveAt, a.Awaits, confirmed = tx.Now().Add(a.Awaits.Probation).UTC(), nil, a
		return s.decide(tx, accountID, func(*guard) {})
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil, ErrNotAwaited
	}
	return confirmed, err
}
