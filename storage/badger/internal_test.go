package badger

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	dgbadger "github.com/dgraph-io/badger/v4"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/storagetest"
)

func TestSweepDeletesWhatExpiredLongAgo(t *testing.T) {
	clock := storagetest.NewClock(time.Unix(2_000_000_000, 0))
	db, err := OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	soon, later := clock.Now().Add(time.Minute), clock.Now().Add(time.Minute+time.Second)
	update(t, db, func(tx storage.Tx) error {
		var err error
		for i := range 3 * sweepBatch {
			err = errors.Join(err, tx.Put(fmt.Appendf(nil, "old/%d", i), nil, soon))
		}
		return errors.Join(err, tx.Put([]byte("younger"), nil, later), tx.Put([]byte("keeps"), nil, time.Time{}))
	})
	clock.Add(time.Minute + sweepAge)
	if err := db.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, db); len(got) != 2 || got[0] != "keeps" || got[1] != "younger" {
		t.Errorf("%d keys are left: %.3q, want keeps and younger", len(got), got)
	}
}

func TestSweepSparesWhatWasWrittenAgain(t *testing.T) {
	clock := storagetest.NewClock(time.Unix(2_000_000_000, 0))
	db, err := OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	update(t, db, func(tx storage.Tx) error { return tx.Put([]byte("a"), nil, clock.Now()) })
	clock.Add(2 * sweepAge)
	keys, _, err := db.overdue(t.Context(), nil)
	if err != nil || len(keys) != 1 {
		t.Fatalf("overdue: %q, %v", keys, err)
	}
	update(t, db, func(tx storage.Tx) error { return tx.Insert([]byte("a"), nil, time.Time{}) })
	if err := db.drop(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, db); len(got) != 1 {
		t.Error("the sweep deleted a key that was written anew")
	}
}

func TestMaintenanceEndsWithClose(t *testing.T) {
	db, err := Open(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	db.collectGarbage(t.Context())
	if err := db.Close(); err != nil { // waits for the workers
		t.Fatal(err)
	}
	if err := db.sweep(t.Context()); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("a sweep after Close: %v", err)
	}
}

// TestUpdatesShareACommit holds the committer up while it looks at the free space,
// so that updates gather, and counts Badger's commits: it numbers them.
func TestUpdatesShareACommit(t *testing.T) {
	held, release, looks := make(chan struct{}), make(chan struct{}), 0
	db, err := Open(Config{Dir: t.TempDir(), FreeSpace: func(string) (uint64, error) {
		if looks++; looks == 2 {
			close(held)
			<-release
		}
		return 1 << 30, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's own directory
	<-held
	before := db.db.MaxVersion()
	const n = 50
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			if err := db.Update(t.Context(), func(tx storage.Tx) error { return tx.Insert([]byte{byte(i)}, nil, time.Time{}) }); err != nil {
				t.Error(err)
			}
		})
	}
	for len(db.commits) < n {
		runtime.Gosched()
	}
	close(release)
	done.Wait()
	if commits := db.db.MaxVersion() - before; commits != 1 {
		t.Errorf("%d updates took %d commits, want 1", n, commits)
	}
}

func TestMergeRefusesOnlyTheStale(t *testing.T) {
	db, err := OpenInMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	on := func(key string) *commit {
		return &commit{reads: map[string]uint64{key: 0}, writes: map[string][]byte{key: {keeps}}, done: make(chan error, 1)}
	}
	first, second, other := on("a"), on("a"), on("b")
	db.write([]*commit{first, second, other}, nil)
	for c, want := range map[*commit]error{first: nil, second: errStale, other: nil} {
		if err := <-c.done; !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

// TestFailedCommitStopsWriting takes Badger away under the committer.
func TestFailedCommitStopsWriting(t *testing.T) {
	db, err := OpenInMemory(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	if err := db.db.Close(); err != nil {
		t.Fatal(err)
	}
	write := func() error {
		c := &commit{writes: map[string][]byte{"a": {keeps}}, done: make(chan error, 1)}
		db.write([]*commit{c}, nil)
		return <-c.done
	}
	if err := write(); !errors.Is(err, dgbadger.ErrBlockedWrites) || db.failed == nil {
		t.Fatalf("provoked %v, remembered %v", err, db.failed)
	}
	if err := write(); !errors.Is(err, db.failed) {
		t.Errorf("after a failed commit: %v, want that writing has stopped", err)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add(envelope{value: []byte("v")}.encode())
	f.Add(envelope{value: []byte("v"), expires: time.UnixMicro(-1)}.encode())
	f.Add([]byte{})
	f.Add([]byte{expires, 1, 2})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEnvelope(b)
		if err != nil {
			if e.value != nil {
				t.Error("a malformed envelope gave a value")
			}
			return
		}
		// The one exception is an expiry at the zero time itself, which means never.
		if !bytes.Equal(e.encode(), b) && !e.expires.IsZero() {
			t.Errorf("%x became %x", b, e.encode())
		}
	})
}

func update(t *testing.T, db *DB, fn func(storage.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// stored lists all keys, expired or not.
func stored(t *testing.T, db *DB) (keys []string) {
	t.Helper()
	err := db.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.(*tx).scanAll(nil, nil) {
			if err != nil {
				return err
			}
			keys = append(keys, string(e.key))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
