package storagetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/storage"
)

func viewIsOneSnapshot(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	f.put("b", "1", never)
	err := f.db.View(f.Context(), func(r storage.Reader) error {
		before, err := get(r, "a")
		f.update(func(tx storage.Tx) error {
			return errors.Join(tx.Put([]byte("a"), []byte("2"), never), tx.Delete([]byte("b")), tx.Put([]byte("c"), nil, never))
		})
		after, err2 := get(r, "a")
		if before != "1" || after != "1" {
			f.Errorf("a is %q, then %q, want 1 twice", before, after)
		}
		keys, err3 := scan(r, "", "", 0)
		f.wantKeys(keys, []string{"a", "b"})
		return errors.Join(err, err2, err3)
	})
	f.wantErr(err, nil)
	f.want("a", "2")
}

// runsOf counts the runs of each fn when both have read before one writes.
func (f *fixture) runsOf(fns ...func(storage.Tx) error) (runs int64) {
	f.Helper()
	var n atomic.Int64
	reads := make([]func(storage.Tx) error, len(fns))
	for i := range fns {
		reads[i] = func(tx storage.Tx) error { n.Add(1); _, err := get(tx, "other"+strconv.Itoa(i)); return err }
	}
	for _, err := range f.race(reads, fns) {
		f.wantErr(err, nil)
	}
	return n.Load()
}

func blindPutsConflict(_ *testing.T, f *fixture) {
	put := func(v string) func(storage.Tx) error {
		return func(tx storage.Tx) error { return tx.Put([]byte("a"), []byte(v), never) }
	}
	if runs := f.runsOf(put("1"), put("2")); runs < 3 {
		f.Errorf("two blind writes of one key took %d runs, want another one", runs)
	}
}

func lostUpdateIsRefused(_ *testing.T, f *fixture) {
	f.put("a", "", never)
	add := func(s string) (read, write func(storage.Tx) error) {
		var seen string
		return func(tx storage.Tx) (err error) { seen, err = get(tx, "a"); return err },
			func(tx storage.Tx) error { return tx.Put([]byte("a"), []byte(seen+s), never) }
	}
	r1, w1 := add("x")
	r2, w2 := add("x")
	for _, err := range f.race([]func(storage.Tx) error{r1, r2}, []func(storage.Tx) error{w1, w2}) {
		f.wantErr(err, nil)
	}
	f.want("a", "xx")
}

// writeSkewIsRefused: each may leave only while the other stays.
func writeSkewIsRefused(_ *testing.T, f *fixture) {
	f.put("a", "in", never)
	f.put("b", "in", never)
	refused := errors.New("refused")
	stays := func(other string) func(storage.Tx) error {
		return func(tx storage.Tx) error {
			v, err := get(tx, other)
			if err == nil && v != "in" {
				err = refused
			}
			return err
		}
	}
	leave := func(own string) func(storage.Tx) error {
		return func(tx storage.Tx) error { return tx.Put([]byte(own), []byte("out"), never) }
	}
	f.oneWins(f.race([]func(storage.Tx) error{stays("b"), stays("a")}, []func(storage.Tx) error{leave("a"), leave("b")}), refused)
}

// absenceIsGuarded: reading that a key is not there is reading, too.
func absenceIsGuarded(_ *testing.T, f *fixture) {
	refused := errors.New("refused")
	absent := func(other string) func(storage.Tx) error {
		return func(tx storage.Tx) error {
			v, err := get(tx, other)
			if err == nil && v != "" {
				err = refused
			}
			return err
		}
	}
	add := func(own string) func(storage.Tx) error {
		return func(tx storage.Tx) error { return tx.Insert([]byte(own), []byte("x"), never) }
	}
	f.oneWins(f.race([]func(storage.Tx) error{absent("b"), absent("a")}, []func(storage.Tx) error{add("a"), add("b")}), refused)
}

func guardKeyDecidesOnASet(_ *testing.T, f *fixture) {
	refused := errors.New("refused")
	empty := func(tx storage.Tx) error {
		if _, err := get(tx, "guard"); err != nil {
			return err
		}
		keys, err := scan(tx, "set/", "", 0)
		if err == nil && len(keys) > 0 {
			err = refused
		}
		return err
	}
	add := func(own string) func(storage.Tx) error {
		return func(tx storage.Tx) error {
			return errors.Join(tx.Put([]byte("guard"), []byte("x"), never), tx.Insert([]byte("set/"+own), nil, never))
		}
	}
	f.oneWins(f.race([]func(storage.Tx) error{empty, empty}, []func(storage.Tx) error{add("a"), add("b")}), refused)
}

// oneWins wants one nil among errs and refused for all others.
func (f *fixture) oneWins(errs []error, refused error) {
	f.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, refused):
			f.Errorf("a loser got %v, want %v", err, refused)
		}
	}
	if won != 1 {
		f.Errorf("%d of %d won, want one", won, len(errs))
	}
}

func oneOfManyInsertsWins(_ *testing.T, f *fixture) {
	errs := updateAll(f.Context(), f.db, 100, func(i int, tx storage.Tx) error {
		return tx.Insert([]byte("a"), []byte(strconv.Itoa(i)), never)
	})
	f.oneWins(errs, storage.ErrExists)
	if won, _ := strconv.Atoi(f.get("a")); errs[won] != nil {
		f.Errorf("the value is that of %d, who got %v", won, errs[won])
	}
}

func counterCountsEveryUpdate(_ *testing.T, f *fixture) {
	var ok int
	for _, err := range updateAll(f.Context(), f.db, 24, func(_ int, tx storage.Tx) error {
		v, err := get(tx, "n")
		n, _ := strconv.Atoi(v)
		return errors.Join(err, tx.Put([]byte("n"), []byte(strconv.Itoa(n+1)), never))
	}) {
		switch {
		case err == nil:
			ok++
		case !errors.Is(err, storage.ErrConflict):
			f.Error(err)
		}
	}
	f.want("n", strconv.Itoa(ok))
}

func rerunLeavesNothingBehind(_ *testing.T, f *fixture) {
	runs := 0
	err := f.db.Update(f.Context(), func(tx storage.Tx) error {
		runs++
		if _, err := get(tx, "a"); err != nil {
			return err
		}
		if runs == 1 {
			f.put("a", "theirs", never)
		}
		own := []byte("run" + strconv.Itoa(runs))
		return errors.Join(tx.Insert(own, nil, never), tx.Put([]byte("b"), own, never))
	})
	f.wantErr(err, nil)
	if runs != 2 {
		f.Fatalf("ran %d times, want 2", runs)
	}
	err = f.db.View(f.Context(), func(r storage.Reader) error {
		keys, err := scan(r, "", "", 0)
		f.wantKeys(keys, []string{"a", "b", "run2"})
		return err
	})
	f.wantErr(err, nil)
}

func conflictGivesUp(_ *testing.T, f *fixture) {
	runs := 0
	err := f.db.Update(f.Context(), func(tx storage.Tx) error {
		runs++
		if _, err := get(tx, "a"); err != nil {
			return err
		}
		f.put("a", strconv.Itoa(runs), never)
		return tx.Put([]byte("b"), nil, never)
	})
	f.wantErr(err, storage.ErrConflict)
	f.want("b", "")
}

func cancelledContextDoesNothing(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	f.wantErr(f.db.View(ctx, func(storage.Reader) error { t.Error("View ran"); return nil }), context.Canceled)
	f.wantErr(f.db.Update(ctx, func(storage.Tx) error { t.Error("Update ran"); return nil }), context.Canceled)

	ctx, cancel = context.WithCancel(f.Context())
	err := f.db.Update(ctx, func(tx storage.Tx) error {
		defer cancel()
		return tx.Put([]byte("a"), []byte("1"), never)
	})
	f.wantErr(err, context.Canceled)
	f.want("a", "")
}

func cancelledContextStopsRetries(_ *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	runs := 0
	err := f.db.Update(ctx, func(tx storage.Tx) error {
		if runs++; runs == 2 {
			cancel()
		}
		_, err := get(tx, "a")
		f.put("a", strconv.Itoa(runs), never)
		return errors.Join(err, tx.Put([]byte("b"), nil, never))
	})
	f.wantErr(err, context.Canceled)
	if runs != 2 {
		f.Errorf("ran %d times, want 2", runs)
	}
}

func closedGivesErrClosed(_ *testing.T, f *fixture) {
	f.put("a", "1", never)
	f.wantErr(f.db.Close(), nil)
	f.wantErr(f.db.Close(), nil)
	f.wantErr(f.db.View(f.Context(), func(storage.Reader) error { return nil }), storage.ErrClosed)
	f.wantErr(f.db.Update(f.Context(), func(storage.Tx) error { return nil }), storage.ErrClosed)
}

func closeDuringCallsIsOrderly(_ *testing.T, f *fixture) {
	var done, busy sync.WaitGroup
	for i := range 8 {
		busy.Add(1)
		done.Go(func() {
			var err error
			for n := 0; err == nil; n++ {
				err = f.db.Update(f.Context(), func(tx storage.Tx) error {
					_, err := scan(tx, "other/", "", 10)
					return errors.Join(err, tx.Put(key(i), []byte(strconv.Itoa(n)), never))
				})
				if n == 10 {
					busy.Done()
				}
			}
			f.wantErr(err, storage.ErrClosed)
		})
	}
	busy.Wait()
	f.wantErr(f.db.Close(), nil)
	done.Wait()
}
