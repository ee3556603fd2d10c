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

// refuse journals why and says only that. Once a proof was valid, its owner is told too.
func (s *Service) refuse(ctx context.Context, at *attempt, why refusal) error {
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		e := journal.Entry{
			Kind: journal.KindRecoveryRefused, Upstream: s.Namespace, Txn: at.statement.Recovery, Reference: at.reference,
			Detail: map[string]string{"reason": why.text, "network": at.network.String()},
		}
		if at.authenticator != nil {
			e.AccountID, e.Authenticator = at.authenticator.AccountID, at.authenticator.ID
			if err := s.Outbox.Put(tx, s.refusedMessage(at)); err != nil {
				return err
			}
		}
		return s.Journal.Append(tx, e)
	})
	if err != nil {
		return unavailable("journalling a refusal", err)
	}
	observe.Refused(why.word)
	return ErrRefused
}
