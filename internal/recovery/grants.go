package recovery

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// Grants is the Service as the token endpoint sees it.
type Grants struct{ s *Service }

var _ grant.Recoveries = Grants{}

// Grants returns the Service's side of the token endpoint.
func (s *Service) Grants() Grants { return Grants{s} }

// Redeem consumes the recovery token of r.Txn and stores the access token, in one move.
func (g Grants) Redeem(ctx context.Context, r grant.Redemption) error {
	err := g.s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := g.s.load(tx, r.Txn)
		if err != nil {
			return err
		}
		if r.ClientID != rec.ClientID || r.Thumbprint != rec.Holder.Value {
			return ErrSpent
		}
		rec.Access = &r.AccessToken
		return g.s.redeem(tx, rec, r.JTI, "token")
	})
	return grantError(settle("redeeming a token", err))
}

// redeem moves a granted recovery on, whoever consumes its token first; everybody else finds another state.
func (s *Service) redeem(tx storage.Tx, rec *record, jti, by string) error {
	if rec.State != StateGranted || subtle.ConstantTimeCompare([]byte(jti), []byte(rec.JTI)) != 1 || !tx.Now().Before(rec.TokenExpires) {
		return ErrSpent
	}
	if err := s.allowed(tx, rec); err != nil {
		return err
	}
	rec.Handoff = nil // a code made for the unconsumed token dies with it
	rec.Deadline = tx.Now().Add(completionLife)
	if rec.LeaseUntil.IsZero() { // leave the first steps to whoever redeemed, for as long as a lease lasts
		rec.LeaseUntil = tx.Now().Add(leaseLife)
	}
	return s.move(tx, rec, StateCheck, journal.KindRecoveryRedeemed, map[string]string{"by": by})
}

// AccessToken finds the access token with this signature.
func (g Grants) AccessToken(ctx context.Context, signature string) (tok grant.AccessToken, err error) {
	err = g.s.DB.View(ctx, func(r storage.Reader) error {
		rec, err := g.s.table.By(r, byAccess, []byte(signature))
		if errors.Is(err, storage.ErrNotFound) {
			return ErrSpent
		}
		if err != nil {
			return err
		}
		if !r.Now().Before(rec.Access.ExpiresAt) {
			return ErrSpent
		}
		tok = *rec.Access
		return nil
	})
	return tok, grantError(settle("reading an access token", err))
}

// grantError translates to the token endpoint's vocabulary.
func grantError(err error) error {
	if errors.Is(err, ErrSpent) {
		return grant.ErrSpent
	}
	return err
}
