package webauthn

import (
	"bytes"
	"encoding/asn1"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// packed verifies a statement of section 8.2.
func packed(s subject) (statement, error) {
	alg, err := s.statement.algorithm()
	if err != nil {
		return statement{}, err
	}
	sig, err := s.statement.bytes("sig")
	switch {
	case err != nil:
		return statement{}, err
	case s.statement.has("ecdaaKeyId"): // of Level 1
		return statement{}, attest.Refuse(attest.ReasonUnsupported, "ECDAA")
	case !s.statement.has("x5c"):
		return s.self(alg, sig)
	}
	if err := s.statement.only("alg", "sig", "x5c"); err != nil {
		return statement{}, err
	}
	chain, err := s.statement.certificates()
	if err != nil {
		return statement{}, err
	}
	if err := certified(chain[0], alg, s.signedData(), sig); err != nil {
		return statement{}, err
	}
	if err := packedCertificate(chain[0]); err != nil {
		return statement{}, err
	}
	return statement{kind: TypeBasic, chain: chain}, namesModel(chain[0], s.data.AttData.AAGUID)
}

// self verifies a statement that the credential's own key signed.
func (s subject) self(alg Algorithm, sig []byte) (statement, error) {
	if err := s.statement.only("alg", "sig"); err != nil {
		return statement{}, err
	}
	if alg != s.key.algorithm {
		return statement{}, attest.Refuse(attest.ReasonKey, "statement is signed with another algorithm than that of the credential")
	}
	if !s.key.signed(s.signedData(), sig) {
		return statement{}, attest.Refuse(attest.ReasonSignature, "attestation signature does not verify")
	}
	return statement{kind: TypeSelf}, nil
}

// certified verifies a signature with the key of a certificate.
func certified(c *certpath.Certificate, alg Algorithm, message, sig []byte) error {
	key, err := newKey(alg, c.X509.PublicKey)
	switch {
	case err != nil:
		return err
	case !c.MaySignData():
		return attest.Refuse(attest.ReasonPurpose, "key usage lacks digitalSignature")
	case !key.signed(message, sig):
		return attest.Refuse(attest.ReasonSignature, "attestation signature does not verify")
	}
	return nil
}

// packedCertificate makes the checks of section 8.2.1.
func packedCertificate(c *certpath.Certificate) error {
	subject := c.X509.Subject
	switch {
	case c.X509.Version != 3:
		return attest.Refuse(attest.ReasonMalformed, "attestation certificate is not of version 3")
	case len(subject.Country) != 1 || !isCountry(subject.Country[0]):
		return attest.Refuse(attest.ReasonPurpose, "attestation certificate names no country")
	case len(subject.Organization) != 1 || subject.Organization[0] == "":
		return attest.Refuse(attest.ReasonPurpose, "attestation certificate names no organization")
	case len(subject.OrganizationalUnit) != 1 || subject.OrganizationalUnit[0] != "Authenticator Attestation":
		return attest.Refuse(attest.ReasonPurpose, "attestation certificate is not one of authenticators")
	case subject.CommonName == "":
		return attest.Refuse(attest.ReasonPurpose, "attestation certificate has no common name")
	}
	return noCA(c)
}

// isCountry tells whether code looks like one of ISO 3166.
func isCountry(code string) bool {
	return len(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z'
}

// noCA demands basic constraints that say so: whoever has the key of a CA could vouch for anything.
func noCA(c *certpath.Certificate) error {
	if !c.X509.BasicConstraintsValid || c.IsCA() {
		return attest.Refuse(attest.ReasonPurpose, "attestation certificate does not say that it is that of no CA")
	}
	return nil
}

// oidModel is id-fido-gen-ce-aaguid.
var oidModel = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

// namesModel demands of a certificate that is for one model of authenticators that it is for this one.
func namesModel(c *certpath.Certificate, aaguid []byte) error {
	for _, e := range c.X509.Extensions {
		if !e.Id.Equal(oidModel) {
			continue
		}
		var inside []byte // an OCTET STRING in the extension's own
		rest, err := asn1.Unmarshal(e.Value, &inside)
		switch {
		case err != nil || len(rest) > 0 || e.Critical:
			return attest.Refuse(attest.ReasonMalformed, "model in the attestation certificate is not written as it must be")
		case !bytes.Equal(inside, aaguid):
			return attest.Refuse(attest.ReasonIdentity, "attestation certificate is for another model")
		}
	}
	return nil
}
