package storage

import (
	"sync"
	"time"
)

const (
	// lateness is how long a transaction that sets a timer for now may take to commit and still be found at once.
	lateness = 2 * time.Second
	// rescan is how often all is looked at, for timers that came later than that.
	rescan = time.Minute
)

// horizon remembers before which time no timer is set. A backend keeps what was deleted for a while and walks over it
// again with each scan, so that looking from the beginning gets slower with every timer that was ever cleared.
type horizon struct {
	mu      sync.Mutex
	clear   time.Time // nothing is set before it, save what came late
	scanned time.Time // when all was looked at last
}

// start is where a look at that time begins; the zero time stands for the beginning.
func (h *horizon) start(now time.Time) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if age := now.Sub(h.scanned); age < 0 || age >= rescan {
		return time.Time{}
	}
	if now.Before(h.clear) { // the clock was set back
		return now.Add(-lateness)
	}
	return h.clear.Add(-lateness)
}

// found notes what a look that began at start came upon: the first timer, or the zero time for none.
func (h *horizon) found(start, first, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if start.IsZero() {
		h.scanned = now
	}
	h.clear = now
	if !first.IsZero() && first.Before(now) {
		h.clear = first
	}
}

// set notes that a timer is about to be set. It may never be: then a look begins a little early.
func (h *horizon) set(due time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if due.Before(h.clear) {
		h.clear = due
	}
}
