package account

import (
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// MaxFailures is how many wrong guesses in a row an authenticator bears (SP 800-63B-4 section 3.2.2). Then it is disabled, and
// only binding a new one helps.
const MaxFailures = 100

// ErrTaken means that a one-time handle was consumed, or is reserved by another recovery.
var ErrTaken = errors.New("one-time code is used")

// Proven notes that evidence of the authenticator was accepted now. What was seen of a signature counter is never lowered.
// used tells that it counted in a recovery, and not in a rehearsal alone; holder is who proved it.
func (s *Store) Proven(tx storage.Tx, id string, seen attest.Claims, used bool, holder string) error {
	return s.change(tx, id, func(a *Authenticator) error {
		now := tx.Now().UTC()
		a.LastProvenAt, a.LastProvenBy, a.Failures = now, holder, 0
		if used {
			a.LastUsedAt = now
		}
		if h := a.handle(seen.Handle); h != nil {
			h.Counter, h.BackedUp = max(h.Counter, seen.Counter), seen.BackedUp
		}
		return nil
	})
}

// Failed counts a wrong guess, and tells whether it disabled the authenticator.
func (s *Store) Failed(tx storage.Tx, id string) (disabled bool, err error) {
	err = s.change(tx, id, func(a *Authenticator) error {
		a.Failures++
		if disabled = a.Failures == MaxFailures && a.DisabledAt.IsZero(); disabled {
			a.DisabledAt = tx.Now().UTC()
		}
		return nil
	})
	return disabled, err
}

// Reserve keeps a one-time handle for the recovery txn. alive tells whether the recovery that has it still lives; when it does not, the
// handle is free again. Handles of other kinds need no reservation. The error is [ErrTaken] or [ErrProbation].
func (s *Store) Reserve(tx storage.Tx, id string, handle []byte, txn string, alive func(txn string) (bool, error)) error {
	return s.change(tx, id, func(a *Authenticator) error {
		h := a.handle(handle)
		switch {
		case h == nil:
			return ErrTaken
		case !h.OneTime:
			return nil
		case tx.Now().Before(h.EffectiveAt):
			return ErrProbation
		case !h.ConsumedAt.IsZero():
			return ErrTaken
		case h.ReservedBy != "" && h.ReservedBy != txn:
			if lives, err := alive(h.ReservedBy); err != nil || lives {
				return errors.Join(err, ErrTaken)
			}
		}
		h.ReservedBy = txn
		return nil
	})
}

// Consume ends a one-time handle that txn has reserved, for good; replacement, if there is one, takes its place, on probation
// until effective. It returns the authenticator as it is then.
func (s *Store) Consume(tx storage.Tx, id string, handle []byte, txn string, replacement *attest.Handle, effective time.Time) (after *Authenticator, err error) {
	err = s.change(tx, id, func(a *Authenticator) error {
		h := a.handle(handle)
		if h == nil || !h.OneTime || !h.ConsumedAt.IsZero() || h.ReservedBy != txn {
			return ErrTaken
		}
		h.ConsumedAt = tx.Now().UTC()
		if replacement != nil {
			fresh := Handles([]attest.Handle{*replacement})[0]
			fresh.EffectiveAt = effective.UTC()
			a.Handles = append(a.Handles, fresh)
		}
		after = a
		return nil
	})
	return after, err
}

// change reads an authenticator, has fn change it, and writes it.
func (s *Store) change(tx storage.Tx, id string, fn func(*Authenticator) error) error {
	a, err := s.Get(tx, id)
	if err != nil {
		return err
	}
	if err := fn(a); err != nil {
		return err
	}
	if err := s.authenticators.Put(tx, a); err != nil {
		return fmt.Errorf("changing an authenticator: %w", err)
	}
	return s.name(tx, a)
}
