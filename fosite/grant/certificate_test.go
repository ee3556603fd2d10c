package grant

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"testing"
)

// subject is the encoded subject of a certificate.
func subject(t testing.TB, name pkix.Name) []byte {
	t.Helper()
	encoded, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// exactly one field, and that one only.
func TestCertificateFields(t *testing.T) {
	uri, err := url.Parse("spiffe://example.com/app")
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		RawSubject: subject(t, pkix.Name{CommonName: "app, one", Organization: []string{"Example"}}), DNSNames: []string{"App.example.com"},
		URIs: []*url.URL{uri}, IPAddresses: []net.IP{net.ParseIP("192.0.2.7"), net.ParseIP("2001:db8::7")}, EmailAddresses: []string{"app@example.com"},
	}
	for _, f := range []CertificateField{
		{SubjectDN: `CN=app\, one,O=Example`},
		{DNS: "app.example.com"},
		{URI: "spiffe://example.com/app"},
		{IP: "192.0.2.7"},
		{IP: "2001:db8::7"},
		{Email: "app@example.com"},
	} {
		if err := f.accepts(nil, "", presented{certificate: c}); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, f := range []CertificateField{
		{},
		{SubjectDN: "CN=app"},
		{SubjectDN: `O=Example,CN=app\, one`},
		{DNS: "example.com"},
		{URI: "spiffe://example.com/App"},
		{IP: "192.0.2.8"},
		{IP: "::ffff:192.0.2.7"},
		{Email: "App@example.com"},
		{DNS: "app.example.com", Email: "app@example.com"},
	} {
		if err := f.accepts(nil, "", presented{certificate: c}); err == nil {
			t.Errorf("%+v is taken", f)
		}
	}
}

// RFC 8705 §2.1.2 compares the distinguished name, not the parts of it that a library has fields for.
func TestTheWholeSubjectIsCompared(t *testing.T) {
	uid := asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	app := pkix.Name{CommonName: "app", Organization: []string{"Example"}}
	client := CertificateField{SubjectDN: "CN=app,O=Example"}
	takes := func(rawSubject []byte) bool {
		return client.accepts(nil, "", presented{certificate: &x509.Certificate{RawSubject: rawSubject}}) == nil
	}
	if !takes(subject(t, app)) {
		t.Fatal("the client's own certificate is refused")
	}
	colleague := app
	colleague.ExtraNames = []pkix.AttributeTypeAndValue{{Type: uid, Value: "mallory"}}
	if takes(subject(t, colleague)) {
		t.Error("another uid is taken for the client")
	}
	turned := app.ToRDNSequence()
	slices.Reverse(turned)
	encoded, err := asn1.Marshal(turned)
	if err != nil {
		t.Fatal(err)
	}
	if takes(encoded) {
		t.Error("another order is taken for the client")
	}
	for _, broken := range [][]byte{nil, append(subject(t, app), 0)} {
		if takes(broken) {
			t.Errorf("subject %x is taken", broken)
		}
	}
}

// FuzzSubject reads subjects. A certificate is the client's only if the whole of its subject is.
func FuzzSubject(f *testing.F) {
	const client = `CN=app\, one,O=Example`
	f.Add(subject(f, pkix.Name{CommonName: "app, one", Organization: []string{"Example"}}))
	f.Add(subject(f, pkix.Name{CommonName: "app, one", Organization: []string{"Example"}, SerialNumber: "1"}))
	f.Add(subject(f, pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: "app"}}}))
	f.Add([]byte{0x30, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := &x509.Certificate{RawSubject: raw}
		text, ok := subjectOf(c)
		if (CertificateField{SubjectDN: client}).matches(c) != (ok && text == client) {
			t.Errorf("%q is taken for the client, or not", text)
		}
		if longer := append(slices.Clone(raw), 0); ok {
			if text, ok := subjectOf(&x509.Certificate{RawSubject: longer}); ok {
				t.Errorf("%q is read with something behind it", text)
			}
		}
		if !ok && text != "" {
			t.Errorf("%q of what is no subject", text)
		}
	})
}
