package recovery

import (
	"context"
	"errors"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

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
