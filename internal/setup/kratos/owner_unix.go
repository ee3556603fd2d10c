//go:build unix

package kratos

import (
	"os"
	"syscall"
)

// keepOwner gives a file the owner and the group of another.
func keepOwner(file *os.File, like os.FileInfo) error {
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return os.ErrInvalid
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}
