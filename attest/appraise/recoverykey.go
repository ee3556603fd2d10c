package appraise

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/recoverykey"
)

type recoveryKeyClaims struct {
	Thumbprint string `json:"thumbprint"` // RFC 7638
}

// recoveryKey is the format recovery-key: the challenge signed with a key that is known by its JWK or its DID.
func recoveryKey(r *Request) (any, error) {
	var evidence struct {
		Signature *string `json:"signature"`
		Algorithm *string `json:"algorithm"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	var expect struct {
		PublicKey jsontext.Value `json:"public_key"`
		DID       string         `json:"did"`
	}
	if err := r.Expect(&expect); err != nil {
		return nil, err
	}
	if evidence.Signature == nil || evidence.Algorithm == nil || (expect.PublicKey == nil) == (expect.DID == "") || r.Challenge == nil {
		return nil, errMissing
	}
	sig, err := Bytes(*evidence.Signature)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "signature %v", err)
	}
	key, err := recoverykey.ParseKey(expect.PublicKey, expect.DID)
	if err != nil {
		return nil, err
	}
	if err := key.Verify(*evidence.Algorithm, r.Challenge, sig); err != nil {
		return nil, err
	}
	return recoveryKeyClaims{encode(key.Handle())}, nil
}
