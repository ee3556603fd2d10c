package badger

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/storagetest"
)

func TestSmallSetbackStandsStillAndALargeOneIsRefused(t *testing.T) {
	wall := storagetest.NewClock(time.Unix(2_000_000_000, 0))
	var log bytes.Buffer
	c := &clock{ask: wall.Now, log: slog.New(slog.NewTextHandler(&log, nil))}
	start := wall.Now()
	for _, step := range []struct {
		by   time.Duration
		want time.Duration // since start
		err  error
	}{
		{0, 0, nil},
		{time.Second, time.Second, nil},
		{-time.Second, time.Second, nil},
		{time.Second - maxSetback, time.Second, nil},
		{-1, 0, storage.ErrClock},
		{-5 * time.Hour, 0, storage.ErrClock},
		{5 * time.Hour, 0, storage.ErrClock},
		{1, time.Second, nil},
		{maxSetback, time.Second, nil},
		{1, time.Second + 1, nil},
	} {
		wall.Add(step.by)
		now, err := c.now()
		if !errors.Is(err, step.err) || err == nil && now.Sub(start) != step.want {
			t.Errorf("after %v: %v, %v, want %v, %v", step.by, now.Sub(start), err, step.want, step.err)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("logged %d lines, want one when it went back and one when it caught up:\n%s", n, log.String())
	}
}

// A comparison of two readings of the system's clock does not see that it was set.
func TestSetClockIsSeenThroughTheMonotonicReading(t *testing.T) {
	c := &clock{ask: time.Now, log: slog.New(slog.DiscardHandler)}
	now, err := c.now()
	if err != nil || strings.Contains(now.String(), "m=") {
		t.Errorf("now is %v, %v", now, err)
	}
}

// Timers that a jump forward made due come once, and not again after the jump back.
func TestTimersAreTakenOnceWhateverTheClockDoes(t *testing.T) {
	wall := storagetest.NewClock(time.Unix(2_000_000_000, 0))
	db, err := OpenInMemory(wall.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // in memory
	timers := storage.NewTimers("test")
	update(t, db, func(tx storage.Tx) error { return timers.Set(tx, []byte("a"), tx.Now().Add(time.Hour)) })
	take := func() (int, error) {
		ids, err := timers.Take(t.Context(), db, 10, 30*time.Second)
		return len(ids), err
	}
	for _, step := range []struct {
		by   time.Duration
		want int
		err  error
	}{
		{0, 0, nil},
		{3 * time.Hour, 1, nil},
		{0, 0, nil},
		{-30 * time.Second, 0, nil}, // the lease does not run backwards
		{-3 * time.Hour, 0, storage.ErrClock},
		{3*time.Hour + 59*time.Second, 0, nil},
		{time.Second, 1, nil},
	} {
		wall.Add(step.by)
		if n, err := take(); n != step.want || !errors.Is(err, step.err) {
			t.Errorf("after %v took %d, %v, want %d, %v", step.by, n, err, step.want, step.err)
		}
	}
}
