// Package account keeps the authenticators bound to accounts, and is the only truth about their revocation.
//
// An [Authenticator] is found by one of its handles (for a device certificate, the hash of its public key) and leads to one
// account at the identity provider. Records are never deleted: SP 800-63B-4 section 4.1 wants the history of every
// authenticator ever bound, and a key that was revoked must not come back as a new one. Each record carries a MAC, so
// that whoever can write the database cannot add an authenticator.
//
// Every account has a guard record that holds its epoch. What is decided on the account's set of authenticators reads
// the guard in its own transaction; [Store.Bind] and [Store.Revoke] write it, and so such decisions and changes of
// the set never pass each other unseen. Raising the epoch cancels every recovery of the account that began before.
package account

import (
	"errors"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
)

// Why an authenticator cannot be used.
var (
	ErrRevoked   = errors.New("authenticator is revoked")
	ErrExpired   = errors.New("authenticator has expired")
	ErrProbation = errors.New("authenticator is on probation")
	ErrDisabled  = errors.New("authenticator is disabled after too many wrong guesses")
	ErrAwaited   = errors.New("authenticator waits for its owner's confirmation")
)

// Authenticator is one authenticator bound to an account. Times are zero for what has not happened.
type Authenticator struct {
	ID        string `json:"id"`         // set by [Store.Bind]
	Upstream  string `json:"upstream"`   // the identity provider's name in the configuration
	AccountID string `json:"account_id"` // stable id there
	// Identifiers are the account's own at binding. Where the identity provider cannot be asked, they stay the
	// only truth about them.
	Identifiers       []string      `json:"identifiers"`
	Method            attest.Method `json:"method"`
	Handles           []Handle      `json:"handles"`
	Label             string        `json:"label,omitempty"`
	DeviceID          string        `json:"device_id,omitempty"`
	Serial            string        `json:"serial,omitempty"`
	CertificateSHA256 []byte        `json:"certificate_sha256,omitempty"`
	NotAfter          time.Time     `json:"not_after,omitzero"` // zero: it does not expire
	BoundAt           time.Time     `json:"bound_at"`           // set by [Store.Bind]
	EffectiveAt       time.Time     `json:"effective_at"`       // end of the probation
	RevokedAt         time.Time     `json:"revoked_at,omitzero"`
	LastUsedAt        time.Time     `json:"last_used_at,omitzero"`    // in a recovery
	LastProvenAt      time.Time     `json:"last_proven_at,omitzero"`  // in a recovery or a rehearsal
	LastProvenBy      string        `json:"last_proven_by,omitempty"` // the holder who proved it
	Failures          int           `json:"failures,omitzero"`        // wrong guesses since it was proven last
	DisabledAt        time.Time     `json:"disabled_at,omitzero"`     // after [MaxFailures]
	BoundBy           string        `json:"bound_by,omitempty"`
	BoundFrom         string        `json:"bound_from,omitempty"` // network
	RevokedBy         string        `json:"revoked_by,omitempty"`
	RevokeReason      string        `json:"revoke_reason,omitempty"`
	// Awaits is the confirmation without which the authenticator counts for nothing. Nil: none, or it has come.
	Awaits *Confirmation `json:"awaits,omitempty"`

	NonExportable bool              `json:"non_exportable,omitzero"` // hardware attested that the key cannot leave it
	Attested      bool              `json:"attested,omitzero"`
	Model         string            `json:"model,omitempty"`
	Detail        map[string]string `json:"detail,omitempty"` // for people
}

// Usable tells whether a may take part in a recovery at now. If not, it returns [ErrRevoked], [ErrDisabled], [ErrAwaited],
// [ErrExpired] or [ErrProbation], the first that holds.
func (a *Authenticator) Usable(now time.Time) error {
	if err := a.Alive(now); err != nil {
		return err
	}
	if now.Before(a.EffectiveAt) {
		return ErrProbation
	}
	return nil
}

// Alive is Usable whatever is left of the probation: enough to rehearse with.
func (a *Authenticator) Alive(now time.Time) error {
	switch {
	case !a.RevokedAt.IsZero():
		return ErrRevoked
	case !a.DisabledAt.IsZero():
		return ErrDisabled
	case a.Awaits != nil:
		return ErrAwaited
	case a.expired(now):
		return ErrExpired
	}
	return nil
}

func (a *Authenticator) expired(now time.Time) bool {
	return !a.NotAfter.IsZero() && now.After(a.NotAfter) // RFC 5280 section 4.1.2.5: valid through notAfter
}

// complete tells what a lacks to be bound at now.
func (a *Authenticator) complete(now time.Time) error {
	switch {
	case a.Upstream == "" || a.AccountID == "":
		return errors.New("no account named")
	case a.Method == "" || len(a.Handles) == 0 || slices.ContainsFunc(a.Handles, func(h Handle) bool { return len(h.Value) == 0 }):
		return errors.New("no method or handle")
	case a.EffectiveAt.Before(now): // the zero time too: forgetting to set it must not mean "at once"
		return errors.New("effective before it is bound")
	}
	return nil
}
