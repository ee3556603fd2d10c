// Package reconcile follows what becomes of accounts at the identity provider: it looks at each that has authenticators once a
// day. A new name is taken over; whoever is disabled or gone has every recovery cancelled that is under way; and an account that
// is still gone a day later loses its authenticators, because its id could be somebody else's one day.
//
// It is no control of its own. Every recovery asks for the account's state itself, before each step.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

const (
	every      = 24 * time.Hour  // from the beginning of one pass to that of the next
	first      = time.Hour       // until the first one of an installation
	confirm    = 20 * time.Hour  // an account must be gone for so long: it was so in the pass before
	lease      = 5 * time.Minute // after a crash in the middle of a pass, until somebody goes on with it
	lookAgain  = time.Minute
	batch      = 50
	mostGone   = 10 // accounts of one pass that may be gone without a doubt
	inHundred  = 5  // of a hundred accounts that may be gone, where these are more
	away       = 20 // accounts that cannot be read, one after another: nobody is there to be asked about the others
	byGateway  = "gateway"
	onlyTimer  = "pass"
	whyDeleted = "the account was deleted at the identity provider"
	whyMerged  = "the account is another one now at the identity provider"
)

// Provider is the identity provider as it is asked here.
type Provider interface {
	Facts() upstream.Facts
	State(ctx context.Context, id string) (upstream.State, error)
	Resolve(ctx context.Context, identifier string) (upstream.Account, error)
}

// Revoker ends authenticators, journals it and tells their owners; *authority.Authority does.
type Revoker interface {
	Revoke(ctx context.Context, authenticatorID, as, reason string) error
}

// Config is what a Reconciler stands on. All members are required.
type Config struct {
	Namespace string // prefix of our keys in DB
	DB        storage.DB
	Provider  Provider
	Accounts  *account.Store
	Revoker   Revoker
	Journal   *journal.Journal
	Logger    *slog.Logger
}

// Reconciler follows the accounts of one upstream. It is safe for concurrent use.
type Reconciler struct {
	Config
	timers *storage.Timers
}

// New makes a Reconciler.
func New(c Config) *Reconciler {
	return &Reconciler{Config: c, timers: storage.NewTimers(c.Namespace + "/reconcile-due")}
}

// Summary counts what a pass has seen.
type Summary struct {
	Accounts int `json:"accounts"` // that were looked at
	Renamed  int `json:"renamed"`
	Disabled int `json:"disabled"`
	Gone     int `json:"gone"`
	Unseen   int `json:"unseen"`  // could not be read, and are left as they are
	Revoked  int `json:"revoked"` // authenticators, of accounts that stayed gone
	// Doubted tells that so many are gone that the identity provider, or its configuration here, is more likely to be wrong than they:
	// no authenticator was revoked.
	Doubted bool `json:"doubted"`
}

// Run passes over the accounts once a day, until ctx ends. Any number of processes may run it: one at a time does. An identity
// provider that cannot be asked about accounts is left alone.
func (r *Reconciler) Run(ctx context.Context) error {
	if !r.Provider.Facts().Admin {
		<-ctx.Done()
		return ctx.Err()
	}
	for {
		if err := r.once(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Warn("looking at accounts at the identity provider; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// once does a pass if one is due.
func (r *Reconciler) once(ctx context.Context) error {
	if err := r.ensure(ctx); err != nil {
		return err
	}
	due, err := r.timers.Take(ctx, r.DB, 1, lease)
	if err != nil || len(due) == 0 {
		return err
	}
	_, err = r.Pass(ctx, byGateway)
	return err
}

// ensure sets when the first pass of an installation is due.
func (r *Reconciler) ensure(ctx context.Context) error {
	set := false
	err := r.DB.View(ctx, func(reader storage.Reader) (err error) {
		_, set, err = r.timers.Next(reader)
		return err
	})
	if err != nil || set {
		return err
	}
	return r.DB.Update(ctx, func(tx storage.Tx) error {
		_, set, err := r.timers.Next(tx)
		if err != nil || set {
			return err
		}
		return r.timers.Set(tx, []byte(onlyTimer), tx.Now().Add(first))
	})
}

// pass is what one pass has come to.
type pass struct {
	sum    Summary
	gone   []string // for long enough
	missed error    // why the last account of those unseen could not be read
	inARow int      // of these, up to now
}

// Pass looks at every account now, and sets when the next pass is due. by is who wants it, for the journal. An account that cannot
// be read is passed over: the gateway may have no right to that one. Where it is all of them, or one after another, the identity provider
// cannot be asked, and the pass ends; what was seen until then stays.
func (r *Reconciler) Pass(ctx context.Context, by string) (Summary, error) {
	var p pass
	if err := r.lookAtAll(ctx, &p); err != nil {
		return p.sum, err
	}
	if p.sum.Unseen > 0 {
		if p.sum.Accounts == 0 {
			return p.sum, p.missed
		}
		r.Logger.Warn("some accounts could not be read at the identity provider; they are left as they are", "accounts", p.sum.Unseen, "error", p.missed)
	}
	if err := r.forget(ctx, by, p.gone, &p.sum); err != nil {
		return p.sum, err
	}
	return p.sum, r.due(ctx, every)
}

func (r *Reconciler) lookAtAll(ctx context.Context, p *pass) error {
	for after := []byte(nil); ; {
		ids, last, err := r.held(ctx, after)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := r.look(ctx, id, p); err != nil {
				return err
			}
		}
		if last == nil {
			return nil
		}
		after = last
		if err := r.due(ctx, lease); err != nil {
			return err
		}
	}
}

func (r *Reconciler) held(ctx context.Context, after []byte) (ids []string, last []byte, err error) {
	err = r.DB.View(ctx, func(reader storage.Reader) error {
		ids, last, err = r.Accounts.Held(reader, after, batch)
		return err
	})
	return ids, last, err
}

func (r *Reconciler) due(ctx context.Context, in time.Duration) error {
	return r.DB.Update(ctx, func(tx storage.Tx) error { return r.timers.Set(tx, []byte(onlyTimer), tx.Now().Add(in)) })
}

// look asks for one account and keeps what is new.
func (r *Reconciler) look(ctx context.Context, id string, p *pass) error {
	state, err := r.Provider.State(ctx, id)
	standing := account.StandingThere
	switch {
	case errors.Is(err, upstream.ErrNoAccount):
		standing = account.StandingGone
		p.sum.Gone++
	case err != nil:
		return p.miss(ctx, fmt.Errorf("reading an account: %w", err))
	case !state.Enabled:
		standing = account.StandingDisabled
		p.sum.Disabled++
	}
	p.sum.Accounts++
	p.inARow = 0
	stays, renamed := false, false
	err = r.DB.Update(ctx, func(tx storage.Tx) error {
		since, changed, err := r.Accounts.Stand(tx, id, standing)
		if err != nil {
			return err
		}
		stays = standing == account.StandingGone && !tx.Now().Before(since.Add(confirm))
		if changed {
			if err := r.journal(tx, id, words[standing]); err != nil {
				return err
			}
		}
		if standing == account.StandingGone {
			return nil
		}
		renamed, err = r.Accounts.Rename(tx, id, state.Identifiers)
		if err != nil || !renamed {
			return err
		}
		return r.journal(tx, id, "renamed")
	})
	if err != nil {
		return err
	}
	if renamed {
		p.sum.Renamed++
	}
	if stays {
		p.gone = append(p.gone, id)
	}
	return nil
}

// miss counts an account that could not be read, and tells when not to go on.
func (p *pass) miss(ctx context.Context, err error) error {
	p.sum.Unseen++
	p.inARow++
	p.missed = err
	if p.inARow == away || ctx.Err() != nil {
		return err
	}
	return nil
}

// words are what the journal says of a standing.
var words = map[account.Standing]string{
	account.StandingThere: "there", account.StandingDisabled: "disabled", account.StandingGone: "gone",
}

func (r *Reconciler) journal(tx storage.Tx, id, what string) error {
	return r.Journal.Append(tx, journal.Entry{
		Kind: journal.KindAccountChanged, Upstream: r.Namespace, AccountID: id, Detail: map[string]string{"is": what},
	})
}

// forget revokes the authenticators of accounts that stayed gone, unless there are so many of them that the question was the wrong one.
func (r *Reconciler) forget(ctx context.Context, by string, gone []string, sum *Summary) error {
	everybody := sum.Gone == sum.Accounts && sum.Gone+sum.Unseen > 1 // a realm that is empty, or another one
	if everybody || sum.Gone > max(mostGone, sum.Accounts*inHundred/100) {
		sum.Doubted = true
		r.Logger.Error("so many accounts are gone that nothing is taken from any: look whether the gateway asks the right identity provider",
			"accounts", sum.Accounts, "gone", sum.Gone)
		return nil
	}
	for _, id := range gone {
		var living []account.Authenticator
		err := r.DB.View(ctx, func(reader storage.Reader) (err error) {
			living, err = r.Accounts.Living(reader, id)
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range living {
			if err := r.Revoker.Revoke(ctx, a.ID, by, r.why(ctx, a)); err != nil {
				return fmt.Errorf("revoking an authenticator of an account that is gone: %w", err)
			}
			sum.Revoked++
		}
	}
	return nil
}

// why tells a merged account from a deleted one: somebody else has its names. Nothing is moved there: whoever can merge accounts would
// move authenticators, too.
func (r *Reconciler) why(ctx context.Context, a account.Authenticator) string {
	for _, name := range a.Identifiers {
		if _, err := r.Provider.Resolve(ctx, name); err == nil {
			return whyMerged
		}
	}
	return whyDeleted
}
