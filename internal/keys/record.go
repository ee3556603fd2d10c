package keys

import (
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/regrant/regrant/storage"
)

// record is what is stored for one purpose. All of it is wrapped, so what it says about itself cannot be changed either.
type record struct {
	Purpose Purpose `json:"purpose"`
	Kind    kind    `json:"kind"`
	Keys    []key   `json:"keys"` // oldest first; one unless the kind rotates
}

// key is one key of a purpose.
type key struct {
	ID       string    `json:"id"`
	MadeAt   time.Time `json:"made_at"`
	Begins   time.Time `json:"begins"` // when it is the one in use
	Material []byte    `json:"material"`
}

// newKey makes a key that is used from begins on.
func newKey(k kind, now, begins time.Time) (key, error) {
	material, id, err := newMaterial(k)
	return key{ID: id, MadeAt: now.UTC(), Begins: begins.UTC(), Material: material}, err
}

// wrapper keeps the keys of one namespace under a key derived from the operator's secret.
type wrapper struct {
	aead   cipher.AEAD
	prefix string
}

func newWrapper(secret []byte, namespace string) (*wrapper, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("%w: it has %d bytes, at least %d are needed", ErrShortSecret, len(secret), MinSecret)
	}
	return &wrapper{
		aead:   newAEAD(derive(secret, "regrant wrapping key: "+namespace)),
		prefix: namespace + "/key/",
	}, nil
}

// checkPurpose names the check value: a record that holds no key. It tells a wrong secret at once, even when all the
// keys that this version knows are still to be made.
const checkPurpose Purpose = "check"

func (w *wrapper) check(tx storage.Tx) error {
	_, err := w.recordOf(tx, checkPurpose, symmetric)
	return err
}

// recordOf reads the record of p, or makes it. Reading it first and writing it in the same transaction is what makes
// the loser of a race start over and read the winner's.
func (w *wrapper) recordOf(tx storage.Tx, p Purpose, k kind) (record, error) {
	rec, err := w.read(tx, p, k)
	if !errors.Is(err, storage.ErrNotFound) {
		return rec, err
	}
	first, err := newKey(k, tx.Now(), tx.Now())
	if err != nil {
		return record{}, fmt.Errorf("making key %q: %w", p, err)
	}
	rec = record{Purpose: p, Kind: k, Keys: []key{first}}
	return rec, w.write(tx, rec)
}

func (w *wrapper) name(p Purpose) []byte { return []byte(w.prefix + string(p)) }

func (w *wrapper) read(r storage.Reader, p Purpose, k kind) (record, error) {
	sealed, err := r.Get(w.name(p))
	if err != nil {
		return record{}, fmt.Errorf("reading key %q: %w", p, err)
	}
	rec, err := w.unwrap(p, sealed)
	if err != nil {
		return record{}, fmt.Errorf("reading key %q: %w", p, err)
	}
	if rec.Purpose != p || rec.Kind != k || len(rec.Keys) == 0 {
		return record{}, fmt.Errorf("reading key %q: the record is of %q, kind %q, with %d keys", p, rec.Purpose, rec.Kind, len(rec.Keys))
	}
	return rec, nil
}

func (w *wrapper) write(tx storage.Tx, rec record) error {
	plain, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("encoding key %q: %w", rec.Purpose, err)
	}
	name := w.name(rec.Purpose)
	if err := tx.Put(name, seal(w.aead, plain, name), time.Time{}); err != nil {
		return fmt.Errorf("storing key %q: %w", rec.Purpose, err)
	}
	return nil
}

func (w *wrapper) unwrap(p Purpose, sealed []byte) (record, error) {
	plain, err := open(w.aead, sealed, w.name(p))
	if err != nil {
		return record{}, ErrWrongSecret
	}
	var r record
	if err := json.Unmarshal(plain, &r); err != nil {
		return record{}, errors.New("the record is not readable") // its text would hold the key
	}
	for _, k := range r.Keys {
		if len(k.Material) != keySize {
			return record{}, errors.New("the record holds a key of the wrong length")
		}
	}
	return r, nil
}
