package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/storage"
)

const (
	lease        = 6 * time.Second // renewed while an attempt lasts; what a dead process was at comes up again that soon
	attemptLimit = 10 * time.Second
	parallel     = 16 // messages under way at once

	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	giveUp     = 24 * time.Hour // after the message was put
)

// Outbox holds the messages of one namespace until they are delivered. It is safe for concurrent use, also by
// several processes.
type Outbox struct {
	db      storage.DB
	senders []Sender
	logger  *slog.Logger
	journal *journal.Journal
	pending *storage.Table[pending]
	timers  *storage.Timers
	wake    chan struct{}
}

// pending is a message that not every sender has delivered.
type pending struct {
	Message   Message  `json:"message"`
	Attempts  int      `json:"attempts"`
	Delivered []string `json:"delivered,omitempty"` // names of the senders that have
}

// New makes the outbox under namespace. Giving up is written into the journal of the same namespace. Without senders
// every message is given up in the end.
func New(namespace string, db storage.DB, senders []Sender, logger *slog.Logger) *Outbox {
	return &Outbox{
		db:      db,
		senders: senders,
		logger:  logger,
		journal: journal.New(namespace),
		pending: storage.NewTable(storage.TableConfig[pending]{
			Name:    namespace + "/outbox",
			Version: 1,
			ID:      func(p *pending) []byte { return []byte(p.Message.ID) },
		}),
		timers: storage.NewTimers(namespace + "/outbox-due"),
		wake:   make(chan struct{}, 1),
	}
}

// Put adds m with a new ID and the time of the transaction, to be sent once tx commits.
func (o *Outbox) Put(tx storage.Tx, m Message) error {
	m.ID, m.At = rand.Text(), tx.Now().UTC()
	if err := o.pending.Insert(tx, &pending{Message: m}); err != nil {
		return fmt.Errorf("putting a message into the outbox: %w", err)
	}
	if err := o.timers.Set(tx, []byte(m.ID), m.At); err != nil {
		return fmt.Errorf("putting a message into the outbox: %w", err)
	}
	// Only a hint, given before the commit and even if there is none: see Run.
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return nil
}

// deliver makes one attempt at the message: every sender that has not delivered it yet, all at once.
func (o *Outbox) deliver(ctx context.Context, id []byte) error {
	var p *pending
	err := o.db.View(ctx, func(r storage.Reader) (err error) {
		p, err = o.pending.Get(r, id)
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return o.forget(ctx, id) // another worker finished it after our lease had ended
	}
	if err != nil {
		return err
	}
	renewed := o.renew(ctx, id)
	delivered := o.send(ctx, p)
	renewed()
	if ctx.Err() != nil && len(delivered) == 0 {
		return o.giveBack(ctx, id) // we broke the attempt off ourselves: it does not count
	}
	return o.settle(ctx, id, delivered)
}

// send returns the names of the senders that delivered p now.
func (o *Outbox) send(ctx context.Context, p *pending) (delivered []string) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, s := range o.senders {
		if slices.Contains(p.Delivered, s.Name()) {
			continue
		}
		wg.Go(func() {
			err := s.Send(ctx, p.Message)
			observe.NoticeTried(err)
			if err != nil {
				o.logger.Warn("notice not delivered", "sender", s.Name(), "message", p.Message.ID, "attempt", p.Attempts+1, "error", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			delivered = append(delivered, s.Name())
		})
	}
	wg.Wait()
	return delivered
}

// settle writes down what an attempt came to: the message is done, comes up again, or is given up.
func (o *Outbox) settle(ctx context.Context, id []byte, delivered []string) error {
	var lost *pending
	// The attempt has happened: a shutdown must not leave it unrecorded and have it repeated.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), attemptLimit)
	defer cancel()
	err := o.db.Update(ctx, func(tx storage.Tx) error {
		lost = nil
		p, err := o.pending.Get(tx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return o.timers.Clear(tx, id)
		}
		if err != nil {
			return err
		}
		p.Attempts++
		p.Delivered = append(p.Delivered, delivered...)
		switch {
		case o.complete(p):
			return o.remove(tx, id)
		case tx.Now().Sub(p.Message.At) >= giveUp:
			lost = p
			return o.abandon(tx, p)
		}
		if err := o.pending.Put(tx, p); err != nil {
			return err
		}
		return o.timers.Set(tx, id, tx.Now().Add(backoff(p.Attempts)))
	})
	if err != nil {
		return fmt.Errorf("recording a delivery: %w", err)
	}
	if lost != nil {
		observe.NoticeLost()
		o.logger.Error("notice given up", "message", lost.Message.ID, "type", lost.Message.Type, "attempts", lost.Attempts)
	}
	return nil
}

// complete tells whether every sender there is now has delivered p. With none, nobody was told.
func (o *Outbox) complete(p *pending) bool {
	for _, s := range o.senders {
		if !slices.Contains(p.Delivered, s.Name()) {
			return false
		}
	}
	return len(o.senders) > 0
}

func (o *Outbox) remove(tx storage.Tx, id []byte) error {
	if err := o.pending.Delete(tx, id); err != nil {
		return err
	}
	return o.timers.Clear(tx, id)
}

func (o *Outbox) abandon(tx storage.Tx, p *pending) error {
	m := p.Message
	if err := o.remove(tx, []byte(m.ID)); err != nil {
		return err
	}
	return o.journal.Append(tx, journal.Entry{
		Kind: journal.KindNoticeFailed, Upstream: m.Upstream, Reference: m.Reference, AccountID: m.AccountID,
		Detail: map[string]string{"message": m.ID, "type": m.Type, "attempts": fmt.Sprint(p.Attempts)},
	})
}

func (o *Outbox) forget(ctx context.Context, id []byte) error {
	return o.db.Update(ctx, func(tx storage.Tx) error { return o.timers.Clear(tx, id) })
}

// backoff is the wait after so many attempts: 1 s, doubled each time, up to 5 min.
func backoff(attempts int) time.Duration {
	wait := firstRetry
	for n := 1; n < attempts && wait < lastRetry; n++ {
		wait *= 2
	}
	return min(wait, lastRetry)
}
