package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/wire"
)

// method is the gateway's offer to take what the device can prove.
func (d *device) method(offer wire.InitiateResponse) (wire.MethodOffer, error) {
	wanted, called := attest.MethodDeviceCertificate, "device certificates"
	if d.chip != nil {
		wanted, called = attest.MethodTPM, "TPMs"
	}
	i := slices.IndexFunc(offer.Methods, func(m wire.MethodOffer) bool { return m.Method == string(wanted) })
	if i < 0 {
		return wire.MethodOffer{}, &failure{exitRefused, "the gateway takes no " + called, ""}
	}
	return offer.Methods[i], nil
}

// prove makes the evidence from the text of a statement.
func (d *device) prove(statement string, options []byte) ([]byte, error) {
	if d.chip != nil {
		return d.chip.evidence(statement, options)
	}
	evidence, err := d.sign(statement)
	if err != nil {
		return nil, unusable("", "signing the statement: %v", err)
	}
	return evidence, nil
}

// sign makes the evidence of method device-certificate from the text of a statement.
func (d *device) sign(statement string) ([]byte, error) {
	digest := sha256.Sum256([]byte(statement))
	signature, err := d.key.Sign(rand.Reader, digest[:], nil)
	if err != nil {
		return nil, err
	}
	chain := make([]string, len(d.chain))
	for i, certificate := range d.chain {
		chain[i] = string(encodeCertificate(certificate))
	}
	return json.Marshal(struct {
		Method    attest.Method `json:"method"`
		Chain     []string      `json:"certificate_chain"`
		Algorithm string        `json:"algorithm"`
		Signature string        `json:"signature"`
	}{attest.MethodDeviceCertificate, chain, "ES256", base64.RawURLEncoding.EncodeToString(signature)})
}
