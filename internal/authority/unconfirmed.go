package authority

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

const (
	atOnce    = 100              // devices that one look ends
	lookLease = 30 * time.Second // after a crash in the middle of it, until the next one
	lookAgain = 5 * time.Second  // other processes enrol devices, too
	byGateway = "gateway"        // who did it, for the journal
)

// Run ends the devices that nobody confirmed in time, and tells their owners. That they count for nothing does not wait for it.
// It returns when ctx ends; any number of processes may run it.
func (a *Authority) Run(ctx context.Context) error {
	for {
		if err := a.endUnconfirmed(ctx); err != nil && ctx.Err() == nil {
			a.Logger.Error("ending devices that nobody confirmed", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// endUnconfirmed ends those that are due.
func (a *Authority) endUnconfirmed(ctx context.Context) error {
	due, err := a.awaited.Take(ctx, a.DB, atOnce, lookLease)
	for _, id := range due {
		err = errors.Join(err, a.DB.Update(ctx, func(tx storage.Tx) error { return a.expire(tx, string(id)) }))
	}
	return err
}

func (a *Authority) expire(tx storage.Tx, id string) error {
	d, err := a.awaiting(tx, id)
	switch {
	case err != nil:
		return err
	case d == nil: // revoked meanwhile
		return a.awaited.Clear(tx, []byte(id))
	case tx.Now().Before(d.Awaits.Before):
		return a.watch(tx, d)
	}
	return a.turnAway(tx, d, journal.KindDeviceUnconfirmed, byGateway, "not confirmed in time")
}
