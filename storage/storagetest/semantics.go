package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

func getFindsWhatPutWrote(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	f.put("empty", "", never)
	f.want("a", "1")
	f.update(func(tx storage.Tx) error {
		_, err := tx.Get([]byte("empty"))
		return err
	})
	err := f.db.View(f.Context(), func(r storage.Reader) error {
		_, err := r.Get([]byte("b"))
		return err
	})
	f.wantErr(err, storage.ErrNotFound)
}

func putReplaces(_ *testing.T, f *fixture) {
	f.put("a", "1", f.clock.Now().Add(time.Minute))
	f.put("a", "2", never)
	f.clock.Add(time.Hour)
	f.want("a", "2")
}

func deleteRemoves(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	remove := func(tx storage.Tx) error { return tx.Delete([]byte("a")) }
	f.update(remove)
	f.want("a", "")
	f.update(remove)
	f.put("a", "2", never)
	f.want("a", "2")
}

func insertRefusesATakenKey(_ *testing.T, f *fixture) {
	insert := func(tx storage.Tx) error { return tx.Insert([]byte("a"), []byte("1"), never) }
	f.update(insert)
	f.wantErr(f.db.Update(f.Context(), insert), storage.ErrExists)
	f.update(func(tx storage.Tx) error { return tx.Delete([]byte("a")) })
	f.update(insert)
	f.want("a", "1")
}

func bytesAreCopied(_ *testing.T, f *fixture) {
	k, v := []byte("a"), []byte("1")
	f.update(func(tx storage.Tx) error {
		err := tx.Put(k, v, never)
		k[0], v[0] = 'x', 'x'
		return err
	})
	f.want("a", "1")
	f.update(func(tx storage.Tx) error {
		if err := tx.Put([]byte("b"), []byte("2"), never); err != nil {
			return err
		}
		for _, key := range []string{"a", "b"} {
			got, err := tx.Get([]byte(key))
			if err != nil {
				return err
			}
			got[0] = 'x'
		}
		return nil
	})
	f.want("a", "1")
	f.want("b", "2")
}

func sizesAreBounded(_ *testing.T, f *fixture) {
	longest, largest := bytes.Repeat([]byte("k"), storage.MaxKey), make([]byte, storage.MaxValue)
	f.update(func(tx storage.Tx) error { return tx.Put(longest, largest, f.clock.Now().Add(time.Hour)) })
	if got := f.get(string(longest)); len(got) != storage.MaxValue {
		f.Errorf("largest value has %d bytes, want %d", len(got), storage.MaxValue)
	}
	for _, c := range []struct{ key, value []byte }{
		{nil, largest},
		{append(longest, 'k'), largest},
		{longest, append(largest, 0)},
	} {
		err := f.db.Update(f.Context(), func(tx storage.Tx) error { return tx.Put(c.key, c.value, never) })
		f.wantErr(err, storage.ErrSize)
	}
	tooMuch := func(tx storage.Tx) error {
		for i := range 1000 {
			_ = tx.Put(key(i), largest, never) // the transaction remembers
		}
		return nil
	}
	f.wantErr(f.db.Update(f.Context(), tooMuch), storage.ErrSize)
	f.want(string(key(0)), "")
}

func errorRollsBack(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	refused := errors.New("refused")
	err := f.db.Update(f.Context(), func(tx storage.Tx) error {
		if err := errors.Join(tx.Put([]byte("a"), []byte("2"), never), tx.Put([]byte("b"), nil, never)); err != nil {
			return err
		}
		return refused
	})
	if !errors.Is(err, refused) {
		f.Errorf("error is %v, want fn's own", err)
	}
	f.want("a", "1")
	f.want("b", "")
}

func panicRollsBack(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	func() {
		defer func() { _ = recover() }()
		_ = f.db.Update(f.Context(), func(tx storage.Tx) error {
			if err := tx.Put([]byte("a"), []byte("2"), never); err != nil {
				return err
			}
			for _, err := range tx.Scan(nil, nil, 0) {
				panic(fmt.Sprint("in the middle of a scan: ", err))
			}
			return nil
		})
	}()
	f.want("a", "1")
	f.put("a", "3", never)
	f.want("a", "3")
}

func txSeesItsOwnWrites(_ *testing.T, f *fixture) {
	f.put("k/a", "1", never)
	f.put("k/b", "1", never)
	f.update(func(tx storage.Tx) error {
		if err := errors.Join(
			tx.Put([]byte("k/c"), []byte("2"), never),
			tx.Put([]byte("k/expired"), []byte("2"), tx.Now()),
			tx.Put([]byte("k/b"), []byte("2"), never),
			tx.Delete([]byte("k/a")),
		); err != nil {
			return err
		}
		keys, err := scan(tx, "k/", "", 0)
		f.wantKeys(keys, []string{"k/b", "k/c"})
		f.wantErr(tx.Insert([]byte("k/c"), nil, never), storage.ErrExists)
		if v, getErr := get(tx, "k/b"); v != "2" || getErr != nil {
			f.Errorf("b is %q, %v", v, getErr)
		}
		return errors.Join(err, tx.Insert([]byte("k/a"), []byte("3"), never))
	})
	f.want("k/a", "3")
}

func readerEndsWithItsFunction(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	var kept storage.Tx
	f.update(func(tx storage.Tx) error { kept = tx; return nil })
	if _, err := kept.Get([]byte("a")); err == nil {
		f.Error("a reader that has ended still reads")
	}
	if err := kept.Put([]byte("a"), nil, never); err == nil {
		f.Error("a transaction that has ended still writes")
	}
	if _, err := scan(kept, "", "", 0); err == nil {
		f.Error("a reader that has ended still scans")
	}
}

func scanOrdersAfterAndLimits(_ *testing.T, f *fixture) {
	for _, k := range []string{"k/b", "k/a", "k/\xff\xff", "k/", "k/a\x00", "k0", "j", "l"} {
		f.put(k, "v:"+k, never)
	}
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{"k/", "", 0, []string{"k/", "k/a", "k/a\x00", "k/b", "k/\xff\xff"}},
		{"k/", "", 2, []string{"k/", "k/a"}},
		{"k/", "", 99, []string{"k/", "k/a", "k/a\x00", "k/b", "k/\xff\xff"}},
		{"k/", "k/a", 2, []string{"k/a\x00", "k/b"}},
		{"k/", "k/aa", 1, []string{"k/b"}},
		{"k/", "k/\xff\xff", 0, nil},
		{"k/", "a", 1, []string{"k/"}},
		{"k/", "z", 0, nil},
		{"", "", 2, []string{"j", "k/"}},
		{"nothing", "", 0, nil},
	} {
		err := f.db.View(f.Context(), func(r storage.Reader) error {
			keys, err := scan(r, c.prefix, c.after, c.limit)
			f.wantKeys(keys, c.want)
			return err
		})
		f.wantErr(err, nil)
	}
	f.update(func(tx storage.Tx) error {
		for e, err := range tx.Scan([]byte("k/"), nil, 0) {
			if err != nil {
				return err
			}
			if string(e.Value) != "v:"+string(e.Key) || !e.Expires.IsZero() {
				f.Errorf("entry %q is %q until %v", e.Key, e.Value, e.Expires)
			}
			// Writing while scanning is allowed.
			if err := tx.Delete(e.Key); err != nil {
				return err
			}
		}
		return nil
	})
	f.want("k/b", "")
	f.want("k0", "v:k0")
}

func scanGoesThroughMany(_ *testing.T, f *fixture) {
	const n, chunk = 20_000, 2_000
	for from := 0; from < n; from += chunk {
		f.update(func(tx storage.Tx) error {
			for i := from; i < from+chunk; i++ {
				if err := tx.Put(key(i), make([]byte, 50), never); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := f.db.View(f.Context(), func(r storage.Reader) error {
		keys, err := scan(r, "k/", "", 0)
		if len(keys) != n || keys[n-1] != string(key(n-1)) {
			f.Errorf("scanned %d keys, want %d", len(keys), n)
		}
		return err
	})
	f.wantErr(err, nil)
}

func scanStopsWithItsContext(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	f.put("b", "1", never)
	ctx, cancel := context.WithCancel(f.Context())
	err := f.db.View(ctx, func(r storage.Reader) error {
		for _, err := range r.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			cancel()
		}
		return nil
	})
	f.wantErr(err, context.Canceled)
}

func expiryIsJudgedByTheClock(_ *testing.T, f *fixture) {
	at := f.clock.Now().Add(time.Minute)
	f.put("a", "1", at)
	f.put("b", "1", never)
	look := func() (keys []string) {
		err := f.db.View(f.Context(), func(r storage.Reader) (err error) {
			keys, err = scan(r, "", "", 1)
			return err
		})
		f.wantErr(err, nil)
		return keys
	}
	f.clock.Add(time.Minute - time.Microsecond)
	f.want("a", "1")
	f.wantKeys(look(), []string{"a"})
	f.update(func(tx storage.Tx) error {
		for e, err := range tx.Scan([]byte("a"), nil, 0) {
			if err != nil || !e.Expires.Equal(at) {
				f.Errorf("expires at %v, %v, want %v", e.Expires, err, at)
			}
		}
		return nil
	})
	f.clock.Add(time.Microsecond)
	f.want("a", "")
	f.wantKeys(look(), []string{"b"})
	// 1970 is no "never".
	f.put("old", "1", time.Unix(0, 0))
	f.want("old", "")
}

func insertTakesAnExpiredKey(_ *testing.T, f *fixture) {
	f.put("a", "1", f.clock.Now().Add(time.Minute))
	f.clock.Add(time.Minute)
	f.update(func(tx storage.Tx) error { return tx.Insert([]byte("a"), []byte("2"), never) })
	f.want("a", "2")
}

// expiredStaysExpired holds whatever the clock does: a setback may be refused, but
// brings nothing back.
func expiredStaysExpired(_ *testing.T, f *fixture) {
	f.put("a", "1", f.clock.Now().Add(time.Minute))
	f.clock.Add(time.Minute)
	f.want("a", "")
	for _, step := range []time.Duration{-time.Millisecond, -time.Second, -time.Minute, -10 * time.Hour, -24 * 365 * time.Hour} {
		f.clock.Add(step)
		var got string
		err := f.db.View(f.Context(), func(r storage.Reader) (err error) {
			got, err = get(r, "a")
			return err
		})
		if got != "" || err != nil && !errors.Is(err, storage.ErrClock) {
			f.Errorf("after %v: %q, %v", step, got, err)
		}
		err = f.db.Update(f.Context(), func(tx storage.Tx) error { return tx.Put([]byte("a"), []byte("2"), tx.Now()) })
		if err != nil && !errors.Is(err, storage.ErrClock) {
			f.Errorf("Update after %v: %v", step, err)
		}
		f.clock.Add(-step)
	}
	f.clock.Add(time.Second)
	f.put("a", "3", never)
	f.want("a", "3")
}

func nowStandsStill(_ *testing.T, f *fixture) {
	f.update(func(tx storage.Tx) error {
		before := tx.Now()
		f.clock.Add(time.Hour)
		if !tx.Now().Equal(before) {
			f.Error("time went on within a transaction")
		}
		return nil
	})
}
