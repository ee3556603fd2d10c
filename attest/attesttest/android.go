package attesttest

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
)

// The extensions of Android's attestation certificates.
var (
	AndroidAttestation  = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}
	AndroidProvisioning = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 30}
)

// KeyDescription is the content of an Android attestation extension. A test changes one thing of a good one.
type KeyDescription struct {
	Version, KeyVersion int
	AttestationLevel    int // 0 software, 1 TEE, 2 StrongBox
	KeyLevel            int
	Challenge, UniqueID []byte
	Software, Hardware  Authorizations
}

// Authorization is a member of an authorization list: a tag, and the DER of its value.
type Authorization struct {
	Tag   int
	Value []byte
}

// Authorizations is an authorization list in the order in which it is written.
type Authorizations []Authorization

// With returns the list with the value of tag set, in its place; nil takes it out.
func (a Authorizations) With(tag int, value []byte) Authorizations {
	list := slices.DeleteFunc(slices.Clone(a), func(m Authorization) bool { return m.Tag == tag })
	if value == nil {
		return list
	}
	at, _ := slices.BinarySearchFunc(list, tag, func(m Authorization, tag int) int { return m.Tag - tag })
	return slices.Insert(list, at, Authorization{tag, value})
}

// Encode returns the content of the list as DER elements.
func (a Authorizations) Encode() []byte {
	var out []byte
	for _, m := range a {
		out = append(out, must(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: m.Tag, IsCompound: true, Bytes: m.Value})...)
	}
	return out
}

// Encode returns the value of the extension.
func (d *KeyDescription) Encode() []byte {
	return Sequence(
		Integer(d.Version), Enumerated(d.AttestationLevel), Integer(d.KeyVersion), Enumerated(d.KeyLevel),
		Octets(d.Challenge), Octets(d.UniqueID), Sequence(d.Software.Encode()), Sequence(d.Hardware.Encode()),
	)
}

// NewKeyDescription describes a signing key in the TEE of a phone that is locked and runs its maker's system.
func NewKeyDescription(version int, challenge []byte) *KeyDescription {
	var locked []byte
	if version < 3 { // no verifiedBootHash yet
		locked = RootOfTrust(0xff, 0, nil)
	} else {
		locked = RootOfTrust(0xff, 0, make([]byte, 32))
	}
	return &KeyDescription{
		Version: version, KeyVersion: version, AttestationLevel: 1, KeyLevel: 1, Challenge: challenge,
		Software: Authorizations{
			{701, Integer(1780000000000)},
			{709, ApplicationID("org.example.wallet")},
		},
		Hardware: Authorizations{
			{1, Set(2, 3)},
			{2, Integer(3)},
			{3, Integer(256)},
			{5, Set(4)},
			{10, Integer(1)},
			{503, Null()},
			{702, Integer(0)},
			{704, locked},
			{705, Integer(160000)},
			{706, Integer(202609)},
			{710, Octets([]byte("example"))},
			{716, Octets([]byte("Example"))},
			{717, Octets([]byte("Phone 1"))},
		},
	}
}

// RootOfTrust encodes how a phone was started: locked is the octet of the BOOLEAN.
func RootOfTrust(locked byte, state int, bootHash []byte) []byte {
	parts := [][]byte{Octets(make([]byte, 32)), {1, 1, locked}, Enumerated(state)}
	if bootHash != nil {
		parts = append(parts, Octets(bootHash))
	}
	return Sequence(parts...)
}

// ApplicationID encodes the apps that share a key.
func ApplicationID(packages ...string) []byte {
	var infos []byte
	for _, name := range packages {
		infos = append(infos, Sequence(Octets([]byte(name)), Integer(7))...)
	}
	set := asn1.RawValue{Tag: asn1.TagSet, IsCompound: true}
	digests := set
	set.Bytes, digests.Bytes = infos, Octets(make([]byte, 32))
	return Octets(Sequence(must(set), must(digests)))
}

// Android is what attests the keys of a phone: a root, a CA below it and the attestation key.
type Android struct {
	Root, Intermediate, Key *CA
}

// NewFactory makes what attests in a phone whose attestation key came into it when it was made. mutate changes the certificate of the
// attestation key and may be nil.
func NewFactory(t testing.TB, mutate func(tmpl *x509.Certificate)) *Android {
	t.Helper()
	named := func(serial string) func(*x509.Certificate) {
		return func(tmpl *x509.Certificate) { tmpl.Subject = pkix.Name{SerialNumber: serial} }
	}
	root := NewCAWith(t, named("f0f0f0f0f0f0f0f0"))
	return root.android(t, named("0123456789abcdef"), func(tmpl *x509.Certificate) {
		named("fedcba9876543210")(tmpl)
		tmpl.KeyUsage = x509.KeyUsageCertSign
		if mutate != nil {
			mutate(tmpl)
		}
	})
}

// NewRemote makes what attests in a phone whose attestation key is certified over the network.
func NewRemote(t testing.TB, kind string, mutate func(tmpl *x509.Certificate)) *Android {
	t.Helper()
	return NewCA(t).android(t, func(tmpl *x509.Certificate) {
		tmpl.Subject = pkix.Name{CommonName: "Droid CA2", Organization: []string{"Google LLC"}}
	}, func(tmpl *x509.Certificate) {
		tmpl.Subject = pkix.Name{CommonName: "2c85cdc15c3042f25698906669c35137", Organization: []string{kind}}
		tmpl.KeyUsage = x509.KeyUsageCertSign
		tmpl.ExtraExtensions = []pkix.Extension{{Id: AndroidProvisioning, Value: []byte{0xa1, 1, 4}}}
		if mutate != nil {
			mutate(tmpl)
		}
	})
}

func (ca *CA) android(t testing.TB, intermediate, key func(tmpl *x509.Certificate)) *Android {
	t.Helper()
	numbered := func(change func(*x509.Certificate)) func(*x509.Certificate) {
		return func(tmpl *x509.Certificate) { tmpl.SerialNumber = serial(t); change(tmpl) }
	}
	above := ca.Intermediate(t, numbered(intermediate))
	return &Android{Root: ca, Intermediate: above, Key: above.Intermediate(t, numbered(key))}
}

// AndroidKey attests a key. The chain ends with the root, as that of a phone does. mutate changes the leaf and may be nil.
func (a *Android) AndroidKey(t testing.TB, d *KeyDescription, mutate func(tmpl *x509.Certificate)) *Device {
	t.Helper()
	device := a.Key.Device(t, func(tmpl *x509.Certificate) {
		tmpl.SerialNumber.SetInt64(1) // on every phone
		tmpl.Subject = pkix.Name{CommonName: "Android Keystore Key"}
		tmpl.URIs, tmpl.ExtKeyUsage, tmpl.BasicConstraintsValid = nil, nil, false
		tmpl.ExtraExtensions = []pkix.Extension{{Id: AndroidAttestation, Value: d.Encode()}}
		if mutate != nil {
			mutate(tmpl)
		}
	})
	device.Chain = append(device.Chain, PEM(a.Root.Certificate))
	return device
}
