package webauthn

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// oidNonce is the extension in which Apple repeats what it vouches for.
var oidNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// apple verifies a statement of section 8.8. It has no signature: Apple put a hash of what is vouched for into a certificate for the key.
func apple(s subject) (statement, error) {
	names := []string{"x5c"}
	if s.statement.has("alg") { // some clients say the algorithm too
		names = append(names, "alg")
	}
	if err := s.statement.only(names...); err != nil {
		return statement{}, err
	}
	chain, err := s.statement.certificates()
	if err != nil {
		return statement{}, err
	}
	leaf := chain[0]
	nonce, ok := appleNonce(leaf)
	if !ok {
		return statement{}, attest.Refuse(attest.ReasonMalformed, "attestation certificate has no nonce")
	}
	want := sha256.Sum256(s.signedData())
	switch {
	case !bytes.Equal(nonce, want[:]):
		return statement{}, attest.Refuse(attest.ReasonSignature, "attestation certificate is about something else")
	case !s.key.is(leaf.X509.PublicKey):
		return statement{}, attest.Refuse(attest.ReasonIdentity, "attestation certificate is for another key")
	case leaf.IsCA():
		return statement{}, attest.Refuse(attest.ReasonPurpose, "attestation certificate is that of a CA")
	}
	return statement{kind: TypeAnonCA, chain: chain, hardware: true}, nil
}

// appleNonce reads SEQUENCE { [1] EXPLICIT OCTET STRING }.
func appleNonce(c *certpath.Certificate) ([]byte, bool) {
	for _, e := range c.X509.Extensions {
		if !e.Id.Equal(oidNonce) {
			continue
		}
		value := cryptobyte.String(e.Value)
		var list, tagged, nonce cryptobyte.String
		ok := value.ReadASN1(&list, tags.SEQUENCE) && value.Empty() &&
			list.ReadASN1(&tagged, tags.Tag(1).ContextSpecific().Constructed()) && list.Empty() &&
			tagged.ReadASN1(&nonce, tags.OCTET_STRING) && tagged.Empty()
		return nonce, ok
	}
	return nil, false
}
