//go:build linux || darwin || freebsd

package badger

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/regrant/regrant/storage"
)

// freeSpace tells how many bytes this process may still write in the file system
// of dir.
func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("statfs: %w", err)
	}
	// FreeBSD counts below zero what only root may use.
	blocks, size := int64(s.Bavail), int64(s.Bsize) //nolint:gosec,unconvert // types differ between systems
	return uint64(max(blocks, 0) * size), nil       //nolint:gosec // not negative
}

// holdDir takes the lock on dir that Badger takes while a store is open.
func holdDir(dir string) (release func(), err error) {
	f, err := os.Open(dir) //nolint:gosec // the operator's own directory
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = storage.ErrLocked
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}

// heldElsewhere tells whether someone holds Badger's lock on dir. Badger cuts the
// cause off its error, so that the lock itself must be asked.
func heldElsewhere(dir string) bool {
	release, err := holdDir(dir)
	if err == nil {
		release()
	}
	return errors.Is(err, storage.ErrLocked)
}
