package appraise

import (
	"errors"

	"github.com/regrant/regrant/attest/android"
)

// androidClaims is what Android's secure hardware says of a key, and of the phone that holds it.
type androidClaims struct {
	SPKI          string   `json:"spki_sha256"`
	SecurityLevel string   `json:"security_level"`
	Version       int      `json:"attestation_version"`
	Provisioning  string   `json:"provisioning"` // "factory" or "remote"
	VerifiedBoot  string   `json:"verified_boot,omitempty"`
	DeviceLocked  *bool    `json:"device_locked,omitempty"`
	OSVersion     int      `json:"os_version,omitempty"`
	OSPatchLevel  int      `json:"os_patch_level,omitempty"`
	Packages      []string `json:"packages,omitempty"`
	Brand         string   `json:"brand,omitempty"`
	Manufacturer  string   `json:"manufacturer,omitempty"`
	Model         string   `json:"model,omitempty"`
}

// androidKey is the format android-key.
func androidKey(r *Request) (any, error) {
	policy, err := r.expectAndroid()
	if err != nil {
		return nil, err
	}
	chain, err := r.attested(android.ParseCertificate)
	if err != nil {
		return nil, err
	}
	a, err := policy.Verify(chain, r.Challenge)
	if err != nil {
		return nil, err
	}
	return claimsOfAndroid(a), nil
}

// expectAndroid reads what is expected of a phone. Without a status list nothing is known to be unrevoked, so that everything is refused.
func (r *Request) expectAndroid() (*android.Policy, error) {
	var m struct {
		SecurityLevel  *string  `json:"security_level"`
		VerifiedBoot   *bool    `json:"verified_boot"`
		DeviceLocked   *bool    `json:"device_locked"`
		OSPatchLevel   *int     `json:"os_patch_level"`
		Packages       []string `json:"packages"`
		ExpiredFactory bool     `json:"expired_factory"`
	}
	if err := r.Expect(&m); err != nil {
		return nil, err
	}
	p := &android.Policy{
		Roots: r.Trust.roots, Status: r.Trust.status, Now: r.Now,
		ExpiredFactory: m.ExpiredFactory, Packages: m.Packages,
		AnyBootState: m.VerifiedBoot != nil && !*m.VerifiedBoot, Unlocked: m.DeviceLocked != nil && !*m.DeviceLocked,
	}
	if m.SecurityLevel != nil {
		switch *m.SecurityLevel {
		case "tee":
		case "strongbox":
			p.StrongBox = true
		default:
			return nil, errors.New(`security_level is neither "tee" nor "strongbox"`)
		}
	}
	if m.OSPatchLevel != nil {
		if p.PatchLevel = *m.OSPatchLevel; !android.IsPatchLevel(p.PatchLevel) {
			return nil, errors.New("os_patch_level is not a month as YYYYMM")
		}
	}
	if m.Packages != nil && len(m.Packages) == 0 {
		return nil, errors.New("packages names none")
	}
	return p, nil
}

func claimsOfAndroid(a *android.Attestation) any {
	d := a.Description
	spki := a.Path.Leaf().SPKI()
	c := androidClaims{
		SPKI: encode(spki[:]), SecurityLevel: d.KeyLevel.String(), Version: d.Version, Provisioning: "remote",
		OSVersion: d.Hardware.OSVersion, OSPatchLevel: d.Hardware.OSPatchLevel, Packages: d.Packages(),
		Brand: d.Hardware.Brand, Manufacturer: d.Hardware.Manufacturer, Model: d.Hardware.Model,
	}
	if a.Factory {
		c.Provisioning = "factory"
	}
	if boot := d.Hardware.RootOfTrust; boot != nil {
		c.VerifiedBoot, c.DeviceLocked = boot.State.String(), &boot.DeviceLocked
	}
	return c
}
