package chromium

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator says what an authenticator in software is like. The zero value is a security key that speaks CTAP2, keeps discoverable
// credentials, verifies its user, and is touched at once.
type Authenticator struct {
	Platform        bool // built in, and not a security key
	NoUserVerifying bool // has no PIN and no fingerprint reader; nor, as Chromium wants it then, discoverable credentials
	NoDiscoverable  bool // keeps no discoverable credentials
	Synced          bool // its credentials are, and may be, backed up (BE and BS)
}

// Device is an authenticator in the browser's reach.
type Device struct {
	b  *Browser
	id webauthn.AuthenticatorID
}

// Credential is all of a credential: whoever has it has a copy of the authenticator.
type Credential struct {
	ID             []byte
	RPID           string
	PrivateKey     []byte // PKCS #8
	UserHandle     []byte
	Count          uint32 // of signatures
	BackupEligible bool
	BackedUp       bool
	Discoverable   bool
}

// Add puts an authenticator in the browser's reach.
func (b *Browser) Add(a Authenticator) (*Device, error) {
	if _, err := call(b, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		return nil, fmt.Errorf("adding an authenticator: %w", err)
	}
	transport := webauthn.AuthenticatorTransportUsb
	if a.Platform {
		transport = webauthn.AuthenticatorTransportInternal
	}
	added, err := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: transport,
		HasResidentKey: !a.NoDiscoverable && !a.NoUserVerifying, HasUserVerification: !a.NoUserVerifying, IsUserVerified: !a.NoUserVerifying,
		AutomaticPresenceSimulation: true, DefaultBackupEligibility: a.Synced, DefaultBackupState: a.Synced,
	}})
	if err != nil {
		return nil, fmt.Errorf("adding an authenticator: %w", err)
	}
	return &Device{b, added.AuthenticatorID}, nil
}

// Remove takes it away, with all that is on it.
func (d *Device) Remove() error {
	_, err := call(d.b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: d.id})
	return err
}

// SetVerified says whether its user enters the right PIN from now on.
func (d *Device) SetVerified(ok bool) error {
	_, err := call(d.b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id, IsUserVerified: ok})
	return err
}

// SetPresent says whether somebody touches it when it waits for that, from now on.
func (d *Device) SetPresent(ok bool) error {
	_, err := call(d.b, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: d.id, Enabled: ok})
	return err
}

// Faults are what a broken or forged authenticator answers.
type Faults struct {
	Signature      bool // is not one
	NoUserPresent  bool // the flag UP is not set
	NoUserVerified bool // the flag UV is not set
}

// Break makes it answer with the faults from now on, and no others.
func (d *Device) Break(f Faults) error {
	_, err := call(d.b, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{
		AuthenticatorID: d.id, IsBogusSignature: &f.Signature, IsBadUP: &f.NoUserPresent, IsBadUV: &f.NoUserVerified,
	})
	return err
}

// Export copies all credentials out of it, as no real one lets anybody.
func (d *Device) Export() ([]Credential, error) {
	got, err := call(d.b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: d.id})
	if err != nil {
		return nil, fmt.Errorf("copying credentials: %w", err)
	}
	var all []Credential
	for _, c := range got.Credentials {
		all = append(all, Credential{
			ID: c.CredentialID, RPID: c.RpID, PrivateKey: c.PrivateKey, UserHandle: c.UserHandle, Count: uint32(max(c.SignCount, 0)),
			BackupEligible: c.BackupEligibility, BackedUp: c.BackupState, Discoverable: c.IsResidentCredential,
		})
	}
	return all, nil
}

// addCredential is the command by itself: the library's own parameters name one that Chromium refuses.
var addCredential = cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}

// Import puts a credential on it, in place of one with the same ID.
func (d *Device) Import(c Credential) error {
	_ = d.Forget(c.ID) // there need not be one
	b64 := base64.StdEncoding.EncodeToString
	credential := map[string]any{
		"credentialId": b64(c.ID), "isResidentCredential": c.Discoverable, "rpId": c.RPID, "privateKey": b64(c.PrivateKey),
		"signCount": c.Count, "backupEligibility": c.BackupEligible, "backupState": c.BackedUp,
	}
	if len(c.UserHandle) > 0 {
		credential["userHandle"] = b64(c.UserHandle)
	}
	if _, err := call(d.b, addCredential, map[string]any{"authenticatorId": string(d.id), "credential": credential}); err != nil {
		return fmt.Errorf("adding a credential: %w", err)
	}
	return nil
}

// Forget removes a credential.
func (d *Device) Forget(id []byte) error {
	_, err := call(d.b, webauthn.RemoveCredential, webauthn.RemoveCredentialParams{AuthenticatorID: d.id, CredentialID: id})
	return err
}

func call[P, R any](b *Browser, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}
