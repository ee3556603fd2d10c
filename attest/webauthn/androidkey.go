package webauthn

import (
	"bytes"

	"github.com/regrant/regrant/attest"
)

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
	d, err := describedIn(leaf)
	if err != nil {
		return statement{}, err
	}
	if err := d.check(s.clientDataHash); err != nil {
		return statement{}, err
	}
	return statement{kind: TypeBasic, chain: chain, hardware: d.inHardware()}, nil
}

// check makes the checks of section 8.4 on the description of a key.
func (d *keyDescription) check(clientDataHash []byte) error {
	switch {
	case !bytes.Equal(d.challenge, clientDataHash):
		return attest.Refuse(attest.ReasonChallenge, "key was made for another challenge")
	case d.software.allApplications || d.hardware.allApplications:
		return attest.Refuse(attest.ReasonKey, "every application may use the key")
	case d.hardware.origin != originGenerated:
		return attest.Refuse(attest.ReasonKey, "hardware does not say that it made the key")
	case !d.hardware.sign:
		return attest.Refuse(attest.ReasonKey, "hardware does not say that the key is for signing")
	}
	return nil
}
