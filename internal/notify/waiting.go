package notify

import (
	"context"
	"time"

	"github.com/regrant/regrant/storage"
)

// maxCounted bounds what is read at once.
const maxCounted = 10_000

// Waiting says how many messages are not delivered yet, as far as 10,000, and how long the oldest has waited.
func (o *Outbox) Waiting(ctx context.Context) (n int, oldest time.Duration, err error) {
	err = o.db.View(ctx, func(r storage.Reader) error {
		n, oldest = 0, 0
		for p, err := range o.pending.All(r, nil, maxCounted) {
			if err != nil {
				return err
			}
			n++
			oldest = max(oldest, r.Now().Sub(p.Message.At))
		}
		return nil
	})
	return n, oldest, err
}

// Lost says how many messages were given up in that time, as far as 10,000.
func (o *Outbox) Lost(ctx context.Context, within time.Duration) (n int, err error) {
	err = o.db.View(ctx, func(r storage.Reader) (err error) {
		n, err = o.journal.NoticesFailed(r, r.Now().Add(-within), maxCounted)
		return err
	})
	return n, err
}

// WaitingFor lists the types of the messages of an account that not every sender has delivered, among the first 10,000 that wait.
func (o *Outbox) WaitingFor(ctx context.Context, accountID string) (types []string, err error) {
	err = o.db.View(ctx, func(r storage.Reader) error {
		types = nil
		for p, err := range o.pending.All(r, nil, maxCounted) {
			if err != nil {
				return err
			}
			if p.Message.AccountID == accountID {
				types = append(types, p.Message.Type)
			}
		}
		return nil
	})
	return types, err
}
