package observe

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/regrant/regrant/storage"
)

// DB is db, with every update timed and traced, and what [Entered] and [Journaled] are told counted with its commit.
func DB(db storage.DB) storage.DB { return observedDB{db} }

type observedDB struct{ storage.DB }

func (d observedDB) Update(ctx context.Context, fn func(storage.Tx) error) error {
	ctx, span := start(ctx, "store update")
	defer span.End()
	began := time.Now()
	var seen *observedTx
	var own error
	err := d.DB.Update(ctx, func(tx storage.Tx) error {
		seen = &observedTx{Tx: tx} // of the attempt that commits, which is the last
		own = fn(seen)
		return own
	})
	outcome := updateOutcome(err, own)
	span.SetAttributes(attribute.String("outcome", outcome))
	observeSince(storeSeconds, began, outcome)
	if err == nil {
		seen.committed()
	}
	return err
}

// updateOutcome tells what the store could not do from what the caller decided not to.
func updateOutcome(err, own error) string {
	switch {
	case err == nil:
		return outcomeOK
	case own != nil:
		return "rolled-back"
	case errors.Is(err, storage.ErrFull):
		return "full"
	case errors.Is(err, storage.ErrConflict):
		return "conflict"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "canceled"
	default:
		return outcomeUnavailable
	}
}

// observedTx remembers what is to be counted if it commits.
type observedTx struct {
	storage.Tx
	counts []func()
}

func (t *observedTx) committed() {
	for _, count := range t.counts {
		count()
	}
}

// onCommit counts once tx has committed, and never if it does not: a transaction may run several times. On a store that is
// not a [DB] nothing is counted.
func onCommit(tx storage.Tx, count func()) {
	if t, ok := tx.(*observedTx); ok {
		t.counts = append(t.counts, count)
	}
}

// Entered counts a recovery that enters state with the commit of tx.
func Entered(tx storage.Tx, state string) {
	onCommit(tx, recoveries.WithLabelValues(state).Inc)
}

// Journaled counts an entry of that kind that is in the journal with the commit of tx.
func Journaled(tx storage.Tx, kind string) {
	onCommit(tx, journalEntries.WithLabelValues(kind).Inc)
}
