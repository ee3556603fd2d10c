package webauthn

import (
	"bytes"
	"crypto/sha256"
	"slices"

	gowebauthn "github.com/go-webauthn/webauthn/protocol"

	"github.com/regrant/regrant/attest"
)

const (
	maxCredentialID = 1023
	beforeID        = 32 + 1 + 4 + 16 + 2 // bytes of authenticator data before a credential id (sections 6.1 and 6.5.1)
)

// authData is what the authenticator signs (section 6.1).
type authData struct {
	gowebauthn.AuthenticatorData
	raw []byte
}

// parseAuthData reads authenticator data of a ceremony. Attested credential data belongs to registrations, and to them alone.
func parseAuthData(raw []byte, ceremony string) (*authData, error) {
	d := &authData{raw: raw}
	if err := d.Unmarshal(raw); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "authenticator data is not built as it must be")
	}
	if d.Flags.HasAttestedCredentialData() != (ceremony == typeCreate) {
		return nil, attest.Refuse(attest.ReasonMalformed, "authenticator data is that of another ceremony")
	}
	if d.Flags.HasExtensions() && d.ExtData[0]>>5 != cborMap {
		return nil, attest.Refuse(attest.ReasonMalformed, "extensions are not a map")
	}
	if id := d.AttData.CredentialID; ceremony == typeCreate && (len(id) == 0 || len(id) > maxCredentialID) {
		return nil, attest.Refuse(attest.ReasonMalformed, "credential id of %d bytes", len(id))
	}
	if ceremony == typeCreate && !bytes.Equal(d.AttData.CredentialPublicKey, d.sentKey()) {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is not in the canonical form of CTAP2")
	}
	if d.Flags.HasBackupState() && !d.Flags.HasBackupEligible() { // section 6.1.3
		return nil, attest.Refuse(attest.ReasonMalformed, "a credential that cannot be backed up is said to be")
	}
	return d, nil
}

// sentKey is the credential's key as the authenticator wrote it, which has to be CTAP2's canonical form (section 6.5.1): integers in their shortest form, members
// in their order. The library gives it in that form, however it was written, and what is stored must be what was attested.
func (d *authData) sentKey() []byte {
	return d.raw[beforeID+len(d.AttData.CredentialID) : len(d.raw)-len(d.ExtData)]
}

// forgetUnsigned takes out what an authenticator of U2F does not sign (section 8.6) and the client could have written: that it verified its user, whether the
// credential is backed up, the counter and the model. Its signature is made in the presence of a user, and says no more.
func (d *authData) forgetUnsigned() {
	d.Flags &= gowebauthn.FlagUserPresent | gowebauthn.FlagAttestedCredentialData
	d.Counter = 0
	d.AttData.AAGUID = make([]byte, 16)
}

// check makes the checks on authenticator data that sections 7.1 and 7.2 have in common, and returns the RP ID.
func (d *authData) check(p Party) (string, error) {
	i := slices.IndexFunc(p.RPIDs, func(id string) bool {
		sum := sha256.Sum256([]byte(id))
		return id != "" && bytes.Equal(sum[:], d.RPIDHash)
	})
	switch {
	case i < 0:
		return "", attest.Refuse(attest.ReasonPurpose, "made for another RP ID")
	case !d.Flags.HasUserPresent():
		return "", attest.Refuse(attest.ReasonPresence, "user was not present")
	case !d.Flags.HasUserVerified() && !p.UnverifiedUser:
		return "", attest.Refuse(attest.ReasonPresence, "user was not verified")
	}
	return p.RPIDs[i], nil
}
