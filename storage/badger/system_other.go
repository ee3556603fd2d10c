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

func heldElsewhere(string) bool { return false }
