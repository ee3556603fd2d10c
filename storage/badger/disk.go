package badger

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/regrant/regrant/storage"
)

// diskInterval is how old the last look at the free space may be. The look is
// made by a ticker of the committer: it costs no commit a system call and asks no
// clock that someone could set.
const diskInterval = time.Second

// disk watches the free space under the store. It belongs to the committer. A nil
// disk, of a store in memory, refuses nothing.
type disk struct {
	dir     string
	reserve uint64
	free    func(dir string) (uint64, error)
	log     *slog.Logger

	refusal error  // why nothing may be written, as of the last check
	last    uint64 // bytes free at the last check
	since   uint64 // bytes written since
}

// check looks at the free space. If it cannot be told, nothing is written.
func (k *disk) check() {
	if k == nil {
		return
	}
	var refusal error
	free, err := k.free(k.dir)
	switch {
	case err != nil:
		refusal = fmt.Errorf("telling the free space for %s: %w", k.dir, err)
	case free < k.reserve:
		refusal = fmt.Errorf("%s has %d bytes free and keeps %d in reserve: %w", k.dir, free, k.reserve, storage.ErrFull)
	}
	if (refusal == nil) != (k.refusal == nil) {
		k.log.Warn("storage: writing stopped or resumed", "dir", k.dir, "free", free, "reserve", k.reserve, "err", refusal)
	}
	k.refusal, k.last, k.since = refusal, free, 0
}

// refuses tells why nothing may be written now: [storage.ErrFull], or that the
// free space is not known.
func (k *disk) refuses() error {
	if k == nil {
		return nil
	}
	return k.refusal
}

// wrote counts what was written. A burst is looked after before the next tick, so
// that it cannot use up the reserve in between.
func (k *disk) wrote(bytes int) {
	if k == nil {
		return
	}
	if k.since += uint64(bytes); k.since > k.reserve/8 { //nolint:gosec // a length
		k.check()
	}
}

// mayOpen refuses to open a store where that could fill the disk already: opening
// writes the log that a crash left into tables. A quarter of the reserve is
// plenty for it, so a store that only refuses to write can still be read after a
// restart.
func (k *disk) mayOpen() error {
	k.check()
	if k.refusal != nil && k.last < k.reserve/4 {
		return fmt.Errorf("opening: %w", k.refusal)
	}
	return nil
}

// FreeSpace tells how many bytes this process may still write in the file system of dir.
func FreeSpace(dir string) (uint64, error) { return freeSpace(dir) }
