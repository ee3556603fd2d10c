package badger

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/regrant/regrant/storage"
)

// maxSetback is how far the clock may be behind without anything being refused. A
// clock that is kept right goes back by less.
const maxSetback = time.Minute

// clock never goes back, because what has expired would be good again: a small
// setback lets it stand still, and in a larger one it tells nothing. It forgets what
// it has seen when the store is opened anew.
type clock struct {
	ask func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	latest time.Time
	behind bool
}

func (c *clock) now() (time.Time, error) {
	// Without the monotonic reading, which hides that the clock was set.
	now := c.ask().Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.After(c.latest) {
		c.latest = now
	}
	setback := c.latest.Sub(now)
	if behind := setback > maxSetback; behind != c.behind {
		c.behind = behind
		c.log.Warn("storage: the clock went back or caught up; while it is behind, nothing is read or written", "behind", behind, "by", setback)
	}
	if c.behind {
		return time.Time{}, fmt.Errorf("%w by %v: wait until it has caught up, or open the store anew if it was wrong before", storage.ErrClock, setback)
	}
	return c.latest, nil
}
