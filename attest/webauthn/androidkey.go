package webauthn

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/android"
	"github.com/regrant/regrant/attest/certpath"
)

// oidKeyDescription is the extension in which Android describes a key.
var oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

const purposeSign = 2 // KeyPurpose

// androidKey verifies a statement of section 8.4. Only what the secure hardware enforces counts.
func androidKey(s subject) (statement, error) {
	if err := s.statement.only("alg", "sig", "x5c"); err != nil {
		return statement{}, err
	}
	alg, err := s.statement.algorithm()
	if err != nil {
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
	leaf := chain[0]
	if err := certified(leaf, alg, s.signedData(), sig); err != nil {
		return statement{}, err
	}
	if !s.key.is(leaf.X509.PublicKey) {
		return statement{}, attest.Refuse(attest.ReasonIdentity, "attestation certificate is for another key")
	}
	if slices.ContainsFunc(chain[1:], describes) { // a key that is attested itself could describe others as it likes
		return statement{}, attest.Refuse(attest.ReasonUntrusted, "an issuer is an attested key")
	}
	d, err := describedIn(leaf)
	if err != nil {
		return statement{}, err
	}
	return statement{kind: TypeBasic, chain: chain, hardware: true, android: true}, checkDescription(d, s.clientDataHash)
}

func describes(c *certpath.Certificate) bool {
	return slices.ContainsFunc(c.X509.Extensions, isDescription)
}

func isDescription(e pkix.Extension) bool { return e.Id.Equal(oidKeyDescription) }

func describedIn(c *certpath.Certificate) (*android.Description, error) {
	i := slices.IndexFunc(c.X509.Extensions, isDescription)
	if i < 0 {
		return nil, attest.Refuse(attest.ReasonMalformed, "attestation certificate does not describe the key")
	}
	return android.ParseDescription(c.X509.Extensions[i].Value)
}

// checkDescription makes the checks of section 8.4 on the description of a key.
func checkDescription(d *android.Description, clientDataHash []byte) error {
	switch {
	case !bytes.Equal(d.Challenge, clientDataHash):
		return attest.Refuse(attest.ReasonChallenge, "key was made for another challenge")
	case d.AttestationLevel == android.Software || d.KeyLevel == android.Software: // then software wrote both lists
		return attest.Refuse(attest.ReasonKey, "key is not in hardware")
	case d.Software.AllApplications || d.Hardware.AllApplications:
		return attest.Refuse(attest.ReasonKey, "every application may use the key")
	case d.Hardware.Origin != android.Generated:
		return attest.Refuse(attest.ReasonKey, "hardware does not say that it made the key")
	case !slices.Contains(d.Hardware.Purposes, purposeSign):
		return attest.Refuse(attest.ReasonKey, "hardware does not say that the key is for signing")
	}
	return nil
}
