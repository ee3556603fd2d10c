// Package enrolment lets signed-in people see, bind and remove the authenticators that recover their account.
//
// Binding has two halves: [Service.Begin] says what the client needs, and [Service.Finish] verifies what it answers (an
// [attest.Enroller] does) and binds it. What lies between travels sealed with the client; nothing is stored before an
// authenticator is bound, and what failed leaves nothing behind. Every rule about who may change what is asked in the
// transaction that changes it:
//
//	the session is the person's own, fresh, and reaches the lower of the account's level and the authenticator's (SP 800-63B-4 section 4.1.2.1)
//	for seven days after a recovery, an older authenticator that took no part in it was proven in the session
//
// A new authenticator is on probation, unless its account was made to try a recovery out, and the owner is told of each change.
package enrolment

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
)

// Life is how long an enrolment may take from its beginning to its end.
const Life = 10 * time.Minute

// What a person can be told. [account.ErrQuarantine], [login.ErrNone], a *[login.Refusal] and an *[attest.Error] come through as they are;
// every other error means that it could not be told.
var (
	// ErrMethod: the method is not configured, or its authenticators are not bound here.
	ErrMethod = errors.New("this method is not bound here")
	// ErrOver: the enrolment was ended before, is too old, or is another session's.
	ErrOver = errors.New("the enrolment is over")
	// ErrBound: the authenticator is bound already, here or to another account, or was once.
	ErrBound = errors.New("the authenticator is bound already")
	// ErrFull: the account has as many authenticators as it may have.
	ErrFull = errors.New("the account has too many authenticators")
	// ErrTooOften: too many were bound in the last [account.OwnPeriod].
	ErrTooOften = errors.New("too many authenticators were bound lately")
	// ErrLabel: the name is too long, or has characters that do not print.
	ErrLabel = errors.New("not a usable name")
	// ErrUnknown: the account has no such authenticator that still counts.
	ErrUnknown = errors.New("no such authenticator")
	// ErrNameless: the identity provider tells no name by which the account could be recovered.
	ErrNameless = errors.New("the account has no name")
)

// Config is what a Service stands on. All members but Devices and Waived are required.
type Config struct {
	Namespace string // of the upstream, in store and journal
	Issuer    string
	DB        storage.DB
	Ring      *keys.Ring
	Accounts  *account.Store
	Logins    *login.Service
	Verifier  *attest.Verifier
	Policy    *policy.Policy // of the same methods as Verifier
	Journal   *journal.Journal
	Outbox    *notify.Outbox
	Devices   *authority.Authority // nil: people add no devices
	Probation func(attest.Method) time.Duration
	// Waived tells whether what is bound to an account counts at once: it was made to try a recovery out. Nil: no account is one.
	Waived func(r storage.Reader, accountID string) (bool, error)
	Clock  func() time.Time
	// Compute runs the checking of what was sent once its turn comes; it gives an error, and does not run it, when ctx ended before.
	Compute func(ctx context.Context, work func()) error
}

// Service binds and removes authenticators. Safe for concurrent use.
type Service struct {
	Config
	box *keys.Box
}

// New makes a Service.
func New(c Config) *Service { return &Service{Config: c, box: c.Ring.Box(keys.Enrolment)} }

// Visitor is whoever asks: a signed-in person, in one browser, at one place.
type Visitor struct {
	Session login.Session
	Secret  string       // of the session, which is read again in each transaction
	Holder  string       // of this browser's recoveries, see [attest.HolderOfSecret]; "": it has begun none
	Network netip.Prefix // for the record
}

// Methods lists what can be bound here.
func (s *Service) Methods() (list []attest.Method) {
	for _, m := range s.Verifier.Methods() {
		if _, err := s.enroller(m); err == nil {
			list = append(list, m)
		}
	}
	return list
}

func (s *Service) enroller(m attest.Method) (attest.Enroller, error) {
	e, ok := s.Verifier.Format(m).(attest.Enroller)
	if !ok {
		return nil, ErrMethod
	}
	return e, nil
}

// enrolling is what a format is told of an enrolment.
func (s *Service) enrolling(r storage.Reader, v Visitor, m attest.Method, challenge [32]byte) (attest.Enrolling, error) {
	id := v.Session.AccountID()
	e := attest.Enrolling{
		Issuer: s.Issuer, AccountID: id, Name: v.Session.Name(), Challenge: challenge, Random: rand.Reader, Now: r.Now(),
		UserHandle: s.Ring.MAC(keys.Handle, []byte("user-handle"), []byte(id)),
	}
	if Replaces(m) { // what ends with this enrolment is not in its way
		return e, nil
	}
	bound, err := s.Accounts.Living(r, id)
	for _, a := range bound {
		if a.Method != m {
			continue
		}
		for _, h := range a.Handles {
			e.Bound = append(e.Bound, h.Value)
		}
	}
	return e, err
}

// may tells whether v may bind an authenticator of m now.
func (s *Service) may(tx storage.Tx, v Visitor, m attest.Method) error {
	session, err := s.Logins.Find(tx, v.Secret)
	if err != nil {
		return err
	}
	if session.AccountID() != v.Session.AccountID() {
		return login.ErrNone
	}
	best, err := s.best(tx, session)
	if err != nil {
		return err
	}
	if err := login.MayBind(session, best, m.Class(), s.Clock()); err != nil {
		return err
	}
	return s.Accounts.MayChange(tx, session.AccountID(), session.AuthenticatedAt(), v.Holder)
}

// probation is how long a new authenticator of m waits that is bound to an account.
func (s *Service) probation(r storage.Reader, accountID string, m attest.Method) (time.Duration, error) {
	if s.Waived == nil {
		return s.Probation(m), nil
	}
	waived, err := s.Waived(r, accountID)
	if err != nil || !waived {
		return s.Probation(m), err
	}
	return 0, nil
}

// settle gives the error of a transaction its meaning for the caller.
func settle(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrExists):
		return ErrBound
	case errors.Is(err, account.ErrTooMany):
		return ErrFull
	case errors.Is(err, account.ErrTooOften):
		return ErrTooOften
	case errors.Is(err, account.ErrNotAwaited):
		return ErrOver
	}
	for _, known := range []error{ErrMethod, ErrOver, ErrBound, ErrLabel, ErrUnknown, ErrNameless, account.ErrQuarantine, login.ErrNone} {
		if errors.Is(err, known) {
			return known
		}
	}
	if refused, ok := errors.AsType[*login.Refusal](err); ok {
		return refused
	}
	refused, ok := errors.AsType[*attest.Error](err)
	switch {
	case ok && refused.Reason == attest.ReasonRevocationUnknown: // that one tells nothing
		return fmt.Errorf("%s: %s", doing, refused.Detail)
	case ok:
		return refused
	}
	return fmt.Errorf("%s: %w", doing, err)
}
