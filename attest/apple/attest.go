package apple

import (
	"fmt"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/certpath"
)

// Format is the name under which managed device attestation is sent.
const Format = "apple-device"

// Attest judges the certificates of a key. What names the device is left out of the outcome. The error is an *[attest.Error].
func (p Policy) Attest(certificates [][]byte, freshness []byte) (attest.Attested, error) {
	var chain []*certpath.Certificate
	for i, der := range certificates {
		c, err := certpath.Parse(der)
		if err != nil {
			return attest.Attested{}, attest.Refuse(attest.ReasonMalformed, "certificate %d: %v", i, err)
		}
		chain = append(chain, c)
	}
	a, err := p.Verify(chain, freshness)
	if err != nil {
		return attest.Attested{}, err
	}
	detail := map[string]string{"attestation": Format}
	for key, text := range map[string]string{"os_version": a.Device.OSVersion, "sepos_version": a.Device.SepOSVersion, "secure_boot": a.Device.SecureBoot} {
		if text != "" {
			detail[key] = text
		}
	}
	for key, state := range map[string]*bool{"sip": a.Device.SIP, "kernel_extensions": a.Device.Kexts} {
		if state != nil {
			detail[key] = fmt.Sprint(*state)
		}
	}
	return attest.Attested{SPKI: a.Path.Leaf().SPKI(), Model: a.Device.Model, Detail: detail}, nil
}
