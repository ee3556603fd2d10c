package authority

import (
	"errors"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

// Owner is a signed-in person who adds a device.
type Owner struct {
	AccountID   string
	Identifier  string // to recover by
	Identifiers []string
	Session     []byte    // keyed hash of the session's secret
	Until       time.Time // the session ends
}

// byOwner is who did it, for the journal.
const byOwner = "owner"

// ownTexts stand for those of texts where a session of the owner's did it.
var ownTexts = map[journal.Kind]string{
	journal.KindActivationCodeMade: "Somebody who signed in as you made an activation code for your account. A device that is registered " +
		"with it counts for nothing until it is confirmed in that same sign-in. If this was not you, change what you sign in with, and tell your help desk at once.",
	journal.KindDeviceEnrolled: "The device {device} was registered for your account with an activation code that was made in a sign-in of yours. " +
		"It counts for nothing unless it is confirmed in that same sign-in before {before}. If this was not you, do not confirm it, and tell your help desk at once.",
}

// OwnCode makes an activation code for an account in a session of its owner, who may bind a device in it: that is the caller's
// to ask. The code ends with the session, which SP 800-63B-4 section 4.1.2.2 lets it do ten minutes after its making at the latest.
func (a *Authority) OwnCode(tx storage.Tx, o Owner) (Code, error) {
	epoch, err := a.Accounts.Epoch(tx, o.AccountID)
	if err != nil {
		return Code{}, err
	}
	return a.makeCode(tx, codeRecord{
		AccountID: o.AccountID, Identifier: o.Identifier, Identifiers: o.Identifiers, By: byOwner,
		ExpiresAt: earlier(o.Until, tx.Now().Add(codeLife)), Session: o.Session, Epoch: epoch,
	})
}

// await has d wait for the session that made the code. It is effective after its probation, counted from the confirmation; until
// that has come, from the last moment at which it can.
func await(d *account.Authenticator, c *codeRecord, now time.Time) {
	probation := d.EffectiveAt.Sub(now)
	d.Awaits = &account.Confirmation{Session: c.Session, Before: c.ExpiresAt, Probation: probation}
	d.EffectiveAt = c.ExpiresAt.Add(probation)
}

// watch sees to it that d ends if nobody confirms it.
func (a *Authority) watch(tx storage.Tx, d *account.Authenticator) error {
	if d.Awaits == nil {
		return nil
	}
	return a.awaited.Set(tx, []byte(d.ID), d.Awaits.Before)
}

// Confirm says for the owner that the device is theirs, as its fingerprint shows. Its probation begins. The error is
// [account.ErrNotAwaited].
func (a *Authority) Confirm(tx storage.Tx, accountID, id string, session []byte) (*account.Authenticator, error) {
	d, err := a.Accounts.Confirm(tx, accountID, id, session)
	if err != nil {
		return nil, err
	}
	if err := a.awaited.Clear(tx, []byte(id)); err != nil {
		return nil, err
	}
	return d, a.recordOf(tx, journal.KindDeviceConfirmed, d, byOwner)
}

// Disown ends a device that waits for its confirmation, because its owner says that it is somebody else's: any session of the
// account may, since nothing is lost by it. The error is [account.ErrNotAwaited].
func (a *Authority) Disown(tx storage.Tx, accountID, id string) error {
	d, err := a.awaiting(tx, id)
	switch {
	case err != nil:
		return err
	case d == nil || d.AccountID != accountID:
		return account.ErrNotAwaited
	}
	return a.turnAway(tx, d, journal.KindDeviceDisowned, byOwner, "not the owner's")
}

// awaiting is the device of that id, if it still waits; nil: none does.
func (a *Authority) awaiting(tx storage.Tx, id string) (*account.Authenticator, error) {
	d, err := a.Accounts.Get(tx, id)
	if errors.Is(err, storage.ErrNotFound) || err == nil && (d.Awaits == nil || !d.RevokedAt.IsZero()) {
		return nil, nil
	}
	return d, err
}

// turnAway ends a device that nobody confirmed.
func (a *Authority) turnAway(tx storage.Tx, d *account.Authenticator, kind journal.Kind, by, reason string) error {
	revoked, err := a.Accounts.Revoke(tx, d.ID, by, reason)
	if err != nil {
		return err
	}
	if err := a.awaited.Clear(tx, []byte(d.ID)); err != nil {
		return err
	}
	return a.recordOf(tx, kind, revoked, by)
}

func (a *Authority) recordOf(tx storage.Tx, kind journal.Kind, d *account.Authenticator, by string) error {
	return a.record(tx, event{kind: kind, as: by, own: by == byOwner, accountID: d.AccountID, identifiers: d.Identifiers, authenticator: d})
}
