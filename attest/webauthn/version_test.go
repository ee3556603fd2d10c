package webauthn_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// firstVersion writes a certificate anew without what version 1 lacks: version and extensions, the first and last fields.
func firstVersion(t *testing.T, ca *attesttest.CA, der []byte) []byte {
	t.Helper()
	var outer, fields []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		t.Fatal(err)
	}
	if _, err := asn1.Unmarshal(outer[0].FullBytes, &fields); err != nil {
		t.Fatal(err)
	}
	tbs, err := asn1.Marshal(fields[1 : len(fields)-1])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(tbs)
	sig, err := ca.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, outer[1], asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)}})
	if err != nil {
		t.Fatal(err)
	}
	return whole
}

// Sections 8.2.1 and 8.3.1: before version 3 a certificate cannot say that it is that of no CA.
func TestAttestationCertificateOfVersion1IsRefused(t *testing.T) {
	for _, format := range []string{"packed", "tpm"} {
		refuseAll(t, format, []refusal{{format, attest.ReasonMalformed, func(a *attesttest.Attester) {
			chain(func(x []any) []any { return []any{firstVersion(t, a.CA, x[0].([]byte))} })(a)
		}}})
	}
}
