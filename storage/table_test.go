package storage_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/storage/storagetest"
)

// device is a record with a unique index, a plain one and an expiry.
type device struct {
	ID, Handle, Owner string
	Tags              []string
	Until             time.Time
}

func config() storage.TableConfig[device] {
	return storage.TableConfig[device]{
		Name:    "test/device",
		Version: 1,
		ID:      func(d *device) []byte { return []byte(d.ID) },
		Expires: func(d *device) time.Time { return d.Until },
		Indexes: []storage.Index[device]{
			{Name: "handle", Unique: true, Keys: func(d *device) [][]byte { return [][]byte{[]byte(d.Handle)} }},
			{Name: "owner", Keys: func(d *device) [][]byte { return [][]byte{[]byte(d.Owner)} }},
			{Name: "tag", Keys: func(d *device) (keys [][]byte) {
				for _, tag := range d.Tags {
					keys = append(keys, []byte(tag))
				}
				return keys
			}},
		},
	}
}

type store struct {
	testing.TB
	*storage.Table[device]
	db    storage.DB
	clock *storagetest.Clock
}

func newStore(t testing.TB, c storage.TableConfig[device]) *store {
	t.Helper()
	clock := storagetest.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &store{t, storage.NewTable(c), db, clock}
}

func (s *store) update(fn func(storage.Tx) error) error { return s.db.Update(s.Context(), fn) }

func (s *store) insert(d *device) error {
	return s.update(func(tx storage.Tx) error { return s.Insert(tx, d) })
}

func (s *store) put(d *device) error {
	return s.update(func(tx storage.Tx) error { return s.Put(tx, d) })
}

func (s *store) by(handle string) (d *device, err error) {
	err = s.db.View(s.Context(), func(r storage.Reader) error {
		d, err = s.By(r, "handle", []byte(handle))
		return err
	})
	return d, err
}

// ids lists what has key in index, or all records if index is empty.
func (s *store) ids(index, key string, limit int) (ids []string) {
	s.Helper()
	err := s.db.View(s.Context(), func(r storage.Reader) error {
		all := s.All(r, nil, limit)
		if index != "" {
			all = s.Each(r, index, []byte(key), limit)
		}
		for d, err := range all {
			if err != nil {
				return err
			}
			ids = append(ids, d.ID)
		}
		return nil
	})
	if err != nil {
		s.Error(err)
	}
	return ids
}

func (s *store) wantIDs(got []string, want ...string) {
	s.Helper()
	if !slices.Equal(got, want) {
		s.Errorf("found %q, want %q", got, want)
	}
}

func (s *store) must(errs ...error) {
	s.Helper()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
}

func (s *store) wantErr(err, target error) {
	s.Helper()
	if !errors.Is(err, target) {
		s.Errorf("error is %v, want %v", err, target)
	}
}

func good() *device { return &device{ID: "1", Handle: "h1", Owner: "ann", Tags: []string{"x", "y"}} }

func TestTableFindsARecordByEachOfItsKeys(t *testing.T) {
	s := newStore(t, config())
	s.must(s.insert(good()), s.insert(&device{ID: "2", Handle: "h2", Owner: "ann", Tags: []string{"y"}}))
	d, err := s.by("h2")
	if err != nil || d.ID != "2" {
		t.Errorf("by handle: %+v, %v", d, err)
	}
	s.wantIDs(s.ids("owner", "ann", 0), "1", "2")
	s.wantIDs(s.ids("owner", "ann", 1), "1")
	s.wantIDs(s.ids("tag", "x", 0), "1")
	s.wantIDs(s.ids("tag", "y", 0), "1", "2")
	s.wantIDs(s.ids("", "", 0), "1", "2")
	_, err = s.by("h3")
	s.wantErr(err, storage.ErrNotFound)
}

func TestTableListsInOrderAfterAnID(t *testing.T) {
	s := newStore(t, config())
	for _, id := range []string{"b", "aa", "", "a", "a\x00"} {
		s.must(s.insert(&device{ID: id, Handle: id}))
	}
	s.wantIDs(s.ids("", "", 0), "", "a", "a\x00", "aa", "b")
	var got []string
	s.must(s.db.View(t.Context(), func(r storage.Reader) error {
		for d, err := range s.All(r, []byte("a"), 2) {
			s.must(err)
			got = append(got, d.ID)
		}
		return nil
	}))
	s.wantIDs(got, "a\x00", "aa")
}

func TestTableInsertRefusesATakenIDOrHandle(t *testing.T) {
	s := newStore(t, config())
	s.must(s.insert(good()))
	for name, change := range map[string]func(*device){
		"id":     func(d *device) { d.Handle = "h2" },
		"handle": func(d *device) { d.ID = "2" },
	} {
		d := good()
		change(d)
		// A caller that goes on after ErrExists has nothing half written.
		s.must(s.update(func(tx storage.Tx) error { s.wantErr(s.Insert(tx, d), storage.ErrExists); return nil }))
		s.wantIDs(s.ids("", "", 0), "1")
		s.wantIDs(s.ids("owner", "ann", 0), "1")
		if _, err := s.by("h2"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("taken %s: left an index behind: %v", name, err)
		}
	}
}

func TestTablePutMovesIndexEntries(t *testing.T) {
	s := newStore(t, config())
	s.must(s.put(good()), s.put(&device{ID: "1", Handle: "h9", Owner: "bob", Tags: []string{"y", "z"}}))
	s.wantIDs(s.ids("owner", "ann", 0))
	s.wantIDs(s.ids("owner", "bob", 0), "1")
	s.wantIDs(s.ids("tag", "x", 0))
	s.wantIDs(s.ids("tag", "y", 0), "1")
	s.wantIDs(s.ids("tag", "z", 0), "1")
	_, err := s.by("h1")
	s.wantErr(err, storage.ErrNotFound)
	// The old handle is free, the new one is not.
	s.must(s.insert(&device{ID: "2", Handle: "h1"}))
	s.must(s.update(func(tx storage.Tx) error {
		s.wantErr(s.Put(tx, &device{ID: "2", Handle: "h9"}), storage.ErrExists)
		return nil
	}))
	if d, err := s.by("h1"); err != nil || d.ID != "2" {
		t.Errorf("a refused Put changed the index: %+v, %v", d, err)
	}
}

func TestTableDeleteLeavesNothing(t *testing.T) {
	s := newStore(t, config())
	s.must(s.insert(good()))
	remove := func(tx storage.Tx) error { return s.Delete(tx, []byte("1")) }
	s.must(s.update(remove))
	s.wantErr(s.update(remove), storage.ErrNotFound)
	s.must(s.db.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan(nil, nil, 0) {
			t.Errorf("%q is left, %v", e.Key, err)
		}
		return nil
	}))
}

func TestTableRecordExpiresWithItsIndexEntries(t *testing.T) {
	s := newStore(t, config())
	d := good()
	d.Until = s.clock.Now().Add(time.Minute)
	s.must(s.insert(d))
	s.clock.Add(time.Minute)
	s.wantIDs(s.ids("", "", 0))
	s.wantIDs(s.ids("owner", "ann", 0))
	_, err := s.by("h1")
	s.wantErr(err, storage.ErrNotFound)
	s.must(s.insert(&device{ID: "2", Handle: "h1", Owner: "ann"}))
	s.wantIDs(s.ids("owner", "ann", 0), "2")
}

func TestTableKeysAreUnambiguous(t *testing.T) {
	s := newStore(t, config())
	s.must(s.insert(&device{ID: "bc", Handle: "1", Owner: "a"}), s.insert(&device{ID: "c", Handle: "2", Owner: "ab"}))
	s.wantIDs(s.ids("owner", "a", 0), "bc")
	s.wantIDs(s.ids("owner", "ab", 0), "c")
	other := config()
	other.Name = "test/devi"
	near := &store{t, storage.NewTable(other), s.db, s.clock}
	near.wantIDs(near.ids("", "", 0))
}

func TestTableUpgradesOldVersions(t *testing.T) {
	old := config()
	old.Version = 0
	s := newStore(t, old)
	s.must(s.insert(good()))
	now := config()
	s.Table = storage.NewTable(now)
	if _, err := s.by("h1"); err == nil {
		t.Error("read a version that cannot be upgraded")
	}
	now.Upgrade = func(from byte, doc []byte) ([]byte, error) {
		if from != 0 {
			t.Errorf("upgrading from %d, want 0", from)
		}
		return bytes.Replace(doc, []byte(`"x"`), []byte(`"X"`), 1), nil
	}
	s.Table = storage.NewTable(now)
	if d, err := s.by("h1"); err != nil || d.Tags[0] != "X" {
		t.Errorf("upgraded to %+v, %v", d, err)
	}
	newer := config()
	newer.Version = 2
	s.Table = storage.NewTable(newer)
	s.must(s.insert(&device{ID: "2", Handle: "h2"}))
	s.Table = storage.NewTable(now)
	if _, err := s.by("h2"); err == nil || errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a newer version gave %v, want that it cannot be told", err)
	}
}

// mac is a Sealer as simple as can be.
type mac struct{}

func (mac) tag(key, value []byte) []byte {
	h := hmac.New(sha256.New, []byte("secret"))
	h.Write(key)
	h.Write([]byte{0})
	h.Write(value)
	return h.Sum(nil)
}

func (m mac) Seal(key, value []byte) []byte { return append(m.tag(key, value), value...) }

func (m mac) Open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size || !hmac.Equal(sealed[:sha256.Size], m.tag(key, sealed[sha256.Size:])) {
		return nil, errors.New("not sealed for this key")
	}
	return sealed[sha256.Size:], nil
}

// TestSealedRecordCannotBeAddedMovedOrLedTo plays someone who can write to the
// database but has no key.
func TestSealedRecordCannotBeAddedMovedOrLedTo(t *testing.T) {
	sealed := config()
	sealed.Sealer = mac{}
	for name, attack := range map[string]func(tx storage.Tx, entries []storage.Entry) error{
		"changed": func(tx storage.Tx, e []storage.Entry) error {
			e[0].Value[len(e[0].Value)-3] ^= 1
			return tx.Put(e[0].Key, e[0].Value, time.Time{})
		},
		"moved":   func(tx storage.Tx, e []storage.Entry) error { return tx.Put(e[0].Key, e[1].Value, time.Time{}) },
		"added":   func(tx storage.Tx, e []storage.Entry) error { return tx.Put(e[0].Key, e[0].Value[32:], time.Time{}) },
		"emptied": func(tx storage.Tx, e []storage.Entry) error { return tx.Put(e[0].Key, nil, time.Time{}) },
		"led to another": func(tx storage.Tx, _ []storage.Entry) error {
			for e, err := range tx.Scan([]byte("test/device\x00u"), nil, 0) {
				if err := errors.Join(err, tx.Put(e.Key, []byte("2"), time.Time{})); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, sealed)
			s.must(s.insert(good()), s.insert(&device{ID: "2", Handle: "h2"}))
			if d, err := s.by("h1"); err != nil || d.ID != "1" {
				t.Fatalf("before: %+v, %v", d, err)
			}
			s.must(s.update(func(tx storage.Tx) error {
				var entries []storage.Entry
				for e, err := range tx.Scan([]byte("test/device\x00r"), nil, 0) {
					s.must(err)
					entries = append(entries, e)
				}
				return attack(tx, entries)
			}))
			if d, err := s.by("h1"); err == nil || errors.Is(err, storage.ErrNotFound) {
				t.Errorf("read %+v, %v, want an error that is no ErrNotFound", d, err)
			}
		})
	}
}

func TestTableRefusesRecordsItDoesNotUnderstand(t *testing.T) {
	s := newStore(t, config())
	for _, doc := range []string{`{"ID":"1","New":1}`, `{"ID":"1"} {}`, `{`, ``, `[]`} {
		s.must(s.update(func(tx storage.Tx) error {
			return tx.Put([]byte("test/device\x00r1"), []byte("\x01"+doc), time.Time{})
		}))
		err := s.db.View(t.Context(), func(r storage.Reader) error { _, err := s.Get(r, []byte("1")); return err })
		if err == nil || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s gave %v", doc, err)
		}
	}
}

func TestNewTableRefusesAmbiguousNames(t *testing.T) {
	for name, change := range map[string]func(*storage.TableConfig[device]){
		"no name":         func(c *storage.TableConfig[device]) { c.Name = "" },
		"zero byte":       func(c *storage.TableConfig[device]) { c.Name = "a\x00" },
		"no id":           func(c *storage.TableConfig[device]) { c.ID = nil },
		"index twice":     func(c *storage.TableConfig[device]) { c.Indexes[1].Name = "handle" },
		"index zero byte": func(c *storage.TableConfig[device]) { c.Indexes[1].Name = "a\x00" },
		"index no keys":   func(c *storage.TableConfig[device]) { c.Indexes[1].Keys = nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := config()
			change(&c)
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "storage: ") {
					t.Error("was accepted")
				}
			}()
			storage.NewTable(c)
		})
	}
}
