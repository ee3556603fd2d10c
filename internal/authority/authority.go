// Package authority certifies the keys of devices and binds them to accounts.
//
// An administrator makes an activation code for an account ([Authority.NewCode]); the device brings it with a
// certificate request ([Authority.Enroll]). One transaction then consumes the code, binds the key as an
// authenticator, journals it and tells the owner. The certificate says nothing about the person: the device's random
// id, and whom it belongs to is only in the account's record.
//
// Owners make codes of their own in a session ([Authority.OwnCode]). What then enrols counts for nothing until the same session
// has confirmed its key ([Authority.Confirm]): somebody else may have seen the code. A device that has a certificate of the operator's own CA is
// bound with that one ([Authority.EnrollCertificate]), and what the maker of a device says about its key is kept with
// it ([Authority.EnrollAttested]).
//
// Certificates come from an issuing CA of the gateway's own under the operator's [Root]. The issuing CAs, and never
// the root, are the trust anchors of device certificates, so that nothing else the root signs can pass for a device.
// An issuing CA is replaced while certificates of full length still fit into its life, and stays an anchor until the
// last has expired.
package authority

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// Lifetimes of device certificates.
const (
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 90 * 24 * time.Hour
	MinLifetime     = time.Hour
)

// Definite refusals. Any other error means that it could not be told or done, except the definite ones of upstream.
var (
	// ErrCode is the one answer to an activation code that is unknown, wrong, spent, or expired.
	ErrCode = errors.New("activation code is not valid")
	// ErrCSR says what is wrong with a certificate request.
	ErrCSR = errors.New("certificate request not accepted")
	// ErrCertificate is the one answer to a certificate of the operator's own CA that does not do.
	ErrCertificate = errors.New("certificate not accepted")
	// ErrRequest says which part of a request cannot be.
	ErrRequest = errors.New("request not accepted")
	// ErrDisabled means that the identity provider has switched the account off.
	ErrDisabled = errors.New("account is disabled")
	// ErrKeyBound means that the key is an authenticator already, or was one: every enrolment takes a fresh key.
	ErrKeyBound = errors.New("this key is or was bound already; make a new one")
)

// Root is the operator's CA. Only issuing CAs are signed with it.
type Root struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Config is what an [Authority] stands on.
type Config struct {
	Namespace string
	DB        storage.DB
	Accounts  *account.Store
	Journal   *journal.Journal
	Outbox    *notify.Outbox
	Ring      *keys.Ring
	Root      Root
	Lifetime  time.Duration // of a device certificate; default [DefaultLifetime], at most [MaxLifetime]
	Probation time.Duration // from binding until an authenticator can be used; 0: none
	// Waived tells whether what is bound to an account can be used at once: it was made to try a recovery out. Nil: no account is one.
	Waived   func(r storage.Reader, accountID string) (bool, error)
	Upstream string // name of the identity provider in the configuration
	Issuer   string // {issuer} of the protocol
	Adapter  upstream.Adapter
	// Compute runs the checking of signatures once its turn comes, so that floods take no more of the processors than they
	// may; it gives an error, and does not run it, when ctx ended before.
	Compute func(ctx context.Context, work func()) error
	// Operator is the operator's own device CA, whose certificates are bound as they are. Nil: there is none.
	Operator *devicecert.OperatorCA
	// Attestors judge what the makers of devices say about the keys in them, by the name of the format. None: no such evidence is accepted.
	Attestors map[string]attest.Attestor
	Logger    *slog.Logger // of [Authority.Run]
}

// Authority is the device CA of one upstream. It is safe for concurrent use.
type Authority struct {
	Config
	issuings *storage.Table[issuingRecord]
	codes    *storage.Table[codeRecord]
	guesses  *throttle.Guesses
	box      *keys.Box
	awaited  *storage.Timers // ids of authenticators, by when they have to be confirmed

	known atomic.Pointer[[]*x509.Certificate] // anchors as last read
}

// Open checks c and makes the issuing CA if there is none that will do. Of several nodes that open at once, one makes
// it.
func Open(ctx context.Context, c Config) (*Authority, error) {
	if c.Lifetime == 0 {
		c.Lifetime = DefaultLifetime
	}
	if c.Lifetime < MinLifetime || c.Lifetime > MaxLifetime {
		return nil, fmt.Errorf("opening the device CA: certificate lifetime %v is not between %v and %v",
			c.Lifetime, MinLifetime, MaxLifetime)
	}
	if c.Probation < 0 {
		return nil, fmt.Errorf("opening the device CA: probation %v is negative", c.Probation)
	}
	if err := c.Root.check(); err != nil {
		return nil, fmt.Errorf("opening the device CA: %w", err)
	}
	a := &Authority{
		Config:   c,
		issuings: newIssuings(c.Namespace, c.Ring.Sealer(keys.DeviceCA)),
		codes:    newCodes(c.Namespace, c.Ring.Sealer(keys.Record)),
		guesses:  throttle.NewGuesses(c.Namespace, codeLimits),
		box:      c.Ring.Box(keys.DeviceCA),
		awaited:  storage.NewTimers(c.Namespace + "/awaited-device"),
	}
	if _, err := a.issuing(ctx); err != nil {
		return nil, fmt.Errorf("opening the device CA: %w", err)
	}
	if _, err := a.readAnchors(ctx); err != nil {
		return nil, fmt.Errorf("opening the device CA: %w", err)
	}
	return a, nil
}

// Revoke ends an authenticator at once, journals it and tells the owner. Revoking it again does nothing. The error is
// [storage.ErrNotFound] if there is none.
func (a *Authority) Revoke(ctx context.Context, authenticatorID, as, reason string) error {
	if err := checkName("name of who asks", as, 1); err != nil {
		return err
	}
	if err := checkReason(reason); err != nil {
		return err
	}
	return a.DB.Update(ctx, func(tx storage.Tx) error {
		before, err := a.Accounts.Get(tx, authenticatorID)
		if err != nil || !before.RevokedAt.IsZero() {
			return err
		}
		revoked, err := a.Accounts.Revoke(tx, authenticatorID, as, reason)
		if err != nil {
			return err
		}
		return a.record(tx, event{
			kind: journal.KindAuthenticatorRevoked, as: as, accountID: revoked.AccountID, identifiers: revoked.Identifiers,
			authenticator: revoked, detail: map[string]string{"reason": reason},
		})
	})
}
