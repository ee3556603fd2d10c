package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// grant mints the token and commits it together with its journal entry and its notice. What was checked outside the
// transaction and can change is checked again inside.
func (s *Service) grant(ctx context.Context, at *attempt) (Attested, error) {
	fresh := s.newRecord(at)
	var rec *record
	var token string
	var shown []string
	err := s.DB.Update(ctx, func(tx storage.Tx) (err error) {
		if rec, err = s.current(tx, at, fresh); err != nil {
			return err
		}
		if err := s.accept(tx, at, rec, true); err != nil {
			return err
		}
		if shown, err = s.consume(tx, at, rec); err != nil {
			return err
		}
		rec.Tier, rec.Methods, rec.Proofs, rec.Deadline = at.decision.Tier(), at.methods(), nil, time.Time{}
		rec.GrantedAt, rec.TokenExpires, rec.JTI = tx.Now(), tx.Now().Add(tokenLife), newSecret()
		if rec.Holder.Kind == HolderBrowser {
			rec.Browser = rec.Holder.Value
		}
		if token, err = s.minter.Mint(s.tokenClaims(rec)); err != nil {
			return err
		}
		detail := at.detail()
		detail["tier"], detail["risk_analysis"] = at.decision.Tier(), at.decision.RiskAnalysis()
		if err := s.remember(tx, rec); err != nil {
			return err
		}
		return s.begin(tx, rec, StateGranted, journal.KindRecoveryGranted, detail)
	})
	if why, ok := refusedInside(err); ok {
		return Attested{}, s.refuse(ctx, at, why)
	}
	if err != nil {
		return Attested{}, settle("granting", err)
	}
	s.poke()
	return Attested{
		Outcome: OutcomeGranted, Reference: rec.Reference, Account: rec.Identifier, Actions: rec.Actions, Token: token, ExpiresIn: tokenLife, Replacements: shown, Probation: s.Probation,
	}, nil
}

// consume ends every one-time code that served this recovery and puts another in its place (SP 800-63B-4 section 4.2.1.1). It
// returns the new ones, to be shown once.
func (s *Service) consume(tx storage.Tx, at *attempt, rec *record) (shown []string, err error) {
	rec.CodesLeft = nil
	for _, p := range at.proofs {
		handle := p.result.Claims().Handle
		if !p.authenticator.OneTime(handle) {
			continue
		}
		replacement, text, err := s.replace(tx, p)
		if err != nil {
			return nil, err
		}
		after, err := s.Accounts.Consume(tx, p.authenticator.ID, handle, rec.Txn, replacement, tx.Now().Add(s.Probation))
		if err != nil {
			return nil, err
		}
		left := after.Left()
		rec.CodesLeft, shown = &left, append(shown, text...)
	}
	return shown, nil
}

// replace makes a one-time code, if the format of p makes any. One whose handle is somebody's already is made again: in a large store
// that happens, and nobody must lose a recovery by it.
func (s *Service) replace(r storage.Reader, p proof) (*attest.Handle, []string, error) {
	format, ok := s.Verifier.Format(p.result.Method()).(attest.Replacer)
	if !ok {
		return nil, nil, nil
	}
	for range 8 {
		h, text, err := format.Replace(attest.Enrolling{Issuer: s.Issuer, AccountID: p.authenticator.AccountID, Random: rand.Reader, Now: r.Now()})
		if err != nil {
			return nil, nil, err
		}
		if _, err := s.Accounts.ByHandle(r, h.Value); errors.Is(err, storage.ErrNotFound) {
			return &h, []string{text}, nil
		} else if err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errors.New("every new code is bound already")
}

// newRecord is what is kept of the attempt's recovery.
func (s *Service) newRecord(at *attempt) *record {
	rec := &record{
		Txn: at.statement.Recovery, Reference: at.reference, Actions: at.statement.Actions, Holder: at.Holder, ClientID: at.ClientID,
		Identifier: at.statement.Account.String(), AccountID: at.account(), Identifiers: at.state.Identifiers, Network: at.network.String(),
	}
	var names []string
	for _, p := range at.proofs {
		rec.Authenticators, names = append(rec.Authenticators, p.authenticator.ID), append(names, p.authenticator.Name())
		if sum := p.result.Claims().CertificateSHA256; sum != nil {
			rec.Certificate = encodeThumbprint(sum)
		}
	}
	rec.Device = strings.Join(slices.DeleteFunc(names, func(n string) bool { return n == "" }), ", ")
	return rec
}

func (at *attempt) methods() (list []attest.Method) {
	for _, p := range at.proofs {
		list = append(list, p.result.Method())
	}
	return list
}

// rehearsed ends a ceremony that would have been granted. Nothing is granted; that the authenticators work is noted, and told.
func (s *Service) rehearsed(ctx context.Context, at *attempt) (Attested, error) {
	fresh := s.newRecord(at)
	var rec *record
	err := s.DB.Update(ctx, func(tx storage.Tx) (err error) {
		if rec, err = s.current(tx, at, fresh); err != nil {
			return err
		}
		if err := s.accept(tx, at, rec, false); err != nil {
			return err
		}
		rec.Tier, rec.Methods, rec.Proofs = at.decision.Tier(), at.methods(), nil
		return s.begin(tx, rec, StateDone, journal.KindRecoveryRehearsed, at.detail())
	})
	if why, ok := refusedInside(err); ok {
		return Attested{}, s.refuse(ctx, at, why)
	}
	if err != nil {
		return Attested{}, settle("ending a rehearsal", err)
	}
	return Attested{Outcome: OutcomeRehearsed, Reference: rec.Reference, Account: rec.Identifier, Actions: rec.Actions}, nil
}
