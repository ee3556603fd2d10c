package recovery

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

// storedPrefix begins the recovery_id of a recovery that is stored; a sealed one, which is base64url, never has it.
const storedPrefix = "r."

func isStored(recoveryID string) bool { return strings.HasPrefix(recoveryID, storedPrefix) }

// recognise finds what a recovery_id that req.Holder brings is about. Whatever is wrong with it is one answer. With ErrHolder the
// attempt is returned all the same, for the journal.
func (s *Service) recognise(ctx context.Context, req AttestRequest) (*attempt, error) {
	at := &attempt{network: req.Network, reference: newReference(), now: s.Clock()}
	at.claimant = attest.Claimant{Browser: req.Holder.Kind == HolderBrowser, Connection: req.Connection}
	var err error
	if isStored(req.RecoveryID) {
		err = s.reopen(ctx, at, req)
	} else {
		at.sealed, at.statement, err = s.open(req.RecoveryID, req.Holder)
	}
	return at, err
}

// reopen reads the record of a recovery that waits for another proof, and the proofs that it keeps. One whose recovery_id is burnt
// can only be renewed.
func (s *Service) reopen(ctx context.Context, at *attempt, req AttestRequest) error {
	err := s.DB.View(ctx, func(r storage.Reader) error {
		rec, err := s.ofID(r, req.RecoveryID)
		if err != nil {
			return err
		}
		if rec.State != StateProving || rec.Burnt && len(req.Evidence) > 0 || rec.late(r.Now()) {
			return ErrExpired
		}
		at.earlier, at.reference = rec, rec.Reference
		at.sealed = sealed{Statement: rec.Statement, ClientID: rec.ClientID, Holder: rec.Holder}
		if at.statement, err = attest.ParseStatement(rec.Statement); err != nil {
			return err
		}
		if rec.Holder != req.Holder {
			return ErrHolder
		}
		at.proofs, err = s.kept(r, rec)
		return err
	})
	return settle("reading a recovery", err)
}

// ofID finds a stored recovery by its recovery_id.
func (s *Service) ofID(r storage.Reader, id string) (*record, error) {
	rec, err := s.table.By(r, byID, s.idHash(id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, ErrExpired
	}
	return rec, err
}

func (s *Service) idHash(id string) []byte {
	return s.Ring.MAC(keys.Handle, []byte("recovery-id"), []byte(id))
}

// burn makes a recovery_id useless, whatever comes of the evidence: nobody tries twice with one statement.
func (s *Service) burn(ctx context.Context, at *attempt, proof string) error {
	key := []byte(s.Namespace + "/burnt/" + at.statement.Recovery)
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		if !tx.Now().Before(at.statement.Expires) {
			return ErrExpired // whatever a clock that was set back says
		}
		if at.earlier != nil {
			if err := s.burnStored(tx, at.earlier); err != nil {
				return err
			}
		} else if err := tx.Insert(key, []byte{1}, at.statement.Expires.Add(time.Minute)); err != nil {
			return err
		}
		return s.useProof(tx, proof)
	})
	if errors.Is(err, storage.ErrExists) {
		return ErrExpired
	}
	return settle("burning a recovery", err)
}

func (s *Service) burnStored(tx storage.Tx, seen *record) error {
	rec, err := s.waiting(tx, seen)
	if err != nil {
		return err
	}
	if rec.Burnt {
		return ErrExpired
	}
	rec.Burnt, rec.JudgedBy = true, tx.Now().Add(judgeTime)
	return s.table.Put(tx, rec)
}

// waiting reads the record again, as it was seen, and looks for what has come between.
func (s *Service) waiting(tx storage.Tx, seen *record) (*record, error) {
	rec, err := s.load(tx, seen.Txn)
	switch {
	case errors.Is(err, ErrSpent):
		return nil, ErrExpired
	case err != nil:
		return nil, err
	case rec.State != StateProving || string(rec.IDHash) != string(seen.IDHash):
		return nil, ErrExpired
	}
	if err := s.allowed(tx, rec); errors.Is(err, ErrSpent) {
		return nil, ErrExpired // the sweeper ends it
	} else if err != nil {
		return nil, err
	}
	return rec, nil
}
