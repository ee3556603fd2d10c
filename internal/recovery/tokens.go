package recovery

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

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

// Standing tells whether a token could be used now.
func (g Grants) Standing(ctx context.Context, t grant.TokenName) error {
	err := g.s.DB.View(ctx, func(r storage.Reader) error {
		rec, err := g.s.load(r, t.Txn)
		if err != nil {
			return err
		}
		return g.s.stands(r, rec, t)
	})
	return grantError(settle("looking at a token", err))
}

// stands is nil if t can be used now. A recovery token can until its recovery is redeemed; an access token until a browser
// has come, or as long as it lives where the work is done and no browser was needed.
func (s *Service) stands(r storage.Reader, rec *record, t grant.TokenName) error {
	if t.JTI != "" {
		if rec.State != StateGranted || !rec.mints(t) {
			return ErrSpent
		}
		return s.allowed(r, rec)
	}
	switch {
	case !rec.opens(grant.AccessToken{Signature: t.Signature}, r.Now()):
		return ErrSpent
	case rec.State == StateDone && !rec.signsIn():
		return nil
	case !rec.completing() || rec.Browser != "":
		return ErrSpent
	}
	return s.allowed(r, rec)
}

// mints reports whether t is the recovery token of r.
func (r *record) mints(t grant.TokenName) bool {
	return t.JTI != "" && subtle.ConstantTimeCompare([]byte(t.JTI), []byte(r.JTI)) == 1
}

const whyClient = "revoked by the client"

// Revoke ends the recovery that a token is of. The move tells the journal and the owner, and the sweeper takes back what
// was opened. Where the work is done already, only the access token is made useless.
func (g Grants) Revoke(ctx context.Context, r grant.Revocation) error {
	err := g.s.DB.Update(ctx, func(tx storage.Tx) error {
		rec, err := g.s.load(tx, r.Token.Txn)
		if err != nil {
			return err
		}
		if rec.ClientID != r.ClientID || !rec.mints(r.Token) && !rec.opens(grant.AccessToken{Signature: r.Token.Signature}, tx.Now()) {
			return ErrSpent
		}
		if err := g.s.useProof(tx, r.Proof); err != nil {
			return err
		}
		switch {
		case rec.State == StateGranted, rec.completing():
			return g.s.stop(tx, rec, whyClient)
		case rec.State == StateDone && rec.Access != nil:
			rec.Access = nil
			if err := g.s.table.Put(tx, rec); err != nil {
				return err
			}
			return g.s.journal(tx, rec, journal.KindTokenRevoked, nil)
		}
		return ErrSpent
	})
	if err == nil {
		g.s.poke()
	}
	return grantError(settle("revoking a token", err))
}

// UseAssertion remembers a client assertion.
func (g Grants) UseAssertion(ctx context.Context, a grant.UsedAssertion) error {
	err := g.s.DB.Update(ctx, func(tx storage.Tx) error { return g.s.useAssertion(tx, a) })
	return grantError(settle("using a client assertion", err))
}

func (s *Service) useAssertion(tx storage.Tx, a grant.UsedAssertion) error {
	err := tx.Insert([]byte(s.Namespace+"/client-assertion/"+a.ID), []byte{1}, a.Expires)
	if errors.Is(err, storage.ErrExists) {
		return grant.ErrAssertionUsed
	}
	return err
}
