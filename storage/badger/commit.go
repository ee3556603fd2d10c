package badger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	dgbadger "github.com/dgraph-io/badger/v4"
)

// What one transaction may write. Badger's own bounds, which follow from the size
// of its memory table, are about twice as high.
const (
	maxTxWrites = 10_000
	maxTxBytes  = 1 << 20
)

// errStale tells an update that something it named has changed.
var errStale = errors.New("transaction is stale")

// commit is one update that waits to be written.
type commit struct {
	reads  map[string]uint64
	writes map[string][]byte
	size   int
	done   chan error // gets the outcome, once
	// claimed is set by whoever decides on the commit: the committer that writes it, or
	// the update that waited for too long.
	claimed atomic.Bool
}

func (c *commit) claim() bool { return c.claimed.CompareAndSwap(false, true) }

// commit hands c to the committer and waits for the outcome. When ctx ends before
// the committer has begun with c, nothing of it is written: a disk that hangs holds
// up no request beyond its time.
func (d *DB) commit(ctx context.Context, c *commit) error {
	if err := ctx.Err(); err != nil {
		return err // a select that could do either may choose to commit
	}
	select {
	case d.commits <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		if c.claim() {
			return ctx.Err()
		}
		return <-c.done
	}
}

// commitLoop writes what waits, as one Badger transaction at a time, until ctx
// ends. While one is flushed to disk the next ones gather. It is the only
// writer, so what it reads cannot change before it has written.
func (d *DB) commitLoop(ctx context.Context, disk *disk) {
	tick := time.NewTicker(diskInterval)
	defer tick.Stop()
	var next *commit // did not fit into the batch before
	for {
		if next == nil {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				disk.check()
				continue
			case next = <-d.commits:
			}
		}
		var batch []*commit
		batch, next = d.gather(next)
		d.write(batch, disk)
	}
}

// gather takes what waits beside first, as long as the batch does not grow
// beyond the bounds of one transaction. One that would be too much comes back as
// rest.
func (d *DB) gather(first *commit) (batch []*commit, rest *commit) {
	batch = []*commit{first}
	count, size := len(first.writes), first.size
	for {
		select {
		case c := <-d.commits:
			count, size = count+len(c.writes), size+c.size
			if count > maxTxWrites || size > maxTxBytes {
				return batch, c
			}
			batch = append(batch, c)
		default:
			return batch, nil
		}
	}
}

// write commits those of batch that are not stale and tells each its outcome.
func (d *DB) write(batch []*commit, disk *disk) {
	batch = slices.DeleteFunc(batch, func(c *commit) bool { return !c.claim() })
	if err := cmp.Or(d.failed, disk.refuses()); err != nil {
		answer(batch, err)
		return
	}
	txn := d.db.NewTransaction(true)
	defer txn.Discard()
	fresh, err := merge(txn, batch)
	if err == nil && len(fresh) > 0 {
		if err = d.flush(txn); err != nil {
			d.failed = fmt.Errorf("an earlier commit failed, the store must be opened again: %w", err)
			d.log.Error("storage: writing stopped", "err", err)
		}
	}
	if err != nil {
		err = fmt.Errorf("committing: %w", err)
	}
	answer(fresh, err)
	for _, c := range fresh {
		disk.wrote(c.size)
	}
}

// merge puts the writes of batch into txn, but for those that are stale or whose
// check fails, which get their answer here. On an error txn is of no use, and all
// others come back.
func merge(txn *dgbadger.Txn, batch []*commit) (fresh []*commit, err error) {
	written := map[string]struct{}{}
	for i, c := range batch {
		if err := c.verify(txn, written); err != nil {
			c.done <- err
			continue
		}
		fresh = append(fresh, c)
		if err := c.apply(txn, written); err != nil {
			return append(fresh, batch[i+1:]...), err
		}
	}
	return fresh, nil
}

// verify gives errStale unless each key that c named is as c saw it. Then c might
// as well have run just now, which makes updates serializable.
func (c *commit) verify(txn *dgbadger.Txn, written map[string]struct{}) error {
	for key, seen := range c.reads {
		if _, changed := written[key]; changed {
			return errStale
		}
		var now uint64
		switch item, err := txn.Get([]byte(key)); {
		case err == nil:
			now = item.Version()
		case !errors.Is(err, dgbadger.ErrKeyNotFound):
			return fmt.Errorf("reading again: %w", err)
		}
		if now != seen {
			return errStale
		}
	}
	return nil
}

func (c *commit) apply(txn *dgbadger.Txn, written map[string]struct{}) error {
	for key, sealed := range c.writes {
		var err error
		if sealed == nil {
			err = txn.Delete([]byte(key))
		} else {
			err = txn.Set([]byte(key), sealed)
		}
		if err != nil {
			return err
		}
		written[key] = struct{}{}
	}
	return nil
}

func answer(commits []*commit, err error) {
	for _, c := range commits {
		c.done <- err
	}
}
