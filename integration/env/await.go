package env

import (
	"context"
	"fmt"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// await polls ready until it holds, the program ends, or the time is over.
func await(ctx context.Context, timeout time.Duration, what string, p *child.Child, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-tick.C:
		case <-p.Done():
			return fmt.Errorf("%s ended by itself: %v", what, p.Err())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s", what, timeout)
		}
	}
	return nil
}
