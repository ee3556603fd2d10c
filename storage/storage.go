// Package storage keeps state that must be exact.
//
// A [DB] is a small transactional key-value contract: keys are bytes, a value
// has an optional expiry, and a transaction either happened as a whole and is
// durable, or did not happen. There are no locks besides it: whatever must
// happen once is decided by a compare-and-swap inside [DB.Update], so that two
// nodes, a reload and a retry after a crash are one and the same case.
//
// A [Table] stores records of one type on top of it, with versions, indexes
// and, if asked, a MAC that ties a value to its key. [Timers] holds work by due
// time, taken by lease. Backends live in folders below; each passes the suite
// in storagetest.
package storage

import (
	"context"
	"errors"
	"iter"
	"time"
)

// MaxKey and MaxValue bound a key and a value, in bytes. No key is empty.
const (
	MaxKey   = 1 << 10
	MaxValue = 64 << 10
)

var (
	// ErrNotFound means that there is no such key, or that it has expired.
	ErrNotFound = errors.New("not found")
	// ErrExists means that the key is taken by a value that has not expired.
	ErrExists = errors.New("already exists")
	// ErrConflict means that an update met concurrent ones until its bounded
	// number of attempts was used up. Nothing was written; it may be tried again.
	ErrConflict = errors.New("too many conflicting transactions")
	// ErrFull means that nothing is written while space is short. Reading goes on.
	ErrFull = errors.New("out of space")
	// ErrLocked means that another process holds the store.
	ErrLocked = errors.New("locked by another process")
	// ErrClock means that the clock went back so far that nobody can tell what has
	// expired.
	ErrClock = errors.New("the clock went back")
	// ErrClosed means that the DB was closed before or during the call.
	ErrClosed = errors.New("storage closed")
	// ErrSize means that a key is empty or longer than [MaxKey], or that a value
	// is longer than [MaxValue], or that one transaction writes too much: each
	// backend takes at least 1 MiB and 10,000 writes.
	ErrSize = errors.New("size out of bounds")
)

// DB holds state that must be exact. It is safe for concurrent use.
type DB interface {
	// View runs fn on one consistent snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn until it commits, and returns when the result is durable. An
	// error of fn is returned as it is and nothing is written. fn may run several
	// times, so it must have no side effects; its Tx ends with it.
	//
	// Updates are serializable over the keys named in Get, Put, Insert and Delete.
	// Scan guards nothing against new keys: to decide on a set, Get and Put its
	// guard key.
	//
	// An error that is neither fn's nor [ErrConflict], [ErrFull], [ErrSize],
	// [ErrClock] or the context's may mean that the outcome is unknown.
	Update(ctx context.Context, fn func(Tx) error) error
	// Close waits for the calls in flight. Calls that come later give [ErrClosed].
	Close() error
}

// Reader reads one snapshot. It belongs to one goroutine.
type Reader interface {
	// Now is the only clock that judges expiry. It stands still within one run of fn,
	// and never goes back while the DB is open: calls give [ErrClock] instead.
	Now() time.Time
	// Get returns a copy of the value of key, or [ErrNotFound].
	Get(key []byte) ([]byte, error)
	// Scan yields the entries whose key begins with prefix, in the order of their
	// bytes, that follow the key after (nil: from the start); at most limit of
	// them (0 or less: all). The first error ends it. Entries are the caller's.
	Scan(prefix, after []byte, limit int) iter.Seq2[Entry, error]
}

// Tx reads and writes in one transaction, and sees its own writes.
type Tx interface {
	Reader
	// Put sets key until expires; the zero time means for ever.
	Put(key, value []byte, expires time.Time) error
	// Insert is Put for a key that must not be there yet, else [ErrExists]. A key
	// that has expired is not there.
	Insert(key, value []byte, expires time.Time) error
	// Delete removes key. It is no error if there is none.
	Delete(key []byte) error
}

// Entry is one stored key. A zero Expires means never.
type Entry struct {
	Key, Value []byte
	Expires    time.Time
}
