package caddymodule

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Opening is tried again, by whoever needs the runtime, after a pause that doubles
// from the first to the second of these.
const (
	firstPause = time.Second
	lastPause  = time.Minute
)

// openingTime is how long a request waits for an opening under way.
const openingTime = 5 * time.Second

var (
	errOpening = errors.New("opening is under way")
	errClosed  = errors.New("this configuration has ended")
)

// opener opens a runtime once, on the first use that succeeds, and keeps it until
// it is closed for good. It is safe for concurrent use.
type opener struct {
	open  func(context.Context) (*runtime, error)
	clock func() time.Time

	current atomic.Pointer[runtime]

	mu     sync.Mutex // guards what follows, and is held while opening
	closed bool
	failed error
	pause  time.Duration
	retry  time.Time
}

func newOpener(open func(context.Context) (*runtime, error), clock func() time.Time) *opener {
	return &opener{open: open, clock: clock, pause: firstPause}
}

// get returns the runtime, opening it if that is due. It never waits for somebody
// else who is opening: traffic that only passes must not queue behind a slow disk.
func (o *opener) get(ctx context.Context) (*runtime, error) {
	if rt := o.current.Load(); rt != nil {
		return rt, nil
	}
	if !o.mu.TryLock() {
		return nil, errOpening
	}
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return nil, errClosed
	case o.current.Load() != nil:
		return o.current.Load(), nil
	case o.failed != nil && o.clock().Before(o.retry):
		return nil, o.failed
	}
	return o.try(ctx)
}

func (o *opener) try(ctx context.Context) (*runtime, error) {
	rt, err := o.open(ctx)
	if err != nil {
		o.failed, o.retry = err, o.clock().Add(o.pause)
		o.pause = min(2*o.pause, lastPause)
		return nil, err
	}
	o.failed = nil
	o.current.Store(rt)
	return rt, nil
}

// close waits for an opening under way, closes the runtime if there is one, and
// lets nobody open it again. Whoever asks while the runtime closes is told that it
// is closed.
func (o *opener) close() error {
	o.mu.Lock()
	already := o.closed
	o.closed = true
	rt := o.current.Swap(nil)
	o.mu.Unlock()
	if already || rt == nil {
		return nil
	}
	return rt.close()
}

// latest is the configuration that was started last, by issuer.
var latest sync.Map

// runtime returns what answers requests. After a reload Caddy lets the old
// servers finish what they accepted without waiting for them, so a request can
// reach a configuration that was cleaned up: the one that followed answers it.
func (a *App) runtime() (*runtime, error) {
	// Nearly every request comes this way. Below, Caddy's context is made an interface value, which allocates.
	if rt := a.opener.current.Load(); rt != nil {
		return rt, nil
	}
	rt, err := a.opener.get(a.ctx)
	if !errors.Is(err, errClosed) {
		return rt, err
	}
	if next, ok := latest.Load(a.issuer()); ok {
		follower := next.(*App)
		return follower.opener.get(follower.ctx)
	}
	return nil, err
}

// awaitRuntime is runtime for a request that cannot pass without it, and was told why. Caddy starts its servers beside the other apps, so
// for some milliseconds of a reload a request comes while the runtime is being opened: it waits for that, a few seconds at most.
func (a *App) awaitRuntime(ctx context.Context, why error) (rt *runtime, err error) {
	ctx, cancel := context.WithTimeout(ctx, openingTime)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for err = why; errors.Is(err, errOpening); rt, err = a.runtime() {
		select {
		case <-ctx.Done():
			return nil, err
		case <-tick.C:
		}
	}
	return rt, err
}
