package certpath_test

import (
	"bytes"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest/certpath"
)

// parts takes a DER element apart into those inside.
func parts(t testing.TB, der []byte) []asn1.RawValue {
	t.Helper()
	var inside []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &inside); err != nil || len(rest) != 0 {
		t.Fatalf("%v, %d bytes left", err, len(rest))
	}
	return inside
}

func joined(t testing.TB, inside []asn1.RawValue) []byte {
	t.Helper()
	der, err := asn1.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func whole(der string) asn1.RawValue { return asn1.RawValue{FullBytes: []byte(der)} }

// inTBS returns the certificate with its TBSCertificate changed. The fields are: version, serialNumber, signature, issuer, validity, subject,
// subjectPublicKeyInfo, extensions.
func inTBS(t testing.TB, der []byte, change func([]asn1.RawValue) []asn1.RawValue) []byte {
	t.Helper()
	outer := parts(t, der)
	outer[0] = whole(string(joined(t, change(parts(t, outer[0].FullBytes)))))
	return joined(t, outer)
}

func TestCertificateThatIsNotWellFormedIsRefused(t *testing.T) {
	good := grow(t, nil, nil).leaf.Raw
	if _, err := certpath.Parse(inTBS(t, good, func(f []asn1.RawValue) []asn1.RawValue { return f })); err != nil {
		t.Fatal(err)
	}
	validity := func(text string) func([]asn1.RawValue) []asn1.RawValue {
		return func(f []asn1.RawValue) []asn1.RawValue {
			f[4] = whole("\x30" + string(rune(len(text)+17)) + "\x17" + string(rune(len(text))) + text + "\x17\x0d491231235959Z")
			return f
		}
	}
	if _, err := certpath.Parse(inTBS(t, good, validity("200101000000Z"))); err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{
		"nothing":              nil,
		"rest":                 append(bytes.Clone(good), 0),
		"too large":            append(bytes.Clone(good), make([]byte, certpath.MaxCertificate)...),
		"time without seconds": inTBS(t, good, validity("2001010000Z")),
		"time with an offset":  inTBS(t, good, validity("200101000000+0000")),
		"third time":           inTBS(t, good, func(f []asn1.RawValue) []asn1.RawValue { f[4] = appended(f[4], "\x17\x0d491231235959Z"); return f }),
		"version 1 with extensions": inTBS(t, good, func(f []asn1.RawValue) []asn1.RawValue {
			return f[1:]
		}),
		"field behind the extensions": inTBS(t, good, func(f []asn1.RawValue) []asn1.RawValue { return append(f, whole("\x05\x00")) }),
		"field behind the signature":  joined(t, append(parts(t, good), whole("\x05\x00"))),
		"signature with spare bits":   joined(t, append(parts(t, good)[:2], whole("\x03\x02\x01\x00"))),
		"extension twice": inTBS(t, good, func(f []asn1.RawValue) []asn1.RawValue {
			list := parts(t, f[7].Bytes)
			f[7] = wrapped(t, append(list, list[0]))
			return f
		}),
		"extended key usage with a rest":  withExtension(t, good, "\x55\x1d\x25", "\x30\x05\x06\x03\x55\x04\x03\x00"),
		"basic constraints with a rest":   withExtension(t, good, "\x55\x1d\x13", "\x30\x02\x05\x00"),
		"policies that are none":          withExtension(t, good, "\x55\x1d\x20", "\x30\x00"),
		"policy constraints of nothing":   withExtension(t, good, "\x55\x1d\x24", "\x30\x00"),
		"alternative names that are none": withExtension(t, good, "\x55\x1d\x11", "\x30\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := certpath.Parse(der); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func appended(v asn1.RawValue, der string) asn1.RawValue {
	v.Bytes = slices.Concat(v.Bytes, []byte(der))
	v.FullBytes = nil
	return v
}

// wrapped makes the field extensions.
func wrapped(t testing.TB, list []asn1.RawValue) asn1.RawValue {
	t.Helper()
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3, IsCompound: true, Bytes: joined(t, list)}
}

// withExtension puts one extension in the place of all.
func withExtension(t testing.TB, der []byte, oid, value string) []byte {
	t.Helper()
	type ext struct {
		ID    asn1.RawValue
		Value []byte
	}
	return inTBS(t, der, func(f []asn1.RawValue) []asn1.RawValue {
		one, err := asn1.Marshal(ext{whole("\x06" + string(rune(len(oid))) + oid), []byte(value)})
		if err != nil {
			t.Fatal(err)
		}
		f[7] = wrapped(t, []asn1.RawValue{whole(string(one))})
		return f
	})
}

func FuzzParse(f *testing.F) {
	tr := grow(f, nil, nil, extra(constraints(true, permitDNS("example.com"), permit(4, dn("a")))), all(under(gold), mapped(gold, silver), limits(true, 1, 0), inhibitAny(1)))
	for _, c := range append(tr.cas, tr.leaf, tr.root.Certificate) {
		f.Add(c.Raw)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := certpath.Parse(der)
		if err != nil {
			return
		}
		if !c.Is(c) || !c.Subject.Equal(c.Subject) {
			t.Error("a certificate is not itself")
		}
		// Whatever was parsed can be searched with, and nobody trusts it.
		if path, err := certpath.Find(c, []*certpath.Certificate{c}, certpath.Options{Anchors: certpath.NewAll(tr.cas[:1]), Now: now}); err == nil && !c.X509.Equal(tr.cas[1]) && len(path) < 2 {
			t.Error("a certificate vouches for itself")
		}
	})
}
