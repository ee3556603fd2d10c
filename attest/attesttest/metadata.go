package attesttest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 5280 names keys so
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
)

// Blob is a BLOB of the FIDO Metadata Service before it is signed.
type Blob struct {
	Header  map[string]any
	Payload map[string]any
	Key     *ecdsa.PrivateKey
}

// MetadataEntry is what such a BLOB says about the model of authenticators that root attests.
func MetadataEntry(aaguid []byte, root *x509.Certificate, reports ...map[string]any) map[string]any {
	return object{
		"aaguid":        uuid.UUID(aaguid).String(),
		"statusReports": append([]object{}, reports...),
		"metadataStatement": object{
			"description":                 "Test authenticator",
			"attestationRootCertificates": []string{base64.StdEncoding.EncodeToString(root.Raw)},
			"keyProtection":               []string{"hardware", "secure_element"},
		},
	}
}

// U2FEntry is the same for authenticators without AAGUID, by the key of their attestation certificate.
func U2FEntry(key *ecdsa.PublicKey, root *x509.Certificate, reports ...map[string]any) map[string]any {
	sum := sha1.Sum(checked(key.Bytes())) //nolint:gosec // as above
	e := MetadataEntry(make([]byte, 16), root, reports...)
	delete(e, "aaguid")
	e["attestationCertificateKeyIdentifiers"] = []string{hex.EncodeToString(sum[:])}
	return e
}

// Metadata signs a BLOB of these entries, numbered 7 and due for an update on 2026-12-01. A test changes one thing in
// mutate, which may be nil, or of the signer's certificate in form.
func (ca *CA) Metadata(t testing.TB, entries []any, form func(*x509.Certificate), mutate func(*Blob)) string {
	t.Helper()
	b := Blob{Key: NewKey(t), Payload: object{"no": 7, "nextUpdate": "2026-12-01", "legalHeader": "none", "entries": entries}}
	tmpl := &x509.Certificate{
		SerialNumber: serial(t), NotBefore: NotBefore, NotAfter: NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		Subject: pkix.Name{CommonName: "mds.fidoalliance.org"}, DNSNames: []string{"mds.fidoalliance.org"},
	}
	if form != nil {
		form(tmpl)
	}
	b.Header = object{"alg": "ES256", "typ": "JWT", "x5c": []string{
		base64.StdEncoding.EncodeToString(issue(t, tmpl, ca.Certificate, b.Key.Public(), ca.Key).Raw),
	}}
	if mutate != nil {
		mutate(&b)
	}
	text := b64(checked(json.Marshal(b.Header))) + "." + b64(checked(json.Marshal(b.Payload)))
	sum := sha256.Sum256([]byte(text))
	var two struct{ R, S asn1.RawValue }
	if _, err := asn1.Unmarshal(checked(ecdsa.SignASN1(rand.Reader, b.Key, sum[:])), &two); err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(append(wide(two.R.Bytes), wide(two.S.Bytes)...))
}

// wide makes a number 32 octets long.
func wide(number []byte) []byte {
	if len(number) > 32 {
		number = number[len(number)-32:]
	}
	return append(make([]byte, 32-len(number)), number...)
}
