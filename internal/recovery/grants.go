package recovery

import (
	"context"
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
		if r.ClientID != rec.ClientID || r.Thumbprint != rec.Holder.Value || r.AccessToken.Subject != rec.AccountID {
			return ErrSpent
		}
		rec.Access = &r.AccessToken
		if err := g.s.redeem(tx, rec, r.JTI, "token"); err != nil {
			return err
		}
		if err := g.s.useProof(tx, r.Proof); err != nil {
			return err
		}
		if r.Assertion == nil {
			return nil
		}
		return g.s.useAssertion(tx, *r.Assertion)
	})
	return grantError(settle("redeeming a token", err))
}

// redeem moves a granted recovery on, whoever consumes its token first; everybody else finds another state.
func (s *Service) redeem(tx storage.Tx, rec *record, jti, by string) error {
	if rec.State != StateGranted || !rec.mints(grant.TokenName{JTI: jti}) {
		return ErrSpent
	}
	if err := s.allowed(tx, rec); err != nil {
		return err
	}
	rec.Handoff = nil                        // a code made for the unconsumed token dies with it
	rec.LeaseUntil = tx.Now().Add(leaseLife) // the first steps are left to whoever redeemed, for as long as a lease lasts
	rec.Deadline = tx.Now().Add(completionLife)
	if err := s.supersede(tx, rec); err != nil {
		return err
	}
	if err := s.Accounts.Recovered(tx, rec.AccountID, rec.Authenticators); err != nil {
		return err
	}
	return s.move(tx, rec, StatePrepare, journal.KindRecoveryRedeemed, map[string]string{"by": by})
}

// foreign is the lease of a recovery that waits until the step of the one that it supersedes is surely over.
const foreign = "superseded recovery"

// supersede ends the account's other recoveries that are under way: a step of theirs, done late, would end the session of
// this one or take its way in, and one that waits for its session would take this one's for it. One that is in the middle
// of a step keeps its lease, and rec waits for that. The guard key makes two recoveries of one account see each other.
func (s *Service) supersede(tx storage.Tx, rec *record) error {
	guard := []byte(s.Namespace + "/recovering/" + rec.AccountID)
	if _, err := tx.Get(guard); err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if err := tx.Put(guard, []byte(rec.Txn), tx.Now().Add(retention)); err != nil {
		return err
	}
	var others []*record
	for other, err := range s.table.Each(tx, byAccount, []byte(rec.AccountID), 0) {
		if err != nil {
			return err
		}
		if other.Txn != rec.Txn {
			others = append(others, other)
		}
	}
	for _, other := range others {
		if other.leased(tx.Now()) {
			rec.Lease, rec.LeaseUntil = foreign, other.LeaseUntil
		}
		if err := s.stop(tx, other, "superseded by a newer recovery"); err != nil {
			return err
		}
	}
	return nil
}

// grantError translates to the token endpoint's vocabulary.
func grantError(err error) error {
	switch {
	case errors.Is(err, ErrSpent):
		return grant.ErrSpent
	case errors.Is(err, ErrReplay):
		return grant.ErrProofUsed
	}
	return err
}
