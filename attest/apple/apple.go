// Package apple verifies managed device attestation: a certificate in which Apple says of which device, and in what state, a key in its Secure Enclave
// is. The key is that of the leaf.
package apple

import (
	"crypto/subtle"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Policy says whom to trust and which device is expected.
type Policy struct {
	Roots []*certpath.Certificate // the only anchors: Apple's Enterprise Attestation Root CA
	Now   time.Time               // the only clock

	// Serial and UDID are those of the device that is expected. Nil: any, also a device that does not tell, as one under user enrolment does not.
	Serial, UDID *string
}

// Attestation is what a chain says about the device of its leaf's key.
type Attestation struct {
	Path   certpath.Path
	Device Device
}

// maxChain is how many certificates may be sent. Apple sends the leaf and one above it, some senders the root too.
const maxChain = 6

// Verify makes the checks in the order in which they are numbered. freshness is what the attestation must have been made for: 32 bytes as a device management
// server gave them to the device (DeviceAttestationNonce), or SHA-256 of the token of an ACME challenge. The error is an *[attest.Error].
func (p Policy) Verify(chain []*certpath.Certificate, freshness []byte) (*Attestation, error) {
	if n := len(chain); n < 1 || n > maxChain {
		return nil, attest.Refuse(attest.ReasonMalformed, "%d certificates, 1 to %d allowed", n, maxChain)
	}
	// 1. A path leads from the leaf to an anchor.
	path, err := certpath.Find(chain[0], chain[1:], certpath.Options{Anchors: p.Roots, Now: p.Now})
	if err != nil {
		return nil, err
	}
	// 2. The leaf is that of a device's key.
	if path.Leaf().IsCA() || !path.Leaf().MaySignData() {
		return nil, attest.Refuse(attest.ReasonPurpose, "the leaf is not the certificate of a device's key")
	}
	// 3. Apple's statements about the device can be read.
	device, err := parse(path.Leaf().X509.Extensions)
	if err != nil {
		return nil, err
	}
	// 4. They were made for this challenge. A device may hand out an attestation that it was given days before: that one proves nothing now.
	if len(freshness) == 0 || subtle.ConstantTimeCompare(device.freshness, freshness) != 1 {
		return nil, attest.Refuse(attest.ReasonChallenge, "the attestation carries another freshness code, or none")
	}
	// 5. They are about the device that is expected.
	if p.Serial != nil && (device.Serial == "" || device.Serial != *p.Serial) || p.UDID != nil && (device.UDID == "" || device.UDID != *p.UDID) {
		return nil, attest.Refuse(attest.ReasonIdentity, "another device, or one that does not tell which")
	}
	return &Attestation{Path: path, Device: *device}, nil
}
