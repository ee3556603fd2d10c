// Package storagetest is the suite that every backend of [storage.DB] passes. It
// states the contract as promises, each a test that starts with an empty DB on a
// clock that only the test moves.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

// Open makes an empty DB that judges expiry by clock, and closes it in t's
// cleanup.
type Open func(t testing.TB, clock func() time.Time) storage.DB

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"GetFindsWhatPutWrote", getFindsWhatPutWrote},
		{"PutReplaces", putReplaces},
		{"DeleteRemoves", deleteRemoves},
		{"InsertRefusesATakenKey", insertRefusesATakenKey},
		{"BytesAreCopied", bytesAreCopied},
		{"SizesAreBounded", sizesAreBounded},
		{"ErrorRollsBack", errorRollsBack},
		{"PanicRollsBack", panicRollsBack},
		{"TxSeesItsOwnWrites", txSeesItsOwnWrites},
		{"ReaderEndsWithItsFunction", readerEndsWithItsFunction},
		{"ScanOrdersAfterAndLimits", scanOrdersAfterAndLimits},
		{"ScanGoesThroughMany", scanGoesThroughMany},
		{"ScanStopsWithItsContext", scanStopsWithItsContext},
		{"ExpiryIsJudgedByTheClock", expiryIsJudgedByTheClock},
		{"InsertTakesAnExpiredKey", insertTakesAnExpiredKey},
		{"NowStandsStill", nowStandsStill},
		{"ExpiredStaysExpired", expiredStaysExpired},
		{"ViewIsOneSnapshot", viewIsOneSnapshot},
		{"BlindPutsConflict", blindPutsConflict},
		{"LostUpdateIsRefused", lostUpdateIsRefused},
		{"WriteSkewIsRefused", writeSkewIsRefused},
		{"AbsenceIsGuarded", absenceIsGuarded},
		{"GuardKeyDecidesOnASet", guardKeyDecidesOnASet},
		{"OneOfManyInsertsWins", oneOfManyInsertsWins},
		{"CounterCountsEveryUpdate", counterCountsEveryUpdate},
		{"RerunLeavesNothingBehind", rerunLeavesNothingBehind},
		{"ConflictGivesUp", conflictGivesUp},
		{"CancelledContextDoesNothing", cancelledContextDoesNothing},
		{"CancelledContextStopsRetries", cancelledContextStopsRetries},
		{"ClosedGivesErrClosed", closedGivesErrClosed},
		{"CloseDuringCallsIsOrderly", closeDuringCallsIsOrderly},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &Clock{now: time.Date(2030, 1, 2, 3, 4, 5, 678_000, time.UTC)}
			c.test(t, &fixture{TB: t, db: open(t, clock.Now), clock: clock})
		})
	}
}

// Clock is a clock that only Add moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts a clock at now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is one DB with short ways to use it.
type fixture struct {
	testing.TB
	db    storage.DB
	clock *Clock
}

var never time.Time

func (f *fixture) update(fn func(storage.Tx) error) {
	f.Helper()
	if err := f.db.Update(f.Context(), fn); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) put(key, value string, expires time.Time) {
	f.Helper()
	f.update(func(tx storage.Tx) error { return tx.Put([]byte(key), []byte(value), expires) })
}

// get gives the value of key, "" if it is not found.
func (f *fixture) get(key string) (value string) {
	f.Helper()
	err := f.db.View(f.Context(), func(r storage.Reader) error {
		var err error
		value, err = get(r, key)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return value
}

func (f *fixture) want(key, value string) {
	f.Helper()
	if got := f.get(key); got != value {
		f.Errorf("%s is %q, want %q", key, got, value)
	}
}

func (f *fixture) wantErr(err, target error) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Errorf("error is %v, want %v", err, target)
	}
}

func (f *fixture) wantKeys(got, want []string) {
	f.Helper()
	if !slices.Equal(got, want) {
		f.Errorf("scanned %q, want %q", got, want)
	}
}

func get(r storage.Reader, key string) (string, error) {
	v, err := r.Get([]byte(key))
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	return string(v), err
}

func scan(r storage.Reader, prefix, after string, limit int) (keys []string, err error) {
	var from []byte
	if after != "" {
		from = []byte(after)
	}
	for e, err := range r.Scan([]byte(prefix), from, limit) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, string(e.Key))
	}
	return keys, nil
}

// race runs each fn in an Update of its own, all at once: each waits after its
// first reading until all have read. It returns the errors in the same order.
func (f *fixture) race(read, write []func(storage.Tx) error) []error {
	var all, done sync.WaitGroup
	all.Add(len(read))
	errs := make([]error, len(read))
	for i := range read {
		done.Go(func() {
			var once sync.Once
			errs[i] = f.db.Update(f.Context(), func(tx storage.Tx) error {
				err := read[i](tx)
				once.Do(all.Done)
				all.Wait()
				if err != nil {
					return err
				}
				return write[i](tx)
			})
		})
	}
	done.Wait()
	return errs
}

func updateAll(ctx context.Context, db storage.DB, n int, fn func(i int, tx storage.Tx) error) []error {
	errs := make([]error, n)
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		done.Go(func() {
			<-start
			errs[i] = db.Update(ctx, func(tx storage.Tx) error { return fn(i, tx) })
		})
	}
	close(start)
	done.Wait()
	return errs
}

func key(i int) []byte { return fmt.Appendf(nil, "k/%06d", i) }
