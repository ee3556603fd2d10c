package badger

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/storage"
)

const (
	sweepInterval = time.Hour
	// sweepAge is how long an expired key is kept. Nobody can read it; the time is
	// for a clock that was set forward by mistake and goes back.
	sweepAge = time.Hour
	// sweepLook and sweepBatch bound one snapshot and one transaction of the sweep,
	// so that it never holds up anybody.
	sweepLook  = 10_000
	sweepBatch = 256
)

// maintain deletes expired keys and collects garbage, until ctx ends.
func (d *DB) maintain(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.sweep(ctx); err != nil && !errors.Is(err, storage.ErrClosed) {
			d.log.Warn("storage: deleting expired keys", "err", err)
		}
		d.collectGarbage(ctx)
	}
}

// collectGarbage rewrites value log files that are mostly garbage. Values up to
// [storage.MaxValue] do not go there, so it finds work only if Badger's threshold
// were ever set below that.
func (d *DB) collectGarbage(ctx context.Context) {
	for ctx.Err() == nil {
		if err := d.db.RunValueLogGC(0.5); err != nil {
			return // nothing to rewrite, or no value log
		}
	}
}

// sweep deletes all keys that expired more than sweepAge ago.
func (d *DB) sweep(ctx context.Context) error {
	var after []byte
	for {
		keys, last, err := d.overdue(ctx, after)
		if err != nil {
			return err
		}
		if err := d.drop(ctx, keys); err != nil {
			return err
		}
		if last == nil {
			return nil
		}
		after = last
	}
}

// overdue finds keys to delete among those that follow after. It returns where it
// stopped looking, nil at the end.
func (d *DB) overdue(ctx context.Context, after []byte) (keys [][]byte, last []byte, err error) {
	err = d.View(ctx, func(r storage.Reader) error {
		t, looked := r.(*tx), 0
		for e, err := range t.scanAll(nil, after) {
			if err != nil {
				return err
			}
			if e.expired(t.now.Add(-sweepAge)) {
				keys = append(keys, e.key)
			}
			if looked++; looked == sweepLook || len(keys) == sweepBatch {
				last = e.key
				return nil
			}
		}
		return nil
	})
	return keys, last, err
}

// drop deletes those keys that are still overdue: one of them may have been
// written again since.
func (d *DB) drop(ctx context.Context, keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	return d.Update(ctx, func(w storage.Tx) error {
		t := w.(*tx)
		for _, key := range keys {
			e, found, err := t.load(key)
			if err != nil {
				return err
			}
			if !found || !e.expired(t.now.Add(-sweepAge)) {
				continue
			}
			if err := t.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}
