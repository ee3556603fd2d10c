package webauthn

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// oidKeyDescription is the extension in which Android describes a key.
var oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// Tags and values of an authorization list (Android: key and ID attestation, schema).
const (
	tagPurpose         = 1
	tagAllApplications = 600
	tagOrigin          = 702

	purposeSign     = 2
	originGenerated = 0
	originUnknown   = -1

	levelSoftware = 0
)

var errDescription = attest.Refuse(attest.ReasonMalformed, "description of the key is not built as it must be")

// keyDescription is what WebAuthn judges of an Android key.
type keyDescription struct {
	levels             [2]asn1.Enumerated // of the attestation and of the key
	challenge          []byte
	software, hardware authorizations
}

// authorizations says what may be done with a key.
type authorizations struct {
	sign            bool
	allApplications bool
	origin          int
}

// inHardware tells whether attestation and key are both the work of something better than software.
func (d *keyDescription) inHardware() bool {
	return !slices.Contains(d.levels[:], levelSoftware)
}

func describedIn(c *certpath.Certificate) (*keyDescription, error) {
	i := slices.IndexFunc(c.X509.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidKeyDescription) })
	if i < 0 {
		return nil, attest.Refuse(attest.ReasonMalformed, "attestation certificate does not describe the key")
	}
	return parseDescription(c.X509.Extensions[i].Value)
}

func parseDescription(der []byte) (*keyDescription, error) {
	var raw struct {
		AttestationVersion int
		AttestationLevel   asn1.Enumerated
		KeyVersion         int
		KeyLevel           asn1.Enumerated
		Challenge          []byte
		UniqueID           []byte
		Software, Hardware asn1.RawValue
	}
	if rest, err := asn1.Unmarshal(der, &raw); err != nil || len(rest) > 0 {
		return nil, errDescription
	}
	d := &keyDescription{levels: [2]asn1.Enumerated{raw.AttestationLevel, raw.KeyLevel}, challenge: raw.Challenge}
	var err error
	if d.software, err = parseAuthorizations(raw.Software); err != nil {
		return nil, err
	}
	d.hardware, err = parseAuthorizations(raw.Hardware)
	return d, err
}

// parseAuthorizations reads the entries that are judged, in their order and none twice, and passes over the others.
func parseAuthorizations(list asn1.RawValue) (authorizations, error) {
	a := authorizations{origin: originUnknown}
	if list.Class != asn1.ClassUniversal || list.Tag != asn1.TagSequence || !list.IsCompound {
		return a, errDescription
	}
	last := -1
	for rest := list.Bytes; len(rest) > 0; {
		var entry asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &entry); err != nil {
			return a, errDescription
		}
		if entry.Class != asn1.ClassContextSpecific || !entry.IsCompound || entry.Tag <= last {
			return a, errDescription
		}
		last = entry.Tag
		if err := a.take(entry); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (a *authorizations) take(entry asn1.RawValue) error {
	var rest []byte
	var err error
	switch entry.Tag {
	case tagPurpose:
		var purposes []int
		rest, err = asn1.UnmarshalWithParams(entry.Bytes, &purposes, "set")
		a.sign = slices.Contains(purposes, purposeSign)
	case tagAllApplications:
		a.allApplications = true
	case tagOrigin:
		rest, err = asn1.Unmarshal(entry.Bytes, &a.origin)
	}
	if err != nil || len(rest) > 0 {
		return errDescription
	}
	return nil
}
