package notify

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/storage"
)

// renew keeps the lease on id until the function is called that it returns.
func (o *Outbox) renew(ctx context.Context, id []byte) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lease / 3)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				o.warn(ctx, o.postpone(ctx, id, lease))
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// giveBack lets whoever runs next, such as the configuration that follows, make the attempt at once.
func (o *Outbox) giveBack(ctx context.Context, id []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptLimit)
	defer cancel()
	return o.postpone(ctx, id, 0)
}

// postpone makes a message that still waits due after a while.
func (o *Outbox) postpone(ctx context.Context, id []byte, after time.Duration) error {
	return o.db.Update(ctx, func(tx storage.Tx) error {
		if _, err := o.pending.Get(tx, id); errors.Is(err, storage.ErrNotFound) {
			return nil // delivered meanwhile
		} else if err != nil {
			return err
		}
		return o.timers.Set(tx, id, tx.Now().Add(after))
	})
}
