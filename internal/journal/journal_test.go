package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func testDB(t testing.TB) (storage.DB, *testClock) {
	t.Helper()
	clock := &testClock{now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)}
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, clock
}

func add(t testing.TB, db storage.DB, j *Journal, e Entry) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx storage.Tx) error { return j.Append(tx, e) }); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, db storage.DB, fn func(storage.Reader) ([]Entry, error)) (entries []Entry) {
	t.Helper()
	err := db.View(t.Context(), func(r storage.Reader) (err error) {
		entries, err = fn(r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func recent(t testing.TB, db storage.DB, j *Journal, limit int) []Entry {
	t.Helper()
	return read(t, db, func(r storage.Reader) ([]Entry, error) { return j.Recent(r, limit) })
}

// raw returns the stored records themselves.
func raw(t testing.TB, db storage.DB) (docs [][]byte) {
	t.Helper()
	err := db.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan([]byte("main/journal\x00r"), nil, 0) {
			if err != nil {
				return err
			}
			docs = append(docs, e.Value[1:]) // after the table's version byte
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

func TestEntryIsReadAsItWasWritten(t *testing.T) {
	db, clock := testDB(t)
	j := New("main")
	e := Entry{
		Kind: KindRecoveryRefused, Upstream: "main", Txn: "t", Reference: "r", AccountID: "a", Authenticator: "b", Actor: "c",
		Detail: map[string]string{"reason": "signature", "network": "203.0.113.0/24"},
	}
	add(t, db, j, e)
	got := recent(t, db, j, 10)
	if len(got) != 1 {
		t.Fatalf("%d entries, want 1", len(got))
	}
	if got[0].ID == "" || !got[0].At.Equal(clock.Now()) {
		t.Errorf("id %q at %v, want an id and the time of the transaction", got[0].ID, got[0].At)
	}
	e.ID, e.At = got[0].ID, got[0].At
	if !reflect.DeepEqual(got[0], e) {
		t.Errorf("read %+v, want %+v", got[0], e)
	}
}

// The caller's own ID and time count for nothing: nobody can overwrite an entry or date one back.
func TestIDAndTimeAreTheJournals(t *testing.T) {
	db, clock := testDB(t)
	j := New("main")
	add(t, db, j, Entry{Kind: KindRecoveryDone})
	first := recent(t, db, j, 1)[0]
	add(t, db, j, Entry{Kind: KindRecoveryAbandoned, ID: first.ID, At: first.At.Add(-time.Hour)})
	got := recent(t, db, j, 10)
	if len(got) != 2 || got[0].ID == got[1].ID {
		t.Fatalf("entries %+v, want two of their own", got)
	}
	for _, e := range got {
		if !e.At.Equal(clock.Now()) {
			t.Errorf("entry at %v, want %v", e.At, clock.Now())
		}
	}
}

func TestNewestComesFirst(t *testing.T) {
	db, clock := testDB(t)
	j := New("main")
	for i := range 5 {
		add(t, db, j, Entry{Kind: KindRecoveryDone, AccountID: fmt.Sprint(i % 2), Txn: fmt.Sprint(i)})
		clock.Advance(time.Millisecond)
	}
	if got := txns(recent(t, db, j, 3)); got != "4 3 2 " {
		t.Errorf("recent: %s, want 4 3 2", got)
	}
	of := read(t, db, func(r storage.Reader) ([]Entry, error) { return j.OfAccount(r, "0", 2) })
	if got := txns(of); got != "4 2 " {
		t.Errorf("of the account: %s, want 4 2", got)
	}
	if got := read(t, db, func(r storage.Reader) ([]Entry, error) { return j.OfAccount(r, "unknown", 2) }); len(got) != 0 {
		t.Errorf("of an unknown account: %+v", got)
	}
}

func txns(entries []Entry) (s string) {
	for _, e := range entries {
		s += e.Txn + " "
	}
	return s
}

func TestNoticesThatFailedAreCountedAmongAllEntries(t *testing.T) {
	db, clock := testDB(t)
	j := New("main")
	began := clock.Now()
	for range 3 {
		add(t, db, j, Entry{Kind: KindNoticeFailed, AccountID: "alice-id"})
		add(t, db, j, Entry{Kind: KindRecoveryRefused, AccountID: "alice-id"})
		add(t, db, New("other"), Entry{Kind: KindNoticeFailed})
		clock.Advance(time.Hour)
	}
	for _, c := range []struct {
		since       time.Duration
		limit, want int
	}{{0, 10, 3}, {time.Second, 10, 2}, {2 * time.Hour, 10, 1}, {3 * time.Hour, 10, 0}, {0, 2, 2}} {
		err := db.View(t.Context(), func(r storage.Reader) error {
			n, err := j.NoticesFailed(r, began.Add(c.since), c.limit)
			if n != c.want {
				t.Errorf("since %s, at most %d: %d, want %d", c.since, c.limit, n, c.want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestEntryWithoutAccountBelongsToNone(t *testing.T) {
	db, _ := testDB(t)
	j := New("main")
	add(t, db, j, Entry{Kind: KindRecoveryRefused})
	if got := read(t, db, func(r storage.Reader) ([]Entry, error) { return j.OfAccount(r, "", 2) }); len(got) != 0 {
		t.Errorf("the account without a name has %+v", got)
	}
	if len(recent(t, db, j, 2)) != 1 {
		t.Error("the entry is lost")
	}
}

func TestNoEntryWithoutItsTransaction(t *testing.T) {
	db, _ := testDB(t)
	j := New("main")
	failed := errors.New("failed")
	err := db.Update(t.Context(), func(tx storage.Tx) error {
		if err := j.Append(tx, Entry{Kind: KindRecoveryGranted}); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if got := recent(t, db, j, 10); len(got) != 0 {
		t.Errorf("entries %+v", got)
	}
}

func TestEachEntryHasVersionAndSaltOfItsOwn(t *testing.T) {
	db, _ := testDB(t)
	j := New("main")
	for range 3 {
		add(t, db, j, Entry{Kind: KindRecoveryDone})
	}
	seen := map[string]bool{}
	for _, doc := range raw(t, db) {
		var r record
		if err := json.Unmarshal(doc, &r); err != nil {
			t.Fatal(err)
		}
		if r.Version != 1 || len(r.Salt) != 16 || seen[string(r.Salt)] {
			t.Errorf("version %d, salt %x", r.Version, r.Salt)
		}
		seen[string(r.Salt)] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d records, want 3", len(seen))
	}
}

func TestDetailIsSorted(t *testing.T) {
	db, _ := testDB(t)
	add(t, db, New("main"), Entry{Kind: KindRecoveryDone, Detail: map[string]string{"c": "3", "a": "1", "b": "2"}})
	if doc := raw(t, db)[0]; !bytes.Contains(doc, []byte(`"detail":{"a":"1","b":"2","c":"3"}`)) {
		t.Errorf("stored %s", doc)
	}
}

func TestConcurrentEntriesDoNotMeet(t *testing.T) {
	db, _ := testDB(t)
	j := New("main")
	var runs sync.Map
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			err := db.Update(t.Context(), func(tx storage.Tx) error {
				n, _ := runs.LoadOrStore(i, new(int))
				*n.(*int)++
				return j.Append(tx, Entry{Kind: KindRecoveryDone, AccountID: "same"})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	runs.Range(func(_, n any) bool {
		if *n.(*int) != 1 {
			t.Errorf("a transaction ran %d times: entries share a key", *n.(*int))
		}
		return true
	})
	if got := recent(t, db, j, 100); len(got) != 32 {
		t.Errorf("%d entries, want 32", len(got))
	}
}

func TestNamespacesAreApart(t *testing.T) {
	db, _ := testDB(t)
	add(t, db, New("main"), Entry{Kind: KindRecoveryDone})
	if got := recent(t, db, New("other"), 10); len(got) != 0 {
		t.Errorf("the other namespace has %+v", got)
	}
}
