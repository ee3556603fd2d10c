// Package trial lets an operator try out a whole recovery with an account that is made for it: the gateway's side of `caddy regrant try`.
//
// A trial is a record that names one account, which [Service.Begin] has made at the identity provider for it and which is nobody's. While it lives, and
// for that account alone, [Service.Live] says that new authenticators need no probation. Everything else is as for everybody: the person of a
// trial comes over the public origin.
//
// A trial must not be a way in. So it takes no account that is there already; its record is written before the account is made, carries a MAC, and ends by
// itself; what it opens is a session of self-service for that account; few run at a time; and all of it is in the journal, by whom. [Service.Run]
// deletes the account of a trial that nobody has ended, whatever became of the process that began it.
package trial

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

const (
	// Life is how long a trial lives at most, as long as the session that it opens.
	Life = login.Life
	// Grace is how long it lives without a [Service.Keep].
	Grace = time.Minute
	// MaxOpen is how many trials there are at a time that have not ended.
	MaxOpen = 3

	makeTime = Grace / 2 // for making the account: it is there, or will not be, when Run looks for it

	kept = 24 * time.Hour // an ended trial's record, for whoever asks again
)

var (
	// ErrTooMany means that [MaxOpen] trials have not ended yet.
	ErrTooMany = errors.New("too many trials are under way: wait until they end, which they do by themselves a minute after whoever runs them has gone")
	// ErrOver means that there is no such trial, or it has ended.
	ErrOver = errors.New("the trial is over")
	// ErrNotOrdinary means that the identity provider makes accounts that may not be recovered, or that are not new.
	ErrNotOrdinary = errors.New("the account that was made is not an ordinary new one")
)

// Config is what a Service stands on. All members are required.
type Config struct {
	Namespace string // of the upstream, in store and journal
	DB        storage.DB
	Ring      *keys.Ring
	Adapter   upstream.Adapter
	Trials    upstream.Trials // of the same server; nil: none can be made there
	Accounts  *account.Store
	Logins    *login.Service
	Journal   *journal.Journal
	Outbox    *notify.Outbox
	Logger    *slog.Logger
}

// Service makes trials and ends them. Safe for concurrent use.
type Service struct {
	Config
	table  *storage.Table[record]
	timers *storage.Timers
}

// record is one trial.
type record struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`                 // that the account gets, chosen and written before it is made
	AccountID string    `json:"account_id,omitempty"` // "": it is not known whether one was made
	By        string    `json:"by"`
	Expires   time.Time `json:"expires"`           // later after each Keep
	Latest    time.Time `json:"latest"`            // that Expires can be
	EndedAt   time.Time `json:"ended_at,omitzero"` // the account is gone
}

const byAccount = "account"

// New makes a Service. It calls nobody.
func New(c Config) *Service {
	return &Service{
		Config: c,
		timers: storage.NewTimers(c.Namespace + "/trial-due"),
		table: storage.NewTable(storage.TableConfig[record]{
			Name:    c.Namespace + "/trial",
			Version: 1,
			ID:      func(r *record) []byte { return []byte(r.ID) },
			Expires: func(r *record) time.Time {
				if r.EndedAt.IsZero() {
					return time.Time{} // what is not ended must not be forgotten
				}
				return r.EndedAt.Add(kept)
			},
			Indexes: []storage.Index[record]{{Name: byAccount, Unique: true, Keys: func(r *record) [][]byte {
				if r.AccountID == "" {
					return nil
				}
				return [][]byte{[]byte(r.AccountID)}
			}}},
			// Whoever could add a trial could have an account deleted, and its authenticators count at once.
			Sealer: c.Ring.Sealer(keys.Record),
		}),
	}
}

// Live tells whether the account is one of a trial that runs. It is asked in the transaction that binds an authenticator.
func (s *Service) Live(r storage.Reader, accountID string) (bool, error) {
	t, err := s.table.By(r, byAccount, []byte(accountID))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for a trial: %w", err)
	}
	return t.live(r.Now()), nil
}

func (t *record) live(now time.Time) bool { return t.EndedAt.IsZero() && now.Before(t.Expires) }

// Begun is a trial with what its person needs.
type Begun struct {
	ID        string
	Account   upstream.Account
	Password  string    // of the account at the identity provider
	Session   string    // secret of a session of self-service, see [login.Service]
	ExpiresAt time.Time // however often it is kept
}

// Begin makes a new account and a trial of it, in the name of whoever asks. The errors are [ErrTooMany], [ErrNotOrdinary] and those of
// [upstream.Trials]; where no trial can be made, [upstream.ErrUnsupported].
func (s *Service) Begin(ctx context.Context, as string) (Begun, error) {
	if s.Trials == nil {
		return Begun{}, upstream.ErrUnsupported
	}
	t := &record{ID: rand.Text(), Name: upstream.TrialName(rand.Text()), By: as}
	if err := s.DB.Update(ctx, func(tx storage.Tx) error { return s.open(tx, t) }); err != nil {
		return Begun{}, fmt.Errorf("beginning a trial: %w", err)
	}
	begun := Begun{ID: t.ID, Password: "Aa1!" + rand.Text(), ExpiresAt: t.Latest} // of every kind of character that a server may want
	err := s.make(ctx, t, &begun)
	if unknown := t.AccountID == "" && !errors.Is(err, upstream.ErrRefused); err != nil && unknown {
		return Begun{}, err // it may come to be yet: Run looks for it when the trial's time is over
	}
	if err != nil {
		// Whoever asked may have gone, but not what was made for them.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		_, failed := s.End(ending, t.ID)
		return Begun{}, errors.Join(err, failed)
	}
	return begun, nil
}

// open writes the record of a trial, if there is room for one more.
func (s *Service) open(tx storage.Tx, t *record) error {
	if err := s.guard(tx); err != nil {
		return err
	}
	running := 0
	for other, err := range s.table.All(tx, nil, 0) {
		if err != nil {
			return err
		}
		if other.EndedAt.IsZero() {
			running++
		}
	}
	if running >= MaxOpen {
		return ErrTooMany
	}
	t.Latest, t.Expires = tx.Now().Add(Life).UTC(), tx.Now().Add(Grace).UTC()
	if err := s.table.Insert(tx, t); err != nil {
		return err
	}
	return s.timers.Set(tx, []byte(t.ID), t.Expires)
}

// guard makes two that begin at once meet: neither would see the other's new record.
func (s *Service) guard(tx storage.Tx) error {
	key := []byte(s.Namespace + "/trial-guard")
	if _, err := tx.Get(key); err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	return tx.Put(key, []byte{1}, time.Time{})
}

// make has the account made, and opens its session.
func (s *Service) make(ctx context.Context, t *record, begun *Begun) (err error) {
	making, cancel := context.WithTimeout(ctx, makeTime)
	defer cancel()
	if begun.Account, err = s.Trials.MakeTrial(making, t.Name, begun.Password); err != nil {
		return fmt.Errorf("making an account for a trial: %w", err)
	}
	err = s.DB.Update(ctx, func(tx storage.Tx) error { return s.adopt(tx, t, begun.Account) })
	if err != nil {
		return fmt.Errorf("making an account for a trial: %w", err)
	}
	state, err := s.Adapter.State(ctx, begun.Account.ID)
	switch {
	case err != nil:
		return fmt.Errorf("reading the account of a trial: %w", err)
	case state.Privilege == upstream.PrivilegeUnknown:
		return fmt.Errorf("%w: the gateway may not read its roles", ErrNotOrdinary)
	case !state.Enabled || state.Privilege != upstream.PrivilegeOrdinary:
		return fmt.Errorf("%w: a new account has rights there, or is disabled", ErrNotOrdinary)
	}
	begun.Session, err = s.Logins.OpenTrial(ctx, begun.Account)
	return err
}

// adopt notes whose trial it is. An account of which anything is known here was not made just now.
func (s *Service) adopt(tx storage.Tx, t *record, made upstream.Account) error {
	stored, err := s.table.Get(tx, []byte(t.ID))
	if err != nil {
		return err
	}
	if !stored.live(tx.Now()) {
		return ErrOver
	}
	epoch, err := s.Accounts.Epoch(tx, made.ID)
	if err != nil {
		return err
	}
	before, err := s.Accounts.History(tx, made.ID)
	if err != nil {
		return err
	}
	if epoch != 0 || len(before) > 0 || !made.IsTrial(t.Name) {
		return ErrNotOrdinary
	}
	stored.AccountID = made.ID
	if err := s.table.Put(tx, stored); err != nil {
		return err
	}
	*t = *stored
	return s.journal(tx, journal.KindTrialBegun, t)
}

// Keep says that somebody still runs the trial.
func (s *Service) Keep(ctx context.Context, id string) error {
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		t, err := s.table.Get(tx, []byte(id))
		if err != nil {
			return err
		}
		if !t.live(tx.Now()) {
			return ErrOver
		}
		if t.Expires = tx.Now().Add(Grace).UTC(); t.Expires.After(t.Latest) {
			t.Expires = t.Latest
		}
		if err := s.table.Put(tx, t); err != nil {
			return err
		}
		return s.timers.Set(tx, []byte(id), t.Expires)
	})
	if errors.Is(err, storage.ErrNotFound) {
		return ErrOver
	}
	if err != nil {
		return fmt.Errorf("keeping a trial: %w", err)
	}
	return nil
}

// journal notes what became of a trial. Nothing proves the name of who asked.
func (s *Service) journal(tx storage.Tx, kind journal.Kind, t *record) error {
	return s.Journal.Append(tx, journal.Entry{
		Kind: kind, Upstream: s.Namespace, AccountID: t.AccountID, Actor: t.By,
		Detail: map[string]string{"actor_proof": "none", "trial": t.ID, "name": t.Name},
	})
}
