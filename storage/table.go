package storage

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Sealer binds a stored value to its key with a MAC, so that someone who can
// write to the database can neither add a record nor move one.
type Sealer interface {
	Seal(key, value []byte) []byte
	// Open returns the value, or an error if it was not sealed for key.
	Open(key, sealed []byte) ([]byte, error)
}

// TableConfig describes a [Table].
type TableConfig[T any] struct {
	// Name is the unique prefix of the table's keys, such as "main/authenticator".
	Name string
	// Version is the schema version that is written.
	Version byte
	// Upgrade turns the JSON of an older version into that of Version. It must not
	// change an index key. If nil, only Version can be read.
	Upgrade func(from byte, old []byte) ([]byte, error)
	// ID is the record's identity within the table.
	ID func(*T) []byte
	// Expires is when the record is no longer there. Nil, or a zero time: never.
	Expires func(*T) time.Time
	Indexes []Index[T]
	// Sealer ties each record to its key. Nil: records are not protected.
	Sealer Sealer
}

// Index finds records by something else than their id.
type Index[T any] struct {
	Name string
	// Unique refuses a second record under one key.
	Unique bool
	// Keys are the keys under which a record is found: none, one or several.
	Keys func(*T) [][]byte
}

// Table keeps records of one type as versioned JSON. A record and its index
// entries change in one transaction and expire together.
type Table[T any] struct {
	TableConfig[T]
}

// NewTable checks c. It panics on a configuration that no program should have.
func NewTable[T any](c TableConfig[T]) *Table[T] {
	if c.Name == "" || strings.ContainsRune(c.Name, 0) || c.ID == nil {
		panic("storage: table needs an ID and a name without zero bytes: " + c.Name)
	}
	seen := map[string]bool{}
	for _, x := range c.Indexes {
		if x.Name == "" || strings.ContainsRune(x.Name, 0) || x.Keys == nil || seen[x.Name] {
			panic("storage: index needs Keys and a name of its own without zero bytes: " + c.Name + " " + x.Name)
		}
		seen[x.Name] = true
	}
	return &Table[T]{c}
}

// Get returns the record with that id, or [ErrNotFound].
func (t *Table[T]) Get(r Reader, id []byte) (*T, error) {
	key := t.recordKey(id)
	stored, err := r.Get(key)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.Name, err)
	}
	return t.decode(key, stored)
}

// Imitation does what a Get of v takes, though v is not stored, so that whoever measures does not learn what there is. It panics if v
// has no JSON.
func (t *Table[T]) Imitation(v *T) func(Reader) error {
	key := t.recordKey(t.ID(v))
	stored, err := t.encode(key, v)
	if err != nil {
		panic(err)
	}
	return func(r Reader) error {
		if _, err := r.Get(key); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("reading %s: %w", t.Name, err)
		}
		_, err := t.decode(key, stored)
		return err
	}
}

// Insert adds a record, or gives [ErrExists] if its id or one of its unique
// index keys is taken. Nothing is written then.
func (t *Table[T]) Insert(tx Tx, v *T) error {
	switch _, err := tx.Get(t.recordKey(t.ID(v))); {
	case err == nil:
		return fmt.Errorf("inserting %s: %w", t.Name, ErrExists)
	case !errors.Is(err, ErrNotFound):
		return fmt.Errorf("inserting %s: %w", t.Name, err)
	}
	return t.write(tx, v)
}

// Put adds or replaces a record and moves its index entries. It gives
// [ErrExists], and writes nothing, if another record has one of its unique
// index keys.
func (t *Table[T]) Put(tx Tx, v *T) error {
	old, err := t.Get(tx, t.ID(v))
	switch {
	case errors.Is(err, ErrNotFound):
		return t.write(tx, v)
	case err != nil:
		return err
	}
	if err := t.vacant(tx, v); err != nil {
		return err
	}
	if err := t.unindex(tx, old); err != nil {
		return err
	}
	return t.write(tx, v)
}

// Delete removes a record and its index entries, or gives [ErrNotFound].
func (t *Table[T]) Delete(tx Tx, id []byte) error {
	old, err := t.Get(tx, id)
	if err != nil {
		return err
	}
	if err := t.unindex(tx, old); err != nil {
		return err
	}
	if err := tx.Delete(t.recordKey(id)); err != nil {
		return fmt.Errorf("deleting %s: %w", t.Name, err)
	}
	return nil
}

// By returns the record that has key in a unique index, or [ErrNotFound].
func (t *Table[T]) By(r Reader, index string, key []byte) (*T, error) {
	x := t.index(index)
	if !x.Unique {
		panic("storage: By needs a unique index: " + t.Name + " " + index)
	}
	id, err := r.Get(t.indexKey(x, key, nil))
	if err != nil {
		return nil, fmt.Errorf("reading %s by %s: %w", t.Name, index, err)
	}
	return t.indexed(r, x, key, id)
}

// Each yields the records that have key in an index, in the order of their ids;
// at most limit of them (0 or less: all). The first error ends it.
func (t *Table[T]) Each(r Reader, index string, key []byte, limit int) iter.Seq2[*T, error] {
	x := t.index(index)
	if x.Unique {
		panic("storage: Each needs an index that is not unique: " + t.Name + " " + index)
	}
	prefix := t.indexKey(x, key, nil)
	return records(r.Scan(prefix, nil, limit), func(e Entry) (*T, error) {
		return t.indexed(r, x, key, e.Key[len(prefix):])
	})
}

// All yields the records in the order of their ids, starting after the id after
// (nil: with the first); at most limit of them (0 or less: all). The first error
// ends it.
func (t *Table[T]) All(r Reader, after []byte, limit int) iter.Seq2[*T, error] {
	prefix := t.recordKey(nil)
	var from []byte
	if after != nil {
		from = t.recordKey(after)
	}
	return records(r.Scan(prefix, from, limit), func(e Entry) (*T, error) {
		return t.decode(e.Key, e.Value)
	})
}

// records reads a record for each entry, until the first error.
func records[T any](entries iter.Seq2[Entry, error], read func(Entry) (*T, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for e, err := range entries {
			var v *T
			if err == nil {
				v, err = read(e)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// indexed reads the record to which an index entry leads. An entry is not
// sealed, so the record itself must say that it belongs under key: else whoever
// can write to the database could lead one person's key to another's record.
func (t *Table[T]) indexed(r Reader, x *Index[T], key, id []byte) (*T, error) {
	v, err := t.Get(r, id)
	if err != nil {
		// The cause is cut: to the caller this is no "not found" but a broken index.
		return nil, fmt.Errorf("following index %s of %s: %v", x.Name, t.Name, err)
	}
	for _, k := range x.Keys(v) {
		if bytes.Equal(k, key) {
			return v, nil
		}
	}
	return nil, fmt.Errorf("following index %s of %s: record is not under this key", x.Name, t.Name)
}

// write stores the record and its index entries, once its unique keys are free.
func (t *Table[T]) write(tx Tx, v *T) error {
	if err := t.vacant(tx, v); err != nil {
		return err
	}
	id := t.ID(v)
	key := t.recordKey(id)
	value, err := t.encode(key, v)
	if err != nil {
		return err
	}
	var expires time.Time
	if t.Expires != nil {
		expires = t.Expires(v)
	}
	if err := tx.Put(key, value, expires); err != nil {
		return fmt.Errorf("writing %s: %w", t.Name, err)
	}
	for x, k := range t.indexKeys(v) {
		if err := tx.Put(t.indexKey(x, k, id), id, expires); err != nil {
			return fmt.Errorf("writing index %s of %s: %w", x.Name, t.Name, err)
		}
	}
	return nil
}

// vacant gives [ErrExists] if another record has a unique key of v.
func (t *Table[T]) vacant(tx Tx, v *T) error {
	id := t.ID(v)
	for x, k := range t.indexKeys(v) {
		if !x.Unique {
			continue
		}
		owner, err := tx.Get(t.indexKey(x, k, nil))
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return fmt.Errorf("reading index %s of %s: %w", x.Name, t.Name, err)
		case !bytes.Equal(owner, id):
			return fmt.Errorf("index %s of %s: %w", x.Name, t.Name, ErrExists)
		}
	}
	return nil
}

func (t *Table[T]) unindex(tx Tx, v *T) error {
	id := t.ID(v)
	for x, k := range t.indexKeys(v) {
		if err := tx.Delete(t.indexKey(x, k, id)); err != nil {
			return fmt.Errorf("removing index %s of %s: %w", x.Name, t.Name, err)
		}
	}
	return nil
}

func (t *Table[T]) indexKeys(v *T) iter.Seq2[*Index[T], []byte] {
	return func(yield func(*Index[T], []byte) bool) {
		for i := range t.Indexes {
			for _, k := range t.Indexes[i].Keys(v) {
				if !yield(&t.Indexes[i], k) {
					return
				}
			}
		}
	}
}

func (t *Table[T]) index(name string) *Index[T] {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	panic("storage: no such index: " + t.Name + " " + name)
}
