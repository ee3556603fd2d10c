//go:build !linux && !darwin && !freebsd

package badger

import (
	"errors"
	"fmt"
)

// freeSpace cannot be told here, so that [Open] needs [Config.FreeSpace].
func freeSpace(string) (uint64, error) {
	return 0, fmt.Errorf("reading file system statistics: %w", errors.ErrUnsupported)
}

// holdDir cannot be done here, so that no store is put under another key.
func holdDir(string) (func(), error) {
	return nil, fmt.Errorf("locking a directory: %w", errors.ErrUnsupported)
}

func heldElsewhere(string) bool { return false }
