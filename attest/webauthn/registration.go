package webauthn

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
)

// Registration is a new credential, and what is expected of it.
type Registration struct {
	Party
	Challenge  []byte
	Credential []byte      // JSON
	Algorithms []Algorithm // nil: DefaultAlgorithms
	Attestation
	Now time.Time // the only clock
}

// Registered is what a registration that holds says.
type Registered struct {
	RPID           string
	Format         string   // of the attestation statement
	Type           Type     // of attestation
	Attested       bool     // an anchor vouches for the authenticator
	Known          bool     // the metadata knows the model
	AAGUID         string   // model of the authenticator, "" unless attested
	Path           [][]byte // SHA-256 of each certificate from the attestation to its anchor, nil unless attested
	Hardware       bool     // an anchor vouches that the key cannot leave the hardware
	CredentialID   []byte
	PublicKey      []byte // COSE
	Algorithm      Algorithm
	SignCount      uint32
	UserVerified   bool
	BackupEligible bool
	BackedUp       bool
	Transports     []string // as the client says
}

// Register judges a registration as section 7.1 says, but that the credential id is not registered yet: that is for whoever stores
// it. The error is an *[attest.Error].
func Register(r Registration) (Registered, error) {
	c, err := parseCredential(r.Credential)
	if err != nil {
		return Registered{}, err
	}
	return r.judge(c)
}

func (r *Registration) judge(c *credential) (Registered, error) {
	// Steps 7 to 12: the client data is about this challenge, here.
	client, err := parseClientData(c.Response.ClientData)
	if err != nil {
		return Registered{}, err
	}
	if err := client.check(r.Party, typeCreate, r.Challenge); err != nil {
		return Registered{}, err
	}
	// Steps 13 to 18: the authenticator made it for this relying party, with a person there.
	object, err := parseObject(c.Response.AttestationObject)
	if err != nil {
		return Registered{}, err
	}
	rpID, err := object.data.check(r.Party)
	if err != nil {
		return Registered{}, err
	}
	if !bytes.Equal(c.RawID, object.data.AttData.CredentialID) {
		return Registered{}, attest.Refuse(attest.ReasonIdentity, "the client names another credential")
	}
	// Step 19: its key is good and of a kind that was asked for.
	key, err := r.key(object.data.AttData.CredentialPublicKey)
	if err != nil {
		return Registered{}, err
	}
	// Steps 20 to 24: the statement holds, and is worth what is wanted.
	hash := sha256.Sum256(c.Response.ClientData)
	vouched, err := r.attest(object, key, hash[:], r.Now)
	if err != nil {
		return Registered{}, err
	}
	flags := object.data.Flags
	return Registered{
		RPID: rpID, Format: object.format, Type: vouched.kind, Attested: vouched.attested, Known: vouched.known,
		AAGUID: vouched.aaguid, Path: vouched.path, Hardware: vouched.hardware,
		CredentialID: c.RawID, PublicKey: object.data.AttData.CredentialPublicKey, Algorithm: key.algorithm,
		SignCount: object.data.Counter, UserVerified: flags.HasUserVerified(),
		BackupEligible: flags.HasBackupEligible(), BackedUp: flags.HasBackupState(), Transports: c.Response.Transports,
	}, nil
}

func (r *Registration) key(cose []byte) (publicKey, error) {
	key, err := parseKey(cose)
	if err != nil {
		return publicKey{}, err
	}
	asked := r.Algorithms
	if asked == nil {
		asked = DefaultAlgorithms
	}
	if !slices.Contains(asked, key.algorithm) {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "algorithm %d was not asked for", key.algorithm)
	}
	return key, strongkey.CheckNew(key.key)
}
