package badger

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	dgbadger "github.com/dgraph-io/badger/v4"

	"github.com/regrant/regrant/storage"
)

// slowDisk opens a store whose flush to disk says that it has begun and then waits
// to be let through.
func slowDisk(t *testing.T) (db *DB, begun, through chan struct{}) {
	t.Helper()
	db, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	begun, through = make(chan struct{}), make(chan struct{})
	db.flush = func(txn *dgbadger.Txn) error {
		begun <- struct{}{}
		<-through
		return txn.Commit()
	}
	return db, begun, through
}

// insert starts an update of its own and gives its outcome.
func insert(ctx context.Context, db *DB, key string) <-chan error {
	outcome := make(chan error, 1)
	go func() {
		outcome <- db.Update(ctx, func(tx storage.Tx) error { return tx.Insert([]byte(key), nil, time.Time{}) })
	}()
	return outcome
}

func has(t *testing.T, db *DB, key string) bool {
	t.Helper()
	err := db.View(t.Context(), func(r storage.Reader) error { _, err := r.Get([]byte(key)); return err })
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func queued(db *DB, n int) {
	for len(db.commits) < n {
		runtime.Gosched()
	}
}

func TestNothingIsAnsweredOrSeenBeforeItIsDurable(t *testing.T) {
	db, begun, through := slowDisk(t)
	outcome := insert(t.Context(), db, "a")
	<-begun
	select {
	case err := <-outcome:
		t.Errorf("answered %v during the flush", err)
	default:
	}
	if has(t, db, "a") {
		t.Error("seen during the flush")
	}
	close(through)
	if err := <-outcome; err != nil || !has(t, db, "a") {
		t.Errorf("after the flush: %v", err)
	}
}

func TestRequestThatWaitsForASlowDiskIsWithdrawnInTime(t *testing.T) {
	db, begun, through := slowDisk(t)
	first := insert(t.Context(), db, "first")
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	patient, impatient := insert(t.Context(), db, "patient"), insert(ctx, db, "impatient")
	queued(db, 2)
	cancel()
	if err := <-impatient; !errors.Is(err, context.Canceled) {
		t.Errorf("outcome %v, want Canceled", err)
	}
	through <- struct{}{}
	<-begun
	close(through)
	for name, outcome := range map[string]<-chan error{"first": first, "patient": patient} {
		if err := <-outcome; err != nil || !has(t, db, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if has(t, db, "impatient") {
		t.Error("written after it was withdrawn")
	}
}

// A flush under way cannot be taken back, so its outcome is told, however late.
func TestRequestWhoseFlushHasBegunLearnsTheOutcome(t *testing.T) {
	db, begun, through := slowDisk(t)
	ctx, cancel := context.WithCancel(t.Context())
	outcome := insert(ctx, db, "a")
	<-begun
	cancel()
	close(through)
	if err := <-outcome; err != nil || !has(t, db, "a") {
		t.Errorf("outcome %v, written %v", err, has(t, db, "a"))
	}
}

// Nobody waits for the outcome any more, and a select that finds room for the commit too would pick by chance.
func TestRequestThatIsOverIsNotHandedOver(t *testing.T) {
	db := &DB{commits: make(chan *commit, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range cap(db.commits) {
		if err := db.commit(ctx, &commit{done: make(chan error, 1)}); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if n := len(db.commits); n > 0 {
		t.Errorf("%d commits wait to be written", n)
	}
}
