package storage_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

type queue struct {
	*store
	q *storage.Timers
}

func newQueue(t testing.TB) *queue {
	return &queue{newStore(t, config()), storage.NewTimers("test/due")}
}

func (q *queue) set(id string, in time.Duration) {
	q.Helper()
	q.must(q.update(func(tx storage.Tx) error { return q.q.Set(tx, []byte(id), q.clock.Now().Add(in)) }))
}

func (q *queue) take(limit int) []string {
	q.Helper()
	ids, err := q.q.Take(q.Context(), q.db, limit, time.Minute)
	q.must(err)
	var s []string
	for _, id := range ids {
		s = append(s, string(id))
	}
	return s
}

func (q *queue) next() (due time.Time, ok bool) {
	q.Helper()
	q.must(q.db.View(q.Context(), func(r storage.Reader) (err error) { due, ok, err = q.q.Next(r); return err }))
	return due, ok
}

func TestTimersGiveWhatIsDueEarliestFirst(t *testing.T) {
	q := newQueue(t)
	q.set("b", 2*time.Second)
	q.set("a", time.Second)
	q.set("later", time.Hour)
	q.wantIDs(q.take(9))
	q.clock.Add(2 * time.Second)
	q.wantIDs(q.take(1), "a")
	q.wantIDs(q.take(9), "b")
}

func TestTimersLeaseEndsIfNobodyIsDone(t *testing.T) {
	q := newQueue(t)
	q.set("dies", 0)
	q.set("done", 0)
	q.wantIDs(q.take(9), "dies", "done")
	q.must(q.update(func(tx storage.Tx) error { return q.q.Clear(tx, []byte("done")) }))
	q.clock.Add(time.Minute - time.Microsecond)
	q.wantIDs(q.take(9))
	q.clock.Add(time.Microsecond)
	q.wantIDs(q.take(9), "dies")
}

func TestTimersSetReplaces(t *testing.T) {
	q := newQueue(t)
	q.set("a", time.Second)
	q.set("a", time.Hour)
	q.clock.Add(time.Second)
	q.wantIDs(q.take(9))
	q.set("a", -time.Second)
	q.wantIDs(q.take(9), "a")
}

func TestTimersClearLeavesNothing(t *testing.T) {
	q := newQueue(t)
	q.set("a", 0)
	for range 2 {
		q.must(q.update(func(tx storage.Tx) error { return q.q.Clear(tx, []byte("a")) }))
	}
	q.wantIDs(q.take(9))
	q.must(q.db.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan(nil, nil, 0) {
			t.Errorf("%q is left, %v", e.Key, err)
		}
		return nil
	}))
}

func TestTimersNextIsTheEarliest(t *testing.T) {
	q := newQueue(t)
	if _, ok := q.next(); ok {
		t.Error("nothing is set, but something is next")
	}
	q.set("b", time.Hour)
	q.set("a", time.Minute)
	if due, ok := q.next(); !ok || !due.Equal(q.clock.Now().Add(time.Minute)) {
		t.Errorf("next is %v, %v", due, ok)
	}
	q.update(func(tx storage.Tx) error { return q.q.Set(tx, []byte("old"), time.Unix(-1, 0)) }) //nolint:errcheck // seen below
	if due, _ := q.next(); !due.Equal(time.Unix(-1, 0)) {
		t.Errorf("next is %v, want a time before 1970", due)
	}
}

func TestTimersTakersNeverShare(t *testing.T) {
	q := newQueue(t)
	const n = 40
	for i := range n {
		q.set(fmt.Sprint(i), 0)
	}
	var mu sync.Mutex
	var taken []string
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			for {
				ids, err := q.q.Take(t.Context(), q.db, 3, time.Minute)
				if errors.Is(err, storage.ErrConflict) {
					continue
				}
				if err != nil {
					t.Error(err)
				}
				if len(ids) == 0 {
					return
				}
				mu.Lock()
				for _, id := range ids {
					taken = append(taken, string(id))
				}
				mu.Unlock()
			}
		})
	}
	done.Wait()
	slices.Sort(taken)
	if unique := slices.Compact(slices.Clone(taken)); len(taken) != n || len(unique) != n {
		t.Errorf("%d taken, %d of them different, want %d", len(taken), len(unique), n)
	}
}

func TestTimersTakeNeedsALeaseAndALimit(t *testing.T) {
	q := newQueue(t)
	for _, c := range []struct {
		limit int
		lease time.Duration
	}{{0, time.Minute}, {1, 0}} {
		if _, err := q.q.Take(t.Context(), q.db, c.limit, c.lease); err == nil {
			t.Errorf("took with limit %d and lease %v", c.limit, c.lease)
		}
	}
}

// Another process sets timers that this one hears nothing of.
func TestTimersThatCameLateAreFoundWithinAMinute(t *testing.T) {
	q := newQueue(t)
	q.clock.Add(time.Hour)
	q.wantIDs(q.take(9)) // nothing is due: the next look begins here
	other := &queue{q.store, storage.NewTimers("test/due")}
	other.set("late by a second", -time.Second)
	other.set("late by an hour", -time.Hour)
	q.wantIDs(q.take(9), "late by a second")
	q.clock.Add(time.Minute)
	q.wantIDs(q.take(9), "late by an hour", "late by a second")
}

func TestTimersSetWhileTheClockIsBackAreFound(t *testing.T) {
	q := newQueue(t)
	q.wantIDs(q.take(9))
	q.clock.Add(-30 * time.Second)
	q.set("due", 0)
	q.wantIDs(q.take(9), "due")
}
