package enrolment

import (
	"cmp"
	"context"
	"crypto/hmac"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
)

// The key of a device is made on the device, by a program that nobody has signed in to. So a device is bound in three steps:
// the session makes an activation code, the program brings it with its key, and the session confirms that key. Whether the key is in a file
// or in a TPM is for the program to say, and both are of one class: what is asked of the session for one is asked for the other.

// AddDevice makes an activation code with which one device can be enrolled, in the rules of binding one.
func (s *Service) AddDevice(ctx context.Context, v Visitor) (code authority.Code, err error) {
	if len(s.DeviceMethods()) == 0 {
		return code, ErrMethod
	}
	names := v.Session.Identifiers()
	if len(names) == 0 {
		return code, ErrNameless
	}
	name, err := attest.ParseIdentifier(names[0])
	if err != nil {
		return code, ErrNameless
	}
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		if err := s.may(tx, v, attest.MethodDeviceCertificate); err != nil {
			return err
		}
		code, err = s.Devices.OwnCode(tx, authority.Owner{
			AccountID: v.Session.AccountID(), Identifier: name.String(), Identifiers: names, Session: s.sessionOf(v), Until: v.Session.EndsAt(),
		})
		return err
	})
	return code, s.refused(ctx, v, attest.MethodDeviceCertificate, settle("making an activation code", err))
}

// WaitingDevice is a device that its owner has to confirm.
type WaitingDevice struct {
	ID, Label   string
	Fingerprint string
	BoundAt     time.Time
	Before      time.Time
	Own         bool // this session made its code, and can confirm it
}

// WaitingDevices are those of the account that wait, for whichever of its sessions.
func (s *Service) WaitingDevices(ctx context.Context, v Visitor) (waiting []WaitingDevice, err error) {
	err = s.DB.View(ctx, func(r storage.Reader) error {
		all, err := s.Accounts.Living(r, v.Session.AccountID())
		waiting = nil
		for i := range all {
			if a := &all[i]; a.Awaits != nil && r.Now().Before(a.Awaits.Before) {
				waiting = append(waiting, WaitingDevice{
					ID: a.ID, Label: cmp.Or(a.Label, a.DeviceID), Fingerprint: a.Detail["key_fingerprint"], BoundAt: a.BoundAt, Before: a.Awaits.Before,
					Own: hmac.Equal(a.Awaits.Session, s.sessionOf(v)),
				})
			}
		}
		return err
	})
	return waiting, settle("listing devices that wait", err)
}

// DeviceMethods are those of the devices that people add here: what a program makes for an activation code. None: they add no devices.
func (s *Service) DeviceMethods() (list []attest.Method) {
	if s.Devices == nil {
		return nil
	}
	for _, m := range s.Verifier.Methods() {
		if m == attest.MethodDeviceCertificate || m == attest.MethodTPM {
			list = append(list, m)
		}
	}
	return list
}

// ConfirmDevice says for the visitor that the fingerprint is the one that the device shows. The session is the one that made the code;
// what it may change is asked again. Probation begins.
func (s *Service) ConfirmDevice(ctx context.Context, v Visitor, id string) (bound Bound, err error) {
	if s.Devices == nil {
		return Bound{}, ErrMethod
	}
	err = s.DB.Update(ctx, func(tx storage.Tx) error {
		if err := s.may(tx, v, attest.MethodDeviceCertificate); err != nil {
			return err
		}
		a, err := s.Devices.Confirm(tx, v.Session.AccountID(), id, s.sessionOf(v))
		if err != nil {
			return err
		}
		usable, err := s.Accounts.Usable(tx, a.AccountID)
		bound = Bound{ID: a.ID, Method: a.Method, Label: a.Name(), EffectiveAt: a.EffectiveAt, Detail: a.Detail, Only: len(usable) == 0}
		return err
	})
	return bound, settle("confirming a device", err)
}

// DisownDevice says that a device which waits is not the visitor's. Any session of the account may: nothing is lost by it.
func (s *Service) DisownDevice(ctx context.Context, v Visitor, id string) error {
	if s.Devices == nil {
		return ErrMethod
	}
	err := s.DB.Update(ctx, func(tx storage.Tx) error {
		session, err := s.Logins.Find(tx, v.Secret)
		if err != nil {
			return err
		}
		return s.Devices.Disown(tx, session.AccountID(), id)
	})
	return settle("turning a device away", err)
}

// sessionOf is what the store knows of the visitor's session.
func (s *Service) sessionOf(v Visitor) []byte {
	return s.Ring.MAC(keys.Handle, []byte("device-confirmation"), []byte(v.Secret))
}
