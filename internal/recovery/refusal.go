package recovery

import (
	"context"
	"errors"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
)

// refusal is why a recovery is refused; the zero value is none. word is of a closed list and is counted, text is for the
// journal.
type refusal struct{ word, text string }

// Refusals that neither attest nor policy knows of.
var (
	refusedHolder    = refusal{"holder", "holder"}
	refusedMixed     = refusal{"different-accounts", "proofs of different accounts"}
	refusedProbation = refusal{"probation", account.ErrProbation.Error()}
	refusedGone      = refusal{"account-gone", "account-gone"}
	refusedStore     = refusal{"action-impossible", "the account's store does not take what was asked for"}
	refusedTwice     = refusal{"one-authenticator-twice", "one authenticator twice"}
	refusedTaken     = refusal{string(attest.ReasonReplay), account.ErrTaken.Error()}
	refusedUnread    = refusal{string(attest.ReasonMalformed), "malformed: evidence that is no list of objects which name their methods"}
	refusedEarly     = refusal{"guess-before-proof", "something that can be guessed, before anything that cannot"}
	refusedMeanwhile = refusal{"revoked-meanwhile", "revoked meanwhile"}
)

func refusedEvidence(e *attest.Error) refusal {
	if e.Panic {
		observe.EvidencePanicked()
	}
	return refusal{string(e.Reason), string(e.Reason) + ": " + e.Detail}
}

// refusedUnusable is what [account.Authenticator.Usable] says against an authenticator.
func refusedUnusable(err error) refusal {
	switch {
	case errors.Is(err, account.ErrRevoked):
		return refusal{string(attest.ReasonRevoked), err.Error()}
	case errors.Is(err, account.ErrDisabled):
		return refusal{"disabled", err.Error()}
	case errors.Is(err, account.ErrAwaited):
		return refusal{"unconfirmed", err.Error()}
	case errors.Is(err, account.ErrExpired):
		return refusal{string(attest.ReasonExpired), err.Error()}
	default:
		return refusedProbation
	}
}

// refusedDecision counts as the first of the reasons against.
func refusedDecision(d policy.Decision) refusal {
	reasons := d.Reasons()
	return refusal{string(reasons[0]), strings.Join(words(reasons), " ")}
}

// refuse journals why and says only that. Once a proof was valid, or made by a copy of the authenticator, its owner is told too. A recovery that kept earlier proofs ends.
func (s *Service) refuse(ctx context.Context, at *attempt, why refusal) error {
	// Whoever hangs up has guessed all the same.
	err := s.DB.Update(context.WithoutCancel(ctx), func(tx storage.Tx) error {
		held := at.held()
		e := at.entry(s.Namespace, held, journal.KindRecoveryRefused, map[string]string{"reason": why.text})
		if len(held) > 0 {
			if err := s.Outbox.Put(tx, s.refusedMessage(at, held)); err != nil {
				return err
			}
		}
		if err := s.count(tx, at); err != nil {
			return err
		}
		if err := s.giveUp(tx, at, why); err != nil {
			return err
		}
		return s.Journal.Append(tx, e)
	})
	if err != nil {
		return unavailable("journalling a refusal", err)
	}
	observe.Refused(why.word)
	return ErrRefused
}

// entry is what the journal gets of an attempt by whoever has the authenticators held.
func (at *attempt) entry(namespace string, held []*account.Authenticator, kind journal.Kind, detail map[string]string) journal.Entry {
	detail["network"] = at.network.String()
	e := journal.Entry{Kind: kind, Upstream: namespace, Txn: at.statement.Recovery, Reference: at.reference, Detail: detail}
	if len(held) > 0 {
		e.AccountID, e.Authenticator = held[0].AccountID, strings.Join(ids(held), " ")
	}
	return e
}

func ids(list []*account.Authenticator) (ids []string) {
	for _, a := range list {
		ids = append(ids, a.ID)
	}
	return ids
}

// giveUp ends the record that earlier proofs are kept in, unless somebody else has moved it, or it is asked for by another than its
// holder.
func (s *Service) giveUp(tx storage.Tx, at *attempt, why refusal) error {
	if at.earlier == nil || why == refusedHolder {
		return nil
	}
	rec, err := s.load(tx, at.earlier.Txn)
	switch {
	case errors.Is(err, ErrSpent):
		return nil
	case err != nil:
		return err
	case rec.State != StateProving:
		return nil
	}
	rec.Ending = why.word
	return s.move(tx, rec, StateAbandoned, "", nil)
}

// count counts wrong guesses against the authenticators whose secret was guessed at, and against nobody else's.
func (s *Service) count(tx storage.Tx, at *attempt) error {
	for _, id := range at.missed {
		disabled, err := s.Accounts.Failed(tx, id)
		if err != nil {
			return err
		}
		if !disabled {
			continue
		}
		a, err := s.Accounts.Get(tx, id)
		if err != nil {
			return err
		}
		if err := s.Outbox.Put(tx, s.disabledMessage(a, at.reference)); err != nil {
			return err
		}
		err = s.Journal.Append(tx, journal.Entry{
			Kind: journal.KindAuthenticatorDisabled, Upstream: s.Namespace, Txn: at.statement.Recovery, Reference: at.reference,
			AccountID: a.AccountID, Authenticator: a.ID,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
