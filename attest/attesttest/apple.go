package attesttest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// Apple is a device under managed device attestation, as its maker's certificates describe it. An empty or nil member is left out.
type Apple struct {
	Serial, UDID, Model                 string
	OSVersion, SepOSVersion, LLBVersion string
	SecureBoot                          string
	SIP, Kexts                          []byte // DER
	Freshness                           []byte
}

// NewApple describes a Mac as a good attestation does.
func NewApple(freshness []byte) *Apple {
	return &Apple{
		Serial: "C02TEST0001", UDID: "00008112-000A1C2E3F00401E", Model: "Mac14,2",
		OSVersion: "15.1", SepOSVersion: "15.1", LLBVersion: "11881.41.5", SecureBoot: "Full Security",
		SIP: []byte{2, 1, 0}, Kexts: []byte{2, 1, 0}, Freshness: freshness,
	}
}

// Extensions are those of the leaf.
func (a *Apple) Extensions() []pkix.Extension {
	var list []pkix.Extension
	for _, e := range []struct {
		last  []int
		value []byte
	}{
		{[]int{9, 1}, []byte(a.Serial)},
		{[]int{9, 2}, []byte(a.UDID)},
		{[]int{9, 4}, []byte(a.Model)},
		{[]int{10, 1}, []byte(a.OSVersion)},
		{[]int{10, 2}, []byte(a.SepOSVersion)},
		{[]int{10, 3}, []byte(a.LLBVersion)},
		{[]int{11, 1}, a.Freshness},
		{[]int{13, 1}, a.SIP},
		{[]int{13, 2}, []byte(a.SecureBoot)},
		{[]int{13, 3}, a.Kexts},
	} {
		if len(e.value) > 0 {
			id := append(asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8}, e.last...)
			list = append(list, pkix.Extension{Id: id, Value: e.value})
		}
	}
	return list
}

// AppleDevice makes a key in a device that ca attests. A test changes one thing of its certificate in mutate, which may be nil.
func (ca *CA) AppleDevice(t testing.TB, about *Apple, mutate func(tmpl *x509.Certificate)) *Device {
	t.Helper()
	return ca.Device(t, func(tmpl *x509.Certificate) {
		tmpl.URIs, tmpl.ExtKeyUsage = nil, nil
		tmpl.ExtraExtensions = about.Extensions()
		if mutate != nil {
			mutate(tmpl)
		}
	})
}
