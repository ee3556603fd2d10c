package webauthn

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/regrant/regrant/attest"
)

// Stored is what is known of a credential. Members that are nil are not compared.
type Stored struct {
	PublicKey      []byte // COSE; always needed
	ID             []byte
	UserHandle     []byte
	SignCount      *uint32
	BackupEligible *bool
}

// Assertion is a credential that signed a challenge, and what is expected of it.
type Assertion struct {
	Party
	Challenge  []byte
	Credential []byte // JSON
	Stored     Stored
}

// Asserted is what an assertion that holds says.
type Asserted struct {
	RPID         string
	Origin       string
	CredentialID []byte
	UserHandle   []byte // nil: none was sent
	SignCount    uint32
	WentBack     bool // the counter is not above the stored one, which refuses only some
	UserVerified bool
	BackedUp     bool
}

// Assert judges an assertion as section 7.2 says. The error is an *[attest.Error]. What depends on who the credential belongs to is judged after
// the signature: whoever has not the key learns nothing about it.
func Assert(a Assertion) (Asserted, error) {
	c, err := parseCredential(a.Credential)
	if err != nil {
		return Asserted{}, err
	}
	return a.judge(c)
}

func (a *Assertion) judge(c *credential) (Asserted, error) {
	// Steps 10 to 14: the client data is about this challenge, here.
	client, err := parseClientData(c.Response.ClientData)
	if err != nil {
		return Asserted{}, err
	}
	if err := client.check(a.Party, typeGet, a.Challenge); err != nil {
		return Asserted{}, err
	}
	// Steps 15 to 18: the authenticator was used for this relying party, by a person.
	data, err := parseAuthData(c.Response.AuthenticatorData, typeGet)
	if err != nil {
		return Asserted{}, err
	}
	rpID, err := data.check(a.Party)
	if err != nil {
		return Asserted{}, err
	}
	// Steps 20 and 21: the credential's key signed both.
	key, err := parseKey(a.Stored.PublicKey)
	if err != nil {
		return Asserted{}, err
	}
	hash := sha256.Sum256(c.Response.ClientData)
	if !key.signed(slices.Concat(data.raw, hash[:]), c.Response.Signature) {
		return Asserted{}, attest.Refuse(attest.ReasonSignature, "signature does not verify")
	}
	out := Asserted{
		RPID: rpID, Origin: client.Origin, CredentialID: c.RawID,
		SignCount:    data.Counter,
		UserVerified: data.Flags.HasUserVerified(),
		BackedUp:     data.Flags.HasBackupState(),
	}
	if c.Response.UserHandle != nil {
		out.UserHandle = *c.Response.UserHandle
	}
	return out, attest.Signed(a.Stored.check(&out, data))
}

// check compares an assertion whose signature holds with what is stored: steps 5, 6, 19 and 22.
func (s *Stored) check(a *Asserted, d *authData) error {
	switch {
	case s.ID != nil && !bytes.Equal(s.ID, a.CredentialID):
		return attest.Refuse(attest.ReasonIdentity, "another credential")
	case s.UserHandle != nil && a.UserHandle != nil && !bytes.Equal(s.UserHandle, a.UserHandle):
		return attest.Refuse(attest.ReasonIdentity, "another user handle")
	case s.BackupEligible != nil && *s.BackupEligible != d.Flags.HasBackupEligible():
		// Whether it can be backed up never changes (section 6.1.3): this is not the credential that was registered.
		return attest.Refuse(attest.ReasonIdentity, "whether the credential can be backed up has changed")
	case s.SignCount == nil:
		return nil
	}
	return s.checkCounter(a)
}

// checkCounter holds the counter against the stored one (section 6.1.1). Copies of a key that is backed up need not share a counter, and
// an authenticator may stop to count; both are signals. Otherwise there are two of what should be one.
func (s *Stored) checkCounter(a *Asserted) error {
	stored := *s.SignCount
	a.WentBack = (stored != 0 || a.SignCount != 0) && a.SignCount <= stored
	if a.WentBack && stored != 0 && a.SignCount != 0 && !a.BackedUp {
		return attest.Refuse(attest.ReasonCounter, "signature counter is not above the stored one")
	}
	return nil
}
