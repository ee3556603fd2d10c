package recovery

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// Lifetimes. Each is a bound of the protocol, not a preference.
const (
	statementLife  = 15 * time.Minute    // recovery_id and statement
	provingLife    = 60 * time.Minute    // from the first proof to the last, however often the statement is renewed
	tokenLife      = 120 * time.Second   // recovery token (RFC 7521 §8.2: short)
	handoffLife    = 60 * time.Second    // one-time code between program and browser
	completionLife = 15 * time.Minute    // from redeeming to the session
	finishLife     = 30 * time.Minute    // for the person to fill in the identity provider's own forms
	leaseLife      = 30 * time.Second    // longer than a step may take
	leaseKept      = 2 * time.Second     // it is not renewed for so long: a step and its taking back fit into what is left
	judgeTime      = 30 * time.Second    // the judging of evidence, with its wait for a processor and its call to the identity provider
	stepTime       = 20 * time.Second    // one step, all its upstream calls together
	retention      = 30 * 24 * time.Hour // an ended record is readable for so long
)

// scope is what a recovery token is good for.
const scope = "recovery:complete"

// Minter makes and reads recovery tokens; *grant.Server does.
type Minter interface {
	Mint(grant.Recovery) (string, error)
	Verify(token string) (grant.Recovery, error)
}

// Config is what a Service stands on. All fields are required.
type Config struct {
	Namespace string // storage prefix of this upstream
	Issuer    string // {issuer}, as written in every statement
	DB        storage.DB
	Adapter   upstream.Adapter
	Verifier  *attest.Verifier
	Accounts  *account.Store
	Policy    *policy.Policy
	Journal   *journal.Journal
	Outbox    *notify.Outbox
	Ring      *keys.Ring
	Clock     func() time.Time
	Probation time.Duration // of a code that replaces a used one
	// Compute runs the checking of evidence once its turn comes, so that floods take no more of the processors than they
	// may; it gives an error, and does not run it, when ctx ended before.
	Compute func(ctx context.Context, work func()) error
	Logger  *slog.Logger
}

// Service runs the recoveries of one upstream. Safe for concurrent use.
type Service struct {
	Config
	minter Minter
	assert func(subject string) (string, error) // nil: none can be made
	table  *storage.Table[record]
	timers *storage.Timers
	box    *keys.Box
	wake   chan struct{}
}

// New makes a Service. Use [Service.SetMinter] before the first attest: the token server needs the Service's own
// [Service.Grants] to be made, so one of the two has to come second.
func New(c Config) *Service {
	s := &Service{
		Config: c,
		table:  storage.NewTable(tableConfig(c.Namespace, c.Ring.Sealer(keys.Record))),
		timers: storage.NewTimers(c.Namespace + "/recovery-due"),
		box:    c.Ring.Box(keys.RecoveryID),
		wake:   make(chan struct{}, 1),
	}
	s.crashing()
	return s
}

// SetMinter gives the Service the maker of its tokens.
func (s *Service) SetMinter(m Minter) { s.minter = m }

// SetAsserter gives the Service the maker of assertions for an identity provider whose facts name an audience
// ([broker.Server.Assertion]): the broker needs the Service's own [Service.Logins].
func (s *Service) SetAsserter(assert func(subject string) (string, error)) { s.assert = assert }

// unavailable marks err as "could not tell", unless it already says so.
func unavailable(doing string, err error) error {
	return fmt.Errorf("%s: %w: %v", doing, ErrUnavailable, err)
}

// settle gives the error of a transaction its meaning for the caller: what fn decided stays, everything else could not
// be told.
func settle(doing string, err error) error {
	for _, known := range []error{ErrRefused, ErrExpired, ErrStale, ErrSpent, ErrHolder, ErrReplay, ErrBusy, ErrUnavailable, grant.ErrAssertionUsed} {
		if errors.Is(err, known) {
			return known
		}
	}
	if err != nil {
		return unavailable(doing, err)
	}
	return nil
}

// load reads the record of txn; an unknown one is spent, as is one whose end is past.
func (s *Service) load(r storage.Reader, txn string) (*record, error) {
	rec, err := s.table.Get(r, []byte(txn))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, ErrSpent
	}
	return rec, err
}

// called is [Service.load] of txn, for take.
func (s *Service) called(txn string) func(storage.Reader) (*record, error) {
	return func(r storage.Reader) (*record, error) { return s.load(r, txn) }
}

func (s *Service) view(ctx context.Context, txn string) (rec *record, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		rec, err = s.load(r, txn)
		return err
	})
	return rec, settle("reading a recovery", err)
}

// Why a recovery may not go on.
const (
	whyVetoed  = "vetoed"
	whyRevoked = "authenticator revoked"
	whyLate    = "not used in time"
)

// obstacle says why rec may not go on, or "". It is asked inside every transaction that moves a recovery or prepares to,
// because all of this can change between two moves: a veto or a reported loss raises the account's epoch, the
// authenticator may be revoked, time runs out.
func (s *Service) obstacle(r storage.Reader, rec *record) (why string, err error) {
	epoch, err := s.Accounts.Epoch(r, rec.AccountID)
	if err != nil {
		return "", err
	}
	for _, id := range rec.Authenticators {
		a, err := s.Accounts.Get(r, id)
		switch {
		case errors.Is(err, storage.ErrNotFound):
			return whyRevoked, nil
		case err != nil:
			return "", err
		case !a.RevokedAt.IsZero(): // that it expires after the grant stops nothing
			return whyRevoked, nil
		}
	}
	switch {
	case epoch != rec.Epoch:
		return whyVetoed, nil
	case rec.late(r.Now()):
		return whyLate, nil
	}
	return "", nil
}

// allowed is obstacle for those who only need to know whether.
func (s *Service) allowed(r storage.Reader, rec *record) error {
	why, err := s.obstacle(r, rec)
	if err == nil && why != "" {
		return ErrSpent
	}
	return err
}

// newSecret is 256 random bits, base64url.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// referenceAlphabet leaves out what is misheard or misread on the telephone.
const referenceAlphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

// newReference is 8 random characters; it names a recovery to people and opens nothing.
func newReference() string {
	out := make([]byte, 0, 8)
	var b [1]byte
	for len(out) < cap(out) {
		_, _ = rand.Read(b[:])
		if n := int(b[0]); n < len(referenceAlphabet)*(256/len(referenceAlphabet)) { // no modulo bias
			out = append(out, referenceAlphabet[n%len(referenceAlphabet)])
		}
	}
	return string(out)
}
