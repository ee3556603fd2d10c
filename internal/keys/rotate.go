package keys

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/regrant/regrant/storage"
)

const (
	// MinEvery is the shortest time between two rotations.
	MinEvery = 24 * time.Hour
	// reread is how often [Ring.Run] looks into the store.
	reread = time.Minute
)

// Tell tells of new keys, in the transaction that makes them. If it fails, none is made.
type Tell func(storage.Tx, []Turn) error

// Rotation says when keys rotate by themselves.
type Rotation struct {
	Every  time.Duration // from one key's use to the next one's; at least [MinEvery]
	Tell   Tell
	Logger *slog.Logger
}

// Run makes new keys when they are due, deletes dead ones and reads what other nodes did, until ctx ends. Any number of
// processes may run it. While the store cannot be read or written, the ring stays as it is.
func (r *Ring) Run(ctx context.Context, c Rotation) error {
	if c.Every < MinEvery {
		return fmt.Errorf("rotating keys every %v: at least %v is needed", c.Every, MinEvery)
	}
	tick := time.NewTicker(reread)
	defer tick.Stop()
	for {
		if err := r.refresh(ctx, c); err != nil && ctx.Err() == nil {
			c.Logger.Error("rotating keys", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// refresh does what is due.
func (r *Ring) refresh(ctx context.Context, c Rotation) error {
	due := func(rec *record, now time.Time) bool { return rec.due(now, c.Every) }
	_, err := r.carry(ctx, due, c.Tell)
	return err
}

// Rotate makes a new key for every purpose that rotates, unless one is waiting already. It returns all that wait now.
func (r *Ring) Rotate(ctx context.Context, tell Tell) ([]Turn, error) {
	idle := func(rec *record, now time.Time) bool { return !rec.waiting(now) }
	return r.carry(ctx, idle, tell)
}

// carry extends the purposes for which wanted says so, deletes what is dead, and reads the keys. Mostly nothing is to be
// written, so that is found out first and costs nobody a transaction.
func (r *Ring) carry(ctx context.Context, wanted func(*record, time.Time) bool, tell Tell) (waiting []Turn, err error) {
	var p plan
	err = r.db.View(ctx, func(reader storage.Reader) error {
		p, err = r.plan(reader, wanted)
		return err
	})
	if err == nil && len(p.writes) > 0 {
		err = r.db.Update(ctx, func(tx storage.Tx) error {
			if p, err = r.plan(tx, wanted); err != nil {
				return err
			}
			return r.do(tx, p, tell)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("rotating keys: %w", err)
	}
	return p.waiting, r.Reload(ctx)
}

// plan is what one transaction does.
type plan struct {
	writes        []record
	made, waiting []Turn
}

func (r *Ring) plan(reader storage.Reader, wanted func(*record, time.Time) bool) (p plan, err error) {
	now := reader.Now()
	for _, purpose := range rotating {
		rec, err := r.wrapper.read(reader, purpose, kinds[purpose])
		if err != nil {
			return plan{}, err
		}
		changed, extend := rec.tidy(now), wanted(&rec, now)
		if extend {
			if err := rec.extend(now); err != nil {
				return plan{}, err
			}
			p.made = append(p.made, rec.turn())
		}
		if changed || extend {
			p.writes = append(p.writes, rec)
		}
		if rec.waiting(now) {
			p.waiting = append(p.waiting, rec.turn())
		}
	}
	return p, nil
}

func (r *Ring) do(tx storage.Tx, p plan, tell Tell) error {
	for _, rec := range p.writes {
		if err := r.wrapper.write(tx, rec); err != nil {
			return err
		}
	}
	if len(p.made) == 0 {
		return nil
	}
	return tell(tx, p.made)
}

// Reload reads the keys that rotate.
func (r *Ring) Reload(ctx context.Context) error {
	var t *turning
	err := r.db.View(ctx, func(reader storage.Reader) (err error) {
		t, err = r.load(reader)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	r.turning.Store(t)
	return nil
}
