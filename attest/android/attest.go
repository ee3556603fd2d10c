package android

import (
	"fmt"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Format is the name under which Android's attestation is sent.
const Format = "android-key"

// Attest judges the chain of a key, as the key store has it. The error is an *[attest.Error].
func (p Policy) Attest(certificates [][]byte, challenge []byte) (attest.Attested, error) {
	var chain []*certpath.Certificate
	for i, der := range certificates {
		c, err := ParseCertificate(der)
		if err != nil {
			return attest.Attested{}, attest.Refuse(attest.ReasonMalformed, "certificate %d: %v", i, err)
		}
		chain = append(chain, c)
	}
	a, err := p.Verify(chain, challenge)
	if err != nil {
		return attest.Attested{}, err
	}
	hardware := a.Description.Hardware
	detail := map[string]string{"attestation": Format, "security_level": a.Description.KeyLevel.String()}
	if boot := hardware.RootOfTrust; boot != nil {
		detail["verified_boot"], detail["device_locked"] = boot.State.String(), fmt.Sprint(boot.DeviceLocked)
	}
	if hardware.OSPatchLevel != 0 {
		detail["os_patch_level"] = fmt.Sprint(hardware.OSPatchLevel)
	}
	return attest.Attested{
		SPKI: a.Path.Leaf().SPKI(), Model: strings.TrimSpace(hardware.Manufacturer + " " + hardware.Model), Detail: detail,
	}, nil
}
