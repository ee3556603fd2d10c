package webauthn

import (
	"encoding/base64"
	"fmt"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// reference is what is stored of a passkey (section 7.1 step 26).
type reference struct {
	RPID           string    `json:"rp_id"`
	PublicKey      []byte    `json:"public_key"` // COSE
	Algorithm      Algorithm `json:"algorithm"`
	UserHandle     []byte    `json:"user_handle"`
	BackupEligible bool      `json:"backup_eligible"`
	UserVerified   bool      `json:"user_verified"` // at the registration
	Transports     []string  `json:"transports,omitempty"`
	Attested       bool      `json:"attested"`
	Format         string    `json:"attestation_format"`
	AAGUID         string    `json:"aaguid,omitempty"` // only where attested

	// Path is the SHA-256 of each certificate that vouched, for reports about one of them. Older references have none.
	Path [][]byte `json:"attestation_path,omitempty"`
}

// decoy stands where nothing is stored, so that the work is the same. Nobody has its private key, which was never kept.
var decoy = reference{PublicKey: decoyKey()}

// decoyKey is a point of P-256 as a COSE key for ES256.
func decoyKey() []byte {
	key, err := base64.RawURLEncoding.DecodeString(
		"pQECAyYgASFYIEPbQ1swq7FhdyWN9HANIXFfM363_XmXrg9rrE8eA8PgIlggWM0ysf4OrBa9-fhMK13jIitERl0lxoEeWD1HKXv0AIY")
	if err != nil {
		panic(err) // a constant
	}
	return key
}

func referenceOf(bound attest.Binding) (*reference, error) {
	if len(bound.Reference) == 0 {
		return &decoy, nil
	}
	var r reference
	if err := strictjson.Decode(bound.Reference, &r); err != nil {
		return nil, fmt.Errorf("stored passkey: %w", err)
	}
	return &r, nil
}

// stored is what an assertion is compared with. That the credential id is the same, the handle says.
func (r *reference) stored(bound attest.Binding) Stored {
	s := Stored{PublicKey: r.PublicKey, UserHandle: r.UserHandle, SignCount: &bound.Counter}
	if r != &decoy {
		s.BackupEligible = &r.BackupEligible
	}
	return s
}
