package recovery

import (
	"context"
	"errors"
	"time"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// againTime bounds what the identity provider waits, once more, for its own answers.
const againTime = 2 * time.Second

// Logins is the Service as the broker sees it.
type Logins struct{ s *Service }

var _ broker.Logins = Logins{}

// Logins returns the Service's side of the broker.
func (s *Service) Logins() Logins { return Logins{s} }

// Issue stores the authorization code of one login, for whoever holds the lease under which its way was made. While a code is out that may be
// redeemed there is no other, so the session is made at most once.
func (l Logins) Issue(ctx context.Context, c broker.Code) error {
	err := l.s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := l.s.load(tx, c.Txn)
		if err != nil {
			return err
		}
		switch {
		case !rec.completing() || rec.codeLives(tx.Now()):
			return ErrSpent
		case rec.Lease == "" || rec.Lease != c.Lease:
			return ErrBusy // with somebody else, after whom its browser may ask again
		}
		if err := l.s.allowed(tx, rec); err != nil {
			return err
		}
		rec.Code, rec.Lease = &c, ""
		if rec.State == StateSession {
			return l.s.keep(tx, rec)
		}
		return l.s.move(tx, rec, StateSession, "", nil)
	})
	return loginError(settle("issuing a code", err))
}

// Code finds the code with this signature while it may be redeemed.
func (l Logins) Code(ctx context.Context, signature string) (c broker.Code, err error) {
	err = l.s.DB.View(ctx, func(r storage.Reader) error {
		rec, err := l.s.byCode(r, signature)
		if err == nil {
			c = *rec.Code
		}
		return err
	})
	return c, loginError(settle("reading a code", err))
}

// Redeem consumes the code, once: the identity provider has asked for the identity and makes its session now.
func (l Logins) Redeem(ctx context.Context, signature string) error {
	l.s.prepareAgain(ctx, signature)
	err := l.s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := l.s.byCode(tx, signature)
		if err != nil {
			return err
		}
		if err := l.s.allowed(tx, rec); err != nil {
			return err
		}
		rec.RedeemedAt, rec.Lease = tx.Now(), ""
		return l.s.move(tx, rec, StateFinish, journal.KindRecoverySession, nil)
	})
	if err == nil {
		l.s.poke()
	}
	return loginError(settle("redeeming a code", err))
}

// prepareAgain prepares the account once more for whoever has the code. While the browser was on its way, somebody who knows the account's name may have
// locked it again by wrong passwords, and who knows the lost one may have met what is demanded of the person: the identity provider would turn
// the login away, or demand nothing of it, and the code would be spent. It has been prepared before, so that this could not be done ends nothing.
func (s *Service) prepareAgain(ctx context.Context, signature string) {
	ctx, cancel := context.WithTimeout(ctx, againTime)
	defer cancel()
	var rec *record
	err := s.DB.View(ctx, func(r storage.Reader) (err error) {
		if rec, err = s.byCode(r, signature); err != nil {
			return err
		}
		return s.allowed(r, rec)
	})
	if err != nil {
		return // which the code's redemption says, too: of one that was vetoed nothing is demanded any more
	}
	if err := s.prepare(ctx, rec); err != nil {
		s.Logger.Warn("an account could not be prepared again as its session is made", "error", err)
	}
}

func (s *Service) byCode(r storage.Reader, signature string) (*record, error) {
	rec, err := s.table.By(r, byCode, []byte(signature))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, ErrSpent
	}
	if err != nil {
		return nil, err
	}
	if rec.State != StateSession || !rec.codeLives(r.Now()) {
		return nil, ErrSpent
	}
	return rec, nil
}

// loginError translates to the broker's vocabulary.
func loginError(err error) error {
	if errors.Is(err, ErrSpent) {
		return broker.ErrSpent
	}
	return err
}
