// Package android verifies Android key attestation: a chain of certificates in which a phone's secure hardware, and Google above it, says
// where a key was made, who may use it and in what state the phone was started.
//
// The attestation is an extension of a certificate that the secure hardware signed. Only the one nearest to the root was made by it: a key
// that was attested can itself sign certificates, with whatever extension its owner likes. So a chain counts only when the leaf alone has the extension.
//
// Android's chains do not all keep to RFC 5280. Where they may differ from it is said at [Policy.path].
package android

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Policy says what is demanded of a key and of the phone that holds it. The zero value trusts nobody; what is left out is as strict as can be, save
// for what is in itself a further demand.
type Policy struct {
	Roots []*certpath.Certificate // the only anchors
	Now   time.Time               // the only clock

	// Status is Google's list of what is revoked or suspended. Nil: whether a certificate is revoked cannot be told, and every chain is refused.
	Status *Status

	// ExpiredFactory accepts a chain that came into the phone when it was made, and whose certificates above the leaf have expired since: such a
	// phone has no way to get others. Never so for keys that are provisioned over the network, whose certificates are meant to expire.
	ExpiredFactory bool

	StrongBox    bool     // demand a separate chip
	AnyBootState bool     // also accept a system that its maker has not signed
	Unlocked     bool     // also accept an unlocked boot loader
	PatchLevel   int      // the oldest security patch of the system that is accepted, as YYYYMM; 0: any
	Packages     []string // the apps that the key may belong to; nil: any
}

// Attestation is what a chain says about the key of its leaf.
type Attestation struct {
	Path        certpath.Path
	Description Description
	Factory     bool // the attestation key came into the phone when it was made, not over the network
}

// Verify makes the checks in the order in which they are numbered. The chain is that of the key store: the leaf first, each certificate issued by the
// next one. The error is an *[attest.Error].
func (p Policy) Verify(chain []*certpath.Certificate, challenge []byte) (*Attestation, error) {
	// 1. Every certificate is issued by the next, and the last by an anchor.
	path, factory, err := p.path(chain)
	if err != nil {
		return nil, err
	}
	// 2. None of them is revoked.
	if err := p.Status.Check(path); err != nil {
		return nil, err
	}
	// 3. The leaf is what the secure hardware attested.
	description, err := attested(path)
	if err != nil {
		return nil, err
	}
	// 4. It was attested for this challenge.
	if len(challenge) == 0 || subtle.ConstantTimeCompare(description.Challenge, challenge) != 1 {
		return nil, attest.Refuse(attest.ReasonChallenge, "the attestation carries another challenge")
	}
	// 5. Hardware holds the key, made it, and signs with it.
	if err := p.key(path, description); err != nil {
		return nil, err
	}
	// 6. The phone runs what is expected of it.
	if err := p.system(description); err != nil {
		return nil, err
	}
	return &Attestation{Path: path, Description: *description, Factory: factory}, nil
}

// attested returns the description in the leaf, which must be the only one in the path.
func attested(path certpath.Path) (*Description, error) {
	for _, c := range path[1:] {
		if _, found := extension(c, oidDescription); found {
			return nil, attest.Refuse(attest.ReasonUntrusted, "a key that is itself attested issued a certificate of the chain")
		}
	}
	value, found := extension(path.Leaf(), oidDescription)
	if !found {
		return nil, attest.Refuse(attest.ReasonMalformed, "the leaf has no attestation extension")
	}
	return ParseDescription(value)
}

// key judges the key. What the system says about it (the list that software enforces) counts for nothing.
func (p Policy) key(path certpath.Path, d *Description) error {
	switch {
	case d.AttestationLevel == Software || d.KeyLevel == Software:
		return attest.Refuse(attest.ReasonKey, "the key is kept or attested by software")
	case d.AttestationLevel != d.KeyLevel:
		return attest.Refuse(attest.ReasonKey, "the key is kept in a %v and attested by a %v", d.KeyLevel, d.AttestationLevel)
	case contradicts(path, d.KeyLevel):
		return attest.Refuse(attest.ReasonKey, "the attestation key is not that of a %v", d.KeyLevel)
	case p.StrongBox && d.KeyLevel != StrongBox:
		return attest.Refuse(attest.ReasonPolicy, "a StrongBox is demanded")
	case d.Hardware.Origin != Generated:
		return attest.Refuse(attest.ReasonKey, "the key was not made in the hardware")
	case !slices.Contains(d.Hardware.Purposes, purposeSign) || !path.Leaf().MaySignData():
		return attest.Refuse(attest.ReasonKey, "the key is not one for signing")
	case d.Hardware.AllApplications || d.Software.AllApplications:
		return attest.Refuse(attest.ReasonKey, "every app may use the key")
	}
	return nil
}

// system judges how the phone was started and what runs on it. The state counts only where the hardware vouches for it.
func (p Policy) system(d *Description) error {
	boot := d.Hardware.RootOfTrust
	switch {
	case boot == nil && !(p.Unlocked && p.AnyBootState):
		return attest.Refuse(attest.ReasonIntegrity, "the hardware says nothing of how the phone was started")
	case !p.Unlocked && !boot.DeviceLocked:
		return attest.Refuse(attest.ReasonIntegrity, "the boot loader is unlocked")
	case !p.AnyBootState && boot.State != Verified:
		return attest.Refuse(attest.ReasonIntegrity, "the system that was started is %v", boot.State)
	case p.PatchLevel != 0 && (!IsPatchLevel(d.Hardware.OSPatchLevel) || d.Hardware.OSPatchLevel < p.PatchLevel):
		return attest.Refuse(attest.ReasonPolicy, "security patches of %d, at least %d demanded", d.Hardware.OSPatchLevel, p.PatchLevel)
	case p.Packages != nil && !within(d.Packages(), p.Packages):
		return attest.Refuse(attest.ReasonPurpose, "the key belongs to another app")
	}
	return nil
}

// within tells whether there are names and each is allowed. Apps that share a user share their keys, so that one that is not allowed is one too many.
func within(names, allowed []string) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(allowed, n) })
}

// IsPatchLevel tells whether n is a month as YYYYMM.
func IsPatchLevel(n int) bool { return n >= 200001 && n <= 999912 && n%100 >= 1 && n%100 <= 12 }
