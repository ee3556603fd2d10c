package webauthn

import (
	"crypto/ecdsa"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/regrant/regrant/attest"
)

// u2f verifies a statement of section 8.6. It signs neither flags nor counter nor AAGUID.
func u2f(s subject) (statement, error) {
	const es256 = Algorithm(webauthncose.AlgES256)
	if err := s.statement.only("sig", "x5c"); err != nil {
		return statement{}, err
	}
	sig, err := s.statement.bytes("sig")
	if err != nil {
		return statement{}, err
	}
	chain, err := s.statement.certificates()
	if err != nil {
		return statement{}, err
	}
	if len(chain) != 1 {
		return statement{}, attest.Refuse(attest.ReasonMalformed, "%d certificates, U2F has 1", len(chain))
	}
	key, ok := s.key.key.(*ecdsa.PublicKey)
	if !ok || s.key.algorithm != es256 {
		return statement{}, attest.Refuse(attest.ReasonKey, "U2F has only keys for ES256")
	}
	point, err := key.Bytes()
	if err != nil {
		return statement{}, attest.Refuse(attest.ReasonKey, "public key is not a point of its curve")
	}
	message := slices.Concat([]byte{0}, s.data.RPIDHash, s.clientDataHash, s.data.AttData.CredentialID, point)
	return statement{kind: TypeBasic, chain: chain, unsigned: true}, certified(chain[0], es256, message, sig)
}
