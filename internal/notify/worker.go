package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/regrant/regrant/storage"
)

const (
	// settling is how soon the worker looks again after it was woken: Put wakes it before its transaction commits.
	settling = 5 * time.Millisecond
	// idle is how seldom it looks when nothing happens: what other processes put, it only finds by looking.
	idle = time.Second
)

// Run delivers messages until ctx ends, and then returns nil; nothing of it runs on. Of several processes each may
// have one.
//
// After each look that finds nothing the worker waits twice as long as before, from 5 ms to 1 s, and begins anew with
// every Put.
func (o *Outbox) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, parallel)
	wait := settling
	for ctx.Err() == nil {
		found, err := o.start(ctx, &running, slots)
		o.warn(ctx, err)
		if found || o.sleep(ctx, wait) {
			wait = settling
		} else {
			wait = min(2*wait, idle)
		}
	}
	return nil
}

// start begins the delivery of what is due, as far as there are free slots: receivers that hang hold up those alone
// that wait for their slots, and for no longer than one attempt. It tells whether there was anything.
func (o *Outbox) start(ctx context.Context, running *sync.WaitGroup, slots chan struct{}) (found bool, err error) {
	free := cap(slots) - len(slots)
	if free == 0 {
		return false, nil
	}
	if due, err := o.due(ctx); err != nil || !due {
		return false, err
	}
	ids, err := o.timers.Take(ctx, o.db, free, lease)
	for _, id := range ids {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			o.warn(ctx, o.deliver(ctx, id))
		})
	}
	return len(ids) > 0, err
}

// sleep waits for d, and tells whether a Put ended it.
func (o *Outbox) sleep(ctx context.Context, d time.Duration) (woken bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-o.wake:
		return true
	}
	return false
}

// due reads first, so that an idle worker writes nothing.
func (o *Outbox) due(ctx context.Context) (due bool, err error) {
	err = o.db.View(ctx, func(r storage.Reader) error {
		at, ok, err := o.timers.Next(r)
		due = ok && !at.After(r.Now())
		return err
	})
	return due, err
}

// warn logs what keeps the worker from its work. It goes on by itself: the lease ends and the message comes up again.
func (o *Outbox) warn(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, storage.ErrClosed) {
		o.logger.Warn("outbox", "error", err)
	}
}
