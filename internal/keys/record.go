package keys

import (
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// record is one stored key. All of it is wrapped, so what it says about itself cannot be changed either.
type record struct {
	Purpose  Purpose   `json:"purpose"`
	ID       string    `json:"id"`
	Kind     kind      `json:"kind"`
	MadeAt   time.Time `json:"made_at"`
	Material []byte    `json:"material"`
}

// wrapper keeps the keys of one namespace under a key derived from the operator's secret.
type wrapper struct {
	aead   cipher.AEAD
	prefix string
}

func newWrapper(secret []byte, namespace string) *wrapper {
	return &wrapper{
		aead:   newAEAD(derive(secret, "regrant wrapping key: "+namespace)),
		prefix: namespace + "/key/",
	}
}

// checkPurpose names the check value: a record that holds no key. It tells a wrong secret at once, even when all the
// keys that this version knows are still to be made.
const checkPurpose Purpose = "check"

func (w *wrapper) check(tx storage.Tx) error {
	_, err := w.key(tx, checkPurpose, symmetric)
	return err
}

// key reads the key of p, or makes it. Reading it first and inserting it in the same transaction is what makes the
// loser of a race start over and read the winner's.
func (w *wrapper) key(tx storage.Tx, p Purpose, k kind) ([]byte, error) {
	name := []byte(w.prefix + string(p))
	sealed, err := tx.Get(name)
	if errors.Is(err, storage.ErrNotFound) {
		return w.make(tx, name, p, k)
	}
	if err != nil {
		return nil, fmt.Errorf("reading key %q: %w", p, err)
	}
	r, err := w.unwrap(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("reading key %q: %w", p, err)
	}
	if r.Purpose != p || r.Kind != k {
		return nil, fmt.Errorf("reading key %q: the record is of %q, kind %q", p, r.Purpose, r.Kind)
	}
	return r.Material, nil
}

func (w *wrapper) make(tx storage.Tx, name []byte, p Purpose, k kind) ([]byte, error) {
	material, id, err := newMaterial(k)
	if err != nil {
		return nil, fmt.Errorf("making key %q: %w", p, err)
	}
	plain, err := json.Marshal(record{Purpose: p, ID: id, Kind: k, MadeAt: tx.Now().UTC(), Material: material})
	if err != nil {
		return nil, fmt.Errorf("making key %q: %w", p, err)
	}
	if err := tx.Insert(name, seal(w.aead, plain, name), time.Time{}); err != nil {
		return nil, fmt.Errorf("storing key %q: %w", p, err)
	}
	return material, nil
}

func (w *wrapper) unwrap(name, sealed []byte) (record, error) {
	plain, err := open(w.aead, sealed, name)
	if err != nil {
		return record{}, ErrWrongSecret
	}
	var r record
	if err := json.Unmarshal(plain, &r); err != nil {
		return record{}, errors.New("the record is not readable") // its text would hold the key
	}
	return r, nil
}
