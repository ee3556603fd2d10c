package badger_test

import (
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/storage/storagetest"
)

func TestInMemoryKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t testing.TB, clock func() time.Time) storage.DB {
		return closing(t)(badger.OpenInMemory(clock))
	})
}

func TestOnDiskKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t testing.TB, clock func() time.Time) storage.DB {
		return closing(t)(badger.Open(badger.Config{Dir: t.TempDir(), Clock: clock}))
	})
}

func closing(t testing.TB) func(*badger.DB, error) *badger.DB {
	return func(db *badger.DB, err error) *badger.DB {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db
	}
}
