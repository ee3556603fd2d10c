package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Timers is work by due time. A worker takes what is due by lease: the due time
// moves on by compare-and-swap, so that no other worker gets it meanwhile, and
// it comes up again if the worker dies. Due times count in microseconds.
//
//	name 0 'd' due id   the order of due times
//	name 0 't' id       due time of id
type Timers struct {
	order, byID string
	horizon     horizon
}

// NewTimers returns the timers of that name, which is unique like a table's. It
// panics on an empty name or one with a zero byte.
func NewTimers(name string) *Timers {
	if name == "" || strings.ContainsRune(name, 0) {
		panic("storage: timers need a name without zero bytes: " + name)
	}
	return &Timers{order: name + "\x00d", byID: name + "\x00t"}
}

// Set makes id due at that time, instead of an earlier setting.
func (q *Timers) Set(tx Tx, id []byte, due time.Time) error {
	if err := q.Clear(tx, id); err != nil {
		return err
	}
	q.horizon.set(due)
	stamp := appendTime(nil, due)
	if err := tx.Put(q.idKey(id), stamp, time.Time{}); err != nil {
		return fmt.Errorf("setting a timer: %w", err)
	}
	if err := tx.Put(q.dueKey(stamp, id), nil, time.Time{}); err != nil {
		return fmt.Errorf("setting a timer: %w", err)
	}
	return nil
}

// Clear forgets id. It is no error if there is none.
func (q *Timers) Clear(tx Tx, id []byte) error {
	stamp, err := tx.Get(q.idKey(id))
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("reading a timer: %w", err)
	}
	if err := tx.Delete(q.dueKey(stamp, id)); err != nil {
		return fmt.Errorf("clearing a timer: %w", err)
	}
	if err := tx.Delete(q.idKey(id)); err != nil {
		return fmt.Errorf("clearing a timer: %w", err)
	}
	return nil
}

// Take returns at most limit ids that are due, earliest first, and makes each
// due again after lease. Until then no other call returns it. A worker that is
// done with an id clears it, or sets it anew, in the transaction that does the
// work.
func (q *Timers) Take(ctx context.Context, db DB, limit int, lease time.Duration) ([][]byte, error) {
	if limit <= 0 || lease <= 0 {
		return nil, fmt.Errorf("taking timers: limit and lease must be positive")
	}
	var taken [][]byte
	err := db.Update(ctx, func(tx Tx) (err error) {
		taken, err = q.due(tx, limit)
		if err != nil {
			return err
		}
		for _, id := range taken {
			// Set reads the id's own key, on which two takers conflict.
			if err := q.Set(tx, id, tx.Now().Add(lease)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("taking timers: %w", err)
	}
	return taken, nil
}

// Next returns the earliest due time, and false if nothing is set.
func (q *Timers) Next(r Reader) (next time.Time, ok bool, err error) {
	err = q.look(r, 1, func(due time.Time, _ []byte) bool {
		next, ok = due, true
		return false
	})
	return next, ok, err
}

func (q *Timers) due(r Reader, limit int) ([][]byte, error) {
	var ids [][]byte
	err := q.look(r, limit, func(due time.Time, id []byte) bool {
		if due.After(r.Now()) {
			return false
		}
		ids = append(ids, id)
		return true
	})
	return ids, err
}

// look yields at most limit timers, earliest first, as long as visit asks for more.
func (q *Timers) look(r Reader, limit int, visit func(due time.Time, id []byte) bool) error {
	start := q.horizon.start(r.Now())
	var after []byte
	if !start.IsZero() {
		after = q.dueKey(appendTime(nil, start), nil)
	}
	var first time.Time
	for e, err := range r.Scan([]byte(q.order), after, limit) {
		if err != nil {
			return fmt.Errorf("reading timers: %w", err)
		}
		due, id, err := q.parse(e.Key)
		if err != nil {
			return err
		}
		if first.IsZero() {
			first = due
		}
		if !visit(due, id) {
			break
		}
	}
	q.horizon.found(start, first, r.Now())
	return nil
}

func (q *Timers) idKey(id []byte) []byte {
	return append([]byte(q.byID), id...)
}

func (q *Timers) dueKey(stamp, id []byte) []byte {
	return append(append([]byte(q.order), stamp...), id...)
}

func (q *Timers) parse(key []byte) (due time.Time, id []byte, err error) {
	key = key[len(q.order):]
	if len(key) < 8 {
		return time.Time{}, nil, fmt.Errorf("reading timers: key is too short")
	}
	micros := binary.BigEndian.Uint64(key) ^ 1<<63
	return time.UnixMicro(int64(micros)).UTC(), key[8:], nil //nolint:gosec // two's complement, as appendTime writes it
}

// appendTime writes t so that bytes sort like times: with the sign bit turned,
// times before 1970 come first.
func appendTime(to []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(to, uint64(t.UnixMicro())^1<<63)
}
