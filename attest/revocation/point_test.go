package revocation

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// FuzzSourcesOf reads distribution points. What cannot be read in full leads nowhere, and each address is one that stands there.
func FuzzSourcesOf(f *testing.F) {
	type tag = asn1.RawValue
	context := func(n int, members ...[]byte) []byte {
		der, err := asn1.Marshal(tag{Class: asn1.ClassContextSpecific, Tag: n, IsCompound: true, Bytes: slices.Concat(members...)})
		if err != nil {
			f.Fatal(err)
		}
		return der
	}
	plain := func(n int, content string) []byte {
		der, err := asn1.Marshal(tag{Class: asn1.ClassContextSpecific, Tag: n, Bytes: []byte(content)})
		if err != nil {
			f.Fatal(err)
		}
		return der
	}
	seq := attesttest.Sequence
	ca := attesttest.NewCA(f)
	url := context(0, context(0, plain(6, "http://crl.example.org/1"), plain(6, "ldap://crl.example.org")))
	someReasons, issuer := plain(1, "\x01\x60"), context(2, context(4, ca.Certificate.RawSubject))
	name := pkix.Name{CommonName: "1"}.ToRDNSequence()[0][0]
	relative, err := asn1.Marshal(name)
	if err != nil {
		f.Fatal(err)
	}
	for _, points := range [][][]byte{{seq(url)}, {seq(url, someReasons), seq(issuer)}, {seq(url, issuer)}, {seq(context(0, context(1, relative)))}} {
		f.Add(seq(points...))
	}
	device := ca.Device(f, nil).Certificate
	parsed, err := certpath.Parse(device.Raw)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		c, leaf := *parsed, *device
		leaf.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: value}}
		c.X509 = &leaf
		found := SourcesOf(&c)
		for _, address := range found.CRLs {
			if !bytes.Contains(value, []byte(address)) {
				t.Errorf("found %q", address)
			}
		}
		if list, err := points(&c); err != nil && found.CRLs != nil || err == nil && len(list) < 2 {
			t.Errorf("%d points, %v, %v", len(list), found, err)
		}
	})
}
