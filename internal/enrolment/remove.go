package enrolment

import (
	"context"
	"errors"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/storage"
)

// Remove ends an authenticator of the visitor's own account for good, under the rules of binding one. Like every end of an
// authenticator it raises the account's epoch: recoveries that are under way stop, and the session is over.
func (s *Service) Remove(ctx context.Context, v Visitor, id string) error {
	return s.end(ctx, v, id, event{kind: journal.KindAuthenticatorRemoved, visitor: v}, "removed by the owner", func(tx storage.Tx, a *account.Authenticator) error {
		return s.may(tx, v, a.Method)
	})
}

// ReportLost ends an authenticator at once because it was lost. A session of whatever strength is enough (SP 800-63B-4 section
// 4.3), and since it is over then, one sign-in reports one authenticator. After a recovery see [account.Store.MayLose].
func (s *Service) ReportLost(ctx context.Context, v Visitor, id string) error {
	return s.end(ctx, v, id, event{kind: journal.KindAuthenticatorLost, visitor: v}, "reported lost", func(tx storage.Tx, a *account.Authenticator) error {
		session, err := s.Logins.Find(tx, v.Secret)
		if err != nil {
			return err
		}
		if session.AccountID() != a.AccountID {
			return login.ErrNone
		}
		return s.Accounts.MayLose(tx, a, session.AuthenticatedAt(), v.Holder)
	})
}

func (s *Service) end(ctx context.Context, v Visitor, id string, e event, reason string, may func(storage.Tx, *account.Authenticator) error) error {
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		a, err := s.Accounts.Get(tx, id)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return ErrUnknown
		case err != nil:
			return err
		case a.AccountID != v.Session.AccountID() || !a.RevokedAt.IsZero():
			return ErrUnknown
		}
		if err := may(tx, a); err != nil {
			return err
		}
		if e.authenticator, err = s.Accounts.Revoke(tx, id, "owner", reason); err != nil {
			return err
		}
		return s.record(tx, e)
	})
	return settle("ending an authenticator", err)
}
