package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/regrant/regrant/storage"
)

// Rewrap puts the keys of namespace under secret instead of previous, all in one transaction, and says whether there was
// anything to do: nothing is if they open under secret already, or if there are none. It gives [ErrWrongSecret] if they
// open under neither, and changes nothing then.
func Rewrap(ctx context.Context, db storage.DB, namespace string, secret, previous []byte) (done bool, err error) {
	to, err := newWrapper(secret, namespace)
	if err != nil {
		return false, fmt.Errorf("wrapping keys anew: %w", err)
	}
	from, err := newWrapper(previous, namespace)
	if err != nil {
		return false, fmt.Errorf("wrapping keys anew: previous secret: %w", err)
	}
	err = db.Update(ctx, func(tx storage.Tx) error {
		_, err := to.read(tx, checkPurpose, symmetric)
		if done = errors.Is(err, ErrWrongSecret); !done {
			return err
		}
		return move(tx, from, to)
	})
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil // a new store
	}
	if err != nil {
		return false, fmt.Errorf("wrapping the keys of %q anew: %w", namespace, err)
	}
	return done, nil
}

// move reads each record under from and writes it under to. It names every purpose, even those that have no key yet: so
// a node that makes one meanwhile, under the old secret, starts over and is refused.
func move(tx storage.Tx, from, to *wrapper) error {
	all := map[Purpose]kind{checkPurpose: symmetric}
	for p, k := range kinds {
		all[p] = k
	}
	for p, k := range all {
		rec, err := from.read(tx, p, k)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if err := to.write(tx, rec); err != nil {
			return err
		}
	}
	return nil
}
