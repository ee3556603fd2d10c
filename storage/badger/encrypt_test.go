package badger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/storage/storagetest"
)

var (
	keyA = bytes.Repeat([]byte{0xA}, badger.KeySize)
	keyB = bytes.Repeat([]byte{0xB}, badger.KeySize)
)

func TestEncryptedKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t testing.TB, clock func() time.Time) storage.DB {
		return closing(t)(badger.Open(badger.Config{Dir: t.TempDir(), Clock: clock, Key: keyA}))
	})
}

// known is an identifier that somebody might look for on a stolen disk.
const known = "alice.known-identifier@example.com"

// written makes a store under key in a new directory.
func written(t *testing.T, key []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := badger.Open(badger.Config{Dir: dir, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(fill(db), db.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fill writes keys and values with the known identifier, more than a memory table holds.
func fill(db *badger.DB) error {
	value := bytes.Repeat([]byte(known), 1000)
	for i := range 25 {
		err := db.Update(context.Background(), func(tx storage.Tx) (err error) {
			for j := range 25 {
				err = errors.Join(err, tx.Put(fmt.Appendf(nil, "%s/%d", known, 25*i+j), value, time.Time{}))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// holding lists the files below dir that contain the known identifier.
func holding(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(known)) {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestFilesOfAnEncryptedStoreHoldNoIdentifier(t *testing.T) {
	if found := holding(t, written(t, nil)); len(found) == 0 {
		t.Fatal("not found in a plain store either: this test sees nothing")
	}
	if found := holding(t, written(t, keyA)); len(found) != 0 {
		t.Errorf("found in %q", found)
	}
	// The log of a process that was killed is a file of another kind.
	dir := t.TempDir()
	killAfterWriting(t, dir, "encrypted")
	if found := holding(t, dir); len(found) != 0 {
		t.Errorf("after a kill found in %q", found)
	}
}

// digest is a value over names and contents of the files of a store.
func digest(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %x\n", path, sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestKeyThatDoesNotFitIsToldAndChangesNothing(t *testing.T) {
	plain, encrypted := written(t, nil), written(t, keyA)
	for name, c := range map[string]struct {
		config badger.Config
		want   error
	}{
		"a key for a plain store":            {badger.Config{Dir: plain, Key: keyA}, badger.ErrPlain},
		"two keys for a plain store":         {badger.Config{Dir: plain, Key: keyA, PreviousKey: keyB}, badger.ErrPlain},
		"no key for an encrypted store":      {badger.Config{Dir: encrypted}, badger.ErrEncrypted},
		"the key as the previous one only":   {badger.Config{Dir: encrypted, PreviousKey: keyA}, badger.ErrEncrypted},
		"another key":                        {badger.Config{Dir: encrypted, Key: keyB}, badger.ErrKey},
		"two other keys":                     {badger.Config{Dir: encrypted, Key: keyB, PreviousKey: bytes.Repeat([]byte{0xC}, badger.KeySize)}, badger.ErrKey},
		"a short key":                        {badger.Config{Dir: encrypted, Key: keyA[1:]}, nil},
		"a short previous key":               {badger.Config{Dir: encrypted, Key: keyA, PreviousKey: keyB[1:]}, nil},
		"a key for a plain store, by length": {badger.Config{Dir: plain, Key: keyA[16:]}, nil},
	} {
		before := digest(t, c.config.Dir)
		_, err := badger.Open(c.config)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.config.Dir) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if digest(t, c.config.Dir) != before {
			t.Errorf("%s: the store changed", name)
		}
	}
	for dir, key := range map[string][]byte{plain: nil, encrypted: keyA} {
		closing(t)(badger.Open(badger.Config{Dir: dir, Key: key}))
	}
}

func TestStoreGoesOverToTheNewKey(t *testing.T) {
	dir := written(t, keyA)
	for range 2 { // the second time it is done already
		db, err := badger.Open(badger.Config{Dir: dir, Key: keyB, PreviousKey: keyA})
		if err != nil {
			t.Fatal(err)
		}
		get := func(r storage.Reader) error { _, err := r.Get([]byte(known + "/1")); return err }
		if err := errors.Join(db.View(t.Context(), get), put(t, db, "more"), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := badger.Open(badger.Config{Dir: dir, Key: keyA}); !errors.Is(err, badger.ErrKey) {
		t.Errorf("the previous key: %v", err)
	}
	db, err := badger.Open(badger.Config{Dir: dir, Key: keyB})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, dir); len(found) != 0 {
		t.Errorf("found in %q", found)
	}
}

func TestOpenStoreIsNotPutUnderAnotherKey(t *testing.T) {
	dir := t.TempDir()
	closing(t)(badger.Open(badger.Config{Dir: dir, Key: keyA}))
	if _, err := badger.Open(badger.Config{Dir: dir, Key: keyB, PreviousKey: keyA}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("error %v, want ErrLocked", err)
	}
}
