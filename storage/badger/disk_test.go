package badger_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

const gib = 1 << 30

func put(t *testing.T, db storage.DB, key string) error {
	return db.Update(t.Context(), func(tx storage.Tx) error { return tx.Put([]byte(key), []byte("v"), time.Time{}) })
}

// eventually waits for cond, which depends on what a worker notices in a second.
func eventually(t *testing.T, cond func() bool) {
	t.Helper()
	for end := time.NewTimer(10 * time.Second); !cond(); {
		select {
		case <-end.C:
			t.Fatal("did not happen in 10 s")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestFullDiskRefusesWritesAndReadsOn(t *testing.T) {
	var free atomic.Uint64
	free.Store(gib)
	var asked atomic.Int64
	db := closing(t)(badger.Open(badger.Config{Dir: t.TempDir(), FreeSpace: func(string) (uint64, error) {
		asked.Add(1)
		return free.Load(), nil
	}}))
	if err := put(t, db, "before"); err != nil {
		t.Fatal(err)
	}
	free.Store(255 << 20)
	eventually(t, func() bool { return errors.Is(put(t, db, "during"), storage.ErrFull) })
	read := func(r storage.Reader) error { _, err := r.Get([]byte("before")); return err }
	if err := db.View(t.Context(), read); err != nil {
		t.Errorf("View on a full disk: %v", err)
	}
	if err := db.Update(t.Context(), func(tx storage.Tx) error { return read(tx) }); err != nil {
		t.Errorf("Update that writes nothing on a full disk: %v", err)
	}
	free.Store(gib)
	eventually(t, func() bool { return put(t, db, "after") == nil })

	n := asked.Load()
	for range 100 {
		if err := put(t, db, "many"); err != nil {
			t.Fatal(err)
		}
	}
	if more := asked.Load() - n; more > 20 {
		t.Errorf("100 commits asked for the free space %d times", more)
	}
}

func TestUnknownFreeSpaceRefusesWritesButIsNotFull(t *testing.T) {
	broken := errors.New("broken")
	var fail atomic.Bool
	db := closing(t)(badger.Open(badger.Config{Dir: t.TempDir(), FreeSpace: func(string) (uint64, error) {
		if fail.Load() {
			return 0, broken
		}
		return gib, nil
	}}))
	fail.Store(true)
	eventually(t, func() bool { return errors.Is(put(t, db, "a"), broken) })
	if err := put(t, db, "a"); errors.Is(err, storage.ErrFull) {
		t.Errorf("what cannot be told is given as full: %v", err)
	}
}

func TestBurstIsNoticedBeforeTheNextLook(t *testing.T) {
	var asked atomic.Int64
	db := closing(t)(badger.Open(badger.Config{Dir: t.TempDir(), Reserve: 1 << 20, FreeSpace: func(string) (uint64, error) {
		if asked.Add(1) > 1 {
			return 0, nil
		}
		return gib, nil
	}}))
	big := func(tx storage.Tx) error { return tx.Put([]byte("a"), make([]byte, storage.MaxValue), time.Time{}) }
	for range 4 { // two fill an eighth of the reserve
		if err := db.Update(t.Context(), big); errors.Is(err, storage.ErrFull) {
			return
		}
	}
	t.Error("a burst of a quarter of the reserve went unnoticed")
}

func TestOpenRefusesAnAlmostFullDisk(t *testing.T) {
	for free, want := range map[uint64]error{64<<20 - 1: storage.ErrFull, 64 << 20: nil} {
		db, err := badger.Open(badger.Config{Dir: t.TempDir(), FreeSpace: func(string) (uint64, error) { return free, nil }})
		if !errors.Is(err, want) {
			t.Errorf("with %d bytes free: %v, want %v", free, err, want)
		}
		if err == nil {
			if err := put(t, db, "a"); !errors.Is(err, storage.ErrFull) {
				t.Errorf("first write with %d bytes free: %v", free, err)
			}
			closing(t)(db, nil)
		}
	}
}

func TestStateSurvivesReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "state")
	db, err := badger.Open(badger.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t, db, "a"), db.Close()); err != nil {
		t.Fatal(err)
	}
	db = closing(t)(badger.Open(badger.Config{Dir: dir}))
	if err := db.View(t.Context(), func(r storage.Reader) error { _, err := r.Get([]byte("a")); return err }); err != nil {
		t.Error(err)
	}
}

// A process can be killed just when it has made a log file and written nothing.
func TestEmptyLogFilesDoNotKeepAStoreClosed(t *testing.T) {
	for _, key := range [][]byte{nil, keyA} {
		dir := written(t, key)
		for _, name := range []string{"00077.mem", "000077.vlog"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db := closing(t)(badger.Open(badger.Config{Dir: dir, Key: key}))
		err := db.View(t.Context(), func(r storage.Reader) error { _, err := r.Get([]byte(known + "/1")); return err })
		if err != nil {
			t.Error(err)
		}
	}
}

func TestDirectoryBelongsToUsAlone(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	closing(t)(badger.Open(badger.Config{Dir: dir}))
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode is %v, %v, want 0700", info.Mode(), err)
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "letter"), nil, 0o600), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := badger.Open(badger.Config{Dir: dir}); err == nil {
		t.Error("opened a store among other files")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode became %v, %v", info.Mode(), err)
	}
	if _, err := badger.Open(badger.Config{}); err == nil {
		t.Error("opened a store nowhere")
	}
}

func TestDailyRoundIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	db, err := badger.Open(badger.Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(put(t, db, "a"), db.Close()); err != nil {
		t.Fatal(err)
	}
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
}
