package badger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

// Badger keeps what was deleted until it compacts. Looking for the next timer must not slow down with each that was
// ever cleared: compare both cases in one run.
func BenchmarkNextTimer(b *testing.B) {
	for _, cleared := range []int{0, 20_000} {
		b.Run(fmt.Sprintf("%d cleared", cleared), func(b *testing.B) {
			db := closing(b)(badger.Open(badger.Config{Dir: b.TempDir(), Clock: time.Now}))
			q := storage.NewTimers("due")
			setAndClear(b, db, q, cleared)
			next := func(r storage.Reader) error {
				_, _, err := q.Next(r)
				return err
			}
			for b.Loop() {
				if err := db.View(b.Context(), next); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// setAndClear sets n timers, each due a millisecond after the one before, and one far ahead that stays.
func setAndClear(b *testing.B, db storage.DB, q *storage.Timers, n int) {
	b.Helper()
	const batch = 1000
	begin := time.Now().Add(-time.Hour)
	update := func(fn func(storage.Tx) error) {
		if err := db.Update(b.Context(), fn); err != nil {
			b.Fatal(err)
		}
	}
	update(func(tx storage.Tx) error { return q.Set(tx, []byte("stays"), time.Now().Add(time.Hour)) })
	id := func(i int) []byte { return fmt.Appendf(nil, "%d", i) }
	for from := 0; from < n; from += batch {
		update(func(tx storage.Tx) error {
			for i := from; i < from+batch; i++ {
				if err := q.Set(tx, id(i), begin.Add(time.Duration(i)*time.Millisecond)); err != nil {
					return err
				}
			}
			return nil
		})
		update(func(tx storage.Tx) error {
			for i := from; i < from+batch; i++ {
				if err := q.Clear(tx, id(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}
