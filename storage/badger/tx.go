package badger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	dgbadger "github.com/dgraph-io/badger/v4"

	"github.com/regrant/regrant/storage"
)

// errEnded answers a Reader that outlived the function it was made for.
var errEnded = errors.New("transaction has ended")

// tx is one run of a View's or an Update's function on one snapshot. Badger's
// transaction holds the pending writes so that reads see them, but it is never
// committed: the committer gets reads and writes.
type tx struct {
	ctx   context.Context
	now   time.Time
	txn   *dgbadger.Txn
	ended bool

	// reads has the version at which each named key was seen, 0 if it was absent.
	// Nil in a View.
	reads map[string]uint64
	// writes has the new envelope of each written key, nil to delete it.
	writes map[string][]byte
	size   int // of all writes so far, in bytes
	// broken is why the transaction cannot commit, even if its function goes on.
	broken error
}

func (d *DB) begin(ctx context.Context, update bool) (*tx, error) {
	now, err := d.clock.now()
	if err != nil {
		return nil, err
	}
	t := &tx{ctx: ctx, now: now, txn: d.db.NewTransaction(update)}
	if update {
		t.reads, t.writes = map[string]uint64{}, map[string][]byte{}
	}
	return t, nil
}

func (t *tx) end() {
	t.ended = true
	t.txn.Discard()
}

// Now implements [storage.Reader].
func (t *tx) Now() time.Time { return t.now }

// Get implements [storage.Reader].
func (t *tx) Get(key []byte) ([]byte, error) {
	e, found, err := t.load(key)
	switch {
	case err != nil:
		return nil, err
	case !found || e.expired(t.now):
		return nil, storage.ErrNotFound
	}
	return e.value, nil
}

// load reads the envelope of key, expired or not, and notes the version seen.
func (t *tx) load(key []byte) (e envelope, found bool, err error) {
	if t.ended {
		return envelope{}, false, errEnded
	}
	if err := checkKey(key); err != nil {
		return envelope{}, false, err
	}
	item, err := t.txn.Get(key)
	switch {
	case errors.Is(err, dgbadger.ErrKeyNotFound):
		t.note(key, 0)
		return envelope{}, false, nil
	case err != nil:
		return envelope{}, false, fmt.Errorf("reading: %w", err)
	}
	t.note(key, item.Version())
	e, err = openItem(item)
	return e, err == nil, err
}

// note remembers the version at which key was first seen. What the transaction
// reads back of its own writes comes later, so it never gets here first.
func (t *tx) note(key []byte, version uint64) {
	if t.reads == nil {
		return
	}
	if _, seen := t.reads[string(key)]; !seen {
		t.reads[string(key)] = version
	}
}

// Scan implements [storage.Reader]. The entries that it yields count as read.
func (t *tx) Scan(prefix, after []byte, limit int) iter.Seq2[storage.Entry, error] {
	return func(yield func(storage.Entry, error) bool) {
		n := 0
		for raw, err := range t.scanAll(prefix, after) {
			if err == nil && raw.expired(t.now) {
				continue
			}
			if err == nil {
				t.note(raw.key, raw.version)
			}
			n++
			if !yield(raw.entry(), err) || err != nil || n == limit {
				return
			}
		}
	}
}

// scanned is an envelope with its key and version.
type scanned struct {
	envelope
	key     []byte
	version uint64
}

func (s scanned) entry() storage.Entry {
	return storage.Entry{Key: s.key, Value: s.value, Expires: s.expires}
}

// scanAll yields what is stored, expired or not, until the context ends.
func (t *tx) scanAll(prefix, after []byte) iter.Seq2[scanned, error] {
	return func(yield func(scanned, error) bool) {
		if t.ended {
			yield(scanned{}, errEnded)
			return
		}
		o := dgbadger.DefaultIteratorOptions
		o.Prefix = prefix
		// Reading ahead pays for values in the log; ours are in the tree.
		o.PrefetchValues = false
		it := t.txn.NewIterator(o)
		defer it.Close()
		for it.Seek(first(prefix, after)); it.ValidForPrefix(prefix); it.Next() {
			item := it.Item()
			e, err := openItem(item)
			if ctxErr := t.ctx.Err(); ctxErr != nil {
				err = ctxErr
			}
			if !yield(scanned{e, item.KeyCopy(nil), item.Version()}, err) || err != nil {
				return
			}
		}
	}
}

// first is the smallest key of prefix that follows after.
func first(prefix, after []byte) []byte {
	if next := append(append([]byte{}, after...), 0); after != nil && string(next) > string(prefix) {
		return next
	}
	return prefix
}

// Put implements [storage.Tx].
func (t *tx) Put(key, value []byte, expires time.Time) error {
	// The key is read even where its value does not matter: two blind writes of one
	// key conflict, so that the later one runs again on what the first has done.
	if _, _, err := t.load(key); err != nil {
		return err
	}
	return t.set(key, value, expires)
}

// Insert implements [storage.Tx].
func (t *tx) Insert(key, value []byte, expires time.Time) error {
	e, found, err := t.load(key)
	switch {
	case err != nil:
		return err
	case found && !e.expired(t.now):
		return storage.ErrExists
	}
	return t.set(key, value, expires)
}

// Delete implements [storage.Tx].
func (t *tx) Delete(key []byte) error {
	if _, _, err := t.load(key); err != nil {
		return err
	}
	key = append([]byte{}, key...)
	return t.pend(key, nil, t.txn.Delete(key))
}

func (t *tx) set(key, value []byte, expires time.Time) error {
	if len(value) > storage.MaxValue {
		return fmt.Errorf("value of %d bytes: %w", len(value), storage.ErrSize)
	}
	// Badger keeps both slices until the end, so they must be ours.
	key, sealed := append([]byte{}, key...), envelope{value, expires}.encode()
	return t.pend(key, sealed, t.txn.Set(key, sealed))
}

// pend takes a write over into the commit, once Badger's transaction took it.
func (t *tx) pend(key, sealed []byte, err error) error {
	if err != nil && !errors.Is(err, dgbadger.ErrTxnTooBig) {
		return fmt.Errorf("writing: %w", err)
	}
	t.writes[string(key)] = sealed
	t.size += len(key) + len(sealed)
	if err != nil || t.size > maxTxBytes || len(t.writes) > maxTxWrites {
		t.broken = fmt.Errorf("transaction of more than %d writes or %d bytes: %w", maxTxWrites, maxTxBytes, storage.ErrSize)
	}
	return t.broken
}

func checkKey(key []byte) error {
	if len(key) == 0 || len(key) > storage.MaxKey {
		return fmt.Errorf("key of %d bytes: %w", len(key), storage.ErrSize)
	}
	return nil
}

var _ storage.Tx = (*tx)(nil)
