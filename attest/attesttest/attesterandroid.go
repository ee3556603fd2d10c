package attesttest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// PasskeyDescription is what Android's extension says about a key. An origin below zero is not there.
type PasskeyDescription struct {
	AttestationLevel, KeyLevel int // 0 software, 1 TEE, 2 StrongBox
	Challenge                  []byte
	Software, Hardware         PasskeyAuthorizations
}

// PasskeyAuthorizations is an authorization list of Android.
type PasskeyAuthorizations struct {
	Purpose         []int
	AllApplications bool
	Origin          int
	Others          []byte // entries in DER, in front
}

func (a Attester) android(t testing.TB, s *signing) Pairs {
	d := PasskeyDescription{
		AttestationLevel: 1, KeyLevel: 1, Challenge: s.clientDataHash,
		Software: PasskeyAuthorizations{Origin: -1}, Hardware: PasskeyAuthorizations{Purpose: []int{2}, Origin: 0},
	}
	if a.Description != nil {
		a.Description(&d)
	}
	x5c := a.chain(t, s.passkey.Key.Public(), func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "Android Keystore Key"}
		c.ExtraExtensions = []pkix.Extension{d.Extension()}
	})
	return Pairs{{"alg", s.passkey.Algorithm}, {"sig", sign(s.passkey.Key, s.passkey.Algorithm, s.signedData())}, {"x5c", x5c}}
}

// Extension encodes the description.
func (d PasskeyDescription) Extension() pkix.Extension {
	value := checked(asn1.Marshal(struct {
		Version            int
		AttestationLevel   asn1.Enumerated
		KeyVersion         int
		KeyLevel           asn1.Enumerated
		Challenge, ID      []byte
		Software, Hardware asn1.RawValue
	}{300, asn1.Enumerated(d.AttestationLevel), 300, asn1.Enumerated(d.KeyLevel), d.Challenge, nil, d.Software.list(), d.Hardware.list()}))
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}, Value: value}
}

func (a PasskeyAuthorizations) list() asn1.RawValue {
	var entries []byte
	if a.Purpose != nil {
		entries = append(entries, tagged(1, checked(asn1.MarshalWithParams(a.Purpose, "set")))...)
	}
	entries = append(entries, a.Others...)
	if a.AllApplications {
		entries = append(entries, tagged(600, []byte{asn1.TagNull, 0})...)
	}
	if a.Origin >= 0 {
		entries = append(entries, tagged(702, checked(asn1.Marshal(a.Origin)))...)
	}
	return asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: entries}
}

func tagged(tag int, der []byte) []byte {
	return checked(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: der}))
}
