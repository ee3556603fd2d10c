package recovery

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

// more keeps what was proved so far, and asks for another proof over a fresh statement. From here on the recovery is stored, and its
// recovery_id is a random handle.
func (s *Service) more(ctx context.Context, at *attempt) (Attested, error) {
	named, err := s.named(ctx, at.statement.Account)
	if err != nil {
		return Attested{}, err
	}
	fresh, id := s.newRecord(at), storedPrefix+newSecret()
	var rec *record
	var st attest.Statement
	err = s.DB.Update(ctx, func(tx storage.Tx) (err error) {
		if rec, err = s.current(tx, at, fresh); err != nil {
			return err
		}
		rec.Wanted = at.decision.Wanted()
		if err := s.accept(tx, at, rec, true); err != nil {
			return err
		}
		st = s.restate(rec, id, at.statement, tx.Now())
		if rec.State == StateProving {
			return s.keep(tx, rec)
		}
		return s.begin(tx, rec, StateProving, journal.KindRecoveryProving, at.detail())
	})
	if why, ok := refusedInside(err); ok {
		return Attested{}, s.refuse(ctx, at, why)
	}
	if err != nil {
		return Attested{}, settle("keeping a proof", err)
	}
	s.poke()
	return s.asking(rec, id, st, named), nil
}

// renew makes a fresh statement and recovery_id for a recovery that waits for another proof. Nothing is burnt and nothing proved anew.
// It helps also when evidence was burnt and could not be judged, because the identity provider was away or, after [judgeTime], because
// the process died. As long as evidence is being judged the error is [ErrBusy]: else one first proof would pay for many guesses.
func (s *Service) renew(ctx context.Context, at *attempt, dpop string) (Attested, error) {
	named, err := s.named(ctx, at.statement.Account)
	if err != nil {
		return Attested{}, err
	}
	id := storedPrefix + newSecret()
	var st attest.Statement
	var rec *record
	err = s.DB.Update(ctx, func(tx storage.Tx) (err error) {
		if rec, err = s.waiting(tx, at.earlier); err != nil {
			return err
		}
		if rec.Burnt && tx.Now().Before(rec.JudgedBy) {
			return ErrBusy
		}
		st = s.restate(rec, id, at.statement, tx.Now())
		if err := s.useProof(tx, dpop); err != nil {
			return err
		}
		return s.keep(tx, rec)
	})
	if err != nil {
		return Attested{}, settle("renewing a statement", err)
	}
	return s.asking(rec, id, st, named), nil
}

// unjudged journals that a valid proof could not be judged, and lets its holder renew at once a recovery that waits for more. If that cannot
// be written either, he has to wait. Without a valid proof nothing is journalled: anybody could fill the disk while the identity provider is
// away.
func (s *Service) unjudged(ctx context.Context, at *attempt) {
	held := at.held()
	if at.earlier == nil && len(held) == 0 {
		return
	}
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx storage.Tx) error {
		if len(held) > 0 {
			if err := s.Journal.Append(tx, at.entry(s.Namespace, held, journal.KindRecoveryDelayed, map[string]string{"step": "grant"})); err != nil {
				return err
			}
		}
		return s.renewable(tx, at)
	})
	if err != nil {
		s.Logger.Warn("that a recovery could not be judged was not written; it can be renewed only later", "error", err)
	}
}

// renewable has nobody wait for a judgement that does not come.
func (s *Service) renewable(tx storage.Tx, at *attempt) error {
	if at.earlier == nil {
		return nil
	}
	rec, err := s.waiting(tx, at.earlier)
	if errors.Is(err, ErrExpired) { // renewed meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	rec.JudgedBy = time.Time{}
	return s.table.Put(tx, rec)
}

func (s *Service) asking(rec *record, id string, st attest.Statement, named map[attest.Method][][]byte) Attested {
	return Attested{
		Outcome: OutcomeMore, Reference: rec.Reference, Account: rec.Identifier, Actions: rec.Actions,
		RecoveryID: id, Statement: st, ExpiresIn: st.Expires.Sub(st.Requested), Methods: s.offers(st, rec.Wanted, named),
	}
}

// restate gives rec a new statement, which differs in nonce and times alone, and a new recovery_id. The deadline is moved as long
// as the whole takes no longer than provingLife.
func (s *Service) restate(rec *record, id string, old attest.Statement, now time.Time) attest.Statement {
	st := old
	st.Requested = now.UTC().Truncate(time.Second)
	st.Expires = st.Requested.Add(statementLife)
	_, _ = rand.Read(st.Nonce[:]) // never fails (crypto/rand)
	if last := rec.ProvedAt.Add(provingLife); st.Expires.After(last) {
		st.Expires = last.UTC().Truncate(time.Second)
	}
	rec.Statement, rec.IDHash, rec.Burnt, rec.Deadline = st.Text(), s.idHash(id), false, st.Expires
	return st
}

// current is the record that the attempt goes on with: fresh, or the kept one as it is now.
func (s *Service) current(tx storage.Tx, at *attempt, fresh *record) (*record, error) {
	if at.earlier == nil {
		rec := *fresh // fn may run several times
		rec.Epoch, rec.ProvedAt = at.epoch, tx.Now()
		return &rec, nil
	}
	rec, err := s.load(tx, at.earlier.Txn)
	if err != nil {
		return nil, err
	}
	switch {
	case rec.State != StateProving:
		return nil, ErrSpent // somebody else has ended it
	case !rec.Burnt || string(rec.IDHash) != string(at.earlier.IDHash):
		return nil, ErrExpired // it took too long, and its holder has renewed it meanwhile
	}
	rec.Identifiers, rec.Authenticators, rec.Device, rec.Certificate = fresh.Identifiers, fresh.Authenticators, fresh.Device, fresh.Certificate
	return rec, nil
}

// accept notes in the accounts what was proved in this attempt, and keeps it in the record. counts is false for a rehearsal.
func (s *Service) accept(tx storage.Tx, at *attempt, rec *record, counts bool) error {
	if err := s.allowed(tx, rec); err != nil {
		return err
	}
	for _, id := range rec.Authenticators { // judged before, outside; what was kept for long may have expired, too
		a, err := s.Accounts.Get(tx, id)
		if err != nil {
			return err
		}
		if err := at.check(a, tx.Now()); err != nil {
			return err
		}
	}
	for _, p := range at.proofs[len(rec.Proofs):] {
		claims := p.result.Claims()
		if err := s.Accounts.Reserve(tx, p.authenticator.ID, claims.Handle, rec.Txn, func(txn string) (bool, error) { return s.proving(tx, txn) }); err != nil {
			return err
		}
		if err := s.Accounts.Proven(tx, p.authenticator.ID, claims, counts && !at.rehearses(), rec.Holder.Value); err != nil {
			return err
		}
		data, err := p.result.Keep(s.keepMAC)
		if err != nil {
			return err
		}
		rec.Proofs = append(rec.Proofs, data)
	}
	return nil
}

func (s *Service) keepMAC(parts ...[]byte) []byte { return s.Ring.MAC(keys.Results, parts...) }

// proving tells whether the recovery txn may still use what is reserved for it.
func (s *Service) proving(r storage.Reader, txn string) (bool, error) {
	rec, err := s.load(r, txn)
	if errors.Is(err, ErrSpent) {
		return false, nil
	}
	return err == nil && rec.State == StateProving && !rec.late(r.Now()), err
}

// kept reads the proofs of a record.
func (s *Service) kept(r storage.Reader, rec *record) (proofs []proof, err error) {
	for _, data := range rec.Proofs {
		result, err := attest.Kept(data, rec.Txn, s.keepMAC)
		if err != nil {
			return nil, err
		}
		a, err := s.Accounts.Get(r, result.Authenticator())
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, proof{result, a})
	}
	return proofs, nil
}

// refusedInside is what speaks against a proof once it is written: what was free when it was judged is no longer.
func refusedInside(err error) (refusal, bool) {
	switch {
	case errors.Is(err, ErrSpent):
		return refusedMeanwhile, true
	case errors.Is(err, account.ErrTaken):
		return refusedTaken, true
	case errors.Is(err, account.ErrProbation), errors.Is(err, account.ErrDisabled), errors.Is(err, account.ErrExpired):
		return refusedUnusable(err), true
	default:
		return refusal{}, false
	}
}

// detail is what the journal keeps of the proofs.
func (at *attempt) detail() map[string]string {
	var methods, signals []string
	for _, p := range at.proofs {
		methods = append(methods, string(p.result.Method()))
		signals = append(signals, words(p.result.Claims().Signals)...)
	}
	d := map[string]string{
		"methods": strings.Join(methods, " "), "client_id": at.ClientID, "network": at.network.String(),
		"actions": strings.Join(words(at.statement.Actions), " "),
	}
	if len(signals) > 0 {
		d["signals"] = strings.Join(signals, " ")
	}
	return d
}
