package appraise

import (
	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/apple"
	"github.com/regrant/regrant/attest/certpath"
)

// appleClaims is what Apple says of the device that holds a key.
type appleClaims struct {
	SPKI         string `json:"spki_sha256"`
	Serial       string `json:"serial,omitempty"`
	UDID         string `json:"udid,omitempty"`
	Model        string `json:"model,omitempty"`
	OSVersion    string `json:"os_version,omitempty"`
	SepOSVersion string `json:"sepos_version,omitempty"`
	LLBVersion   string `json:"llb_version,omitempty"`
	SIP          *bool  `json:"sip,omitempty"`
	SecureBoot   string `json:"secure_boot,omitempty"`
	Kexts        *bool  `json:"kernel_extensions,omitempty"` // those of third parties are allowed
}

// appleDevice is the format apple-device.
func appleDevice(r *Request) (any, error) {
	var expect struct {
		Serial *string `json:"serial"`
		UDID   *string `json:"udid"`
	}
	if err := r.Expect(&expect); err != nil {
		return nil, err
	}
	chain, err := r.attested(certpath.Parse)
	if err != nil {
		return nil, err
	}
	a, err := apple.Policy{Roots: r.Trust.roots, Now: r.Now, Serial: expect.Serial, UDID: expect.UDID}.Verify(chain, r.Challenge)
	if err != nil {
		return nil, err
	}
	d, spki := a.Device, a.Path.Leaf().SPKI()
	return appleClaims{
		SPKI: encode(spki[:]), Serial: d.Serial, UDID: d.UDID, Model: d.Model,
		OSVersion: d.OSVersion, SepOSVersion: d.SepOSVersion, LLBVersion: d.LLBVersion,
		SIP: d.SIP, SecureBoot: d.SecureBoot, Kexts: d.Kexts,
	}, nil
}

// attested reads the certificates of a device's attestation. Each counts, and there must be a challenge that they answer.
func (r *Request) attested(parse func(der []byte) (*certpath.Certificate, error)) ([]*certpath.Certificate, error) {
	var evidence struct {
		Certificates []string `json:"certificates"`
	}
	if err := r.Evidence(&evidence); err != nil {
		return nil, err
	}
	if evidence.Certificates == nil || r.Challenge == nil {
		return nil, errMissing
	}
	if n := len(evidence.Certificates); n > maxCertificates {
		return nil, attest.Refuse(attest.ReasonMalformed, "%d certificates", n)
	}
	var chain []*certpath.Certificate
	for i, text := range evidence.Certificates {
		der, err := block(text, "CERTIFICATE")
		if err != nil {
			return nil, attest.Refuse(attest.ReasonMalformed, "certificate %d %v", i, err)
		}
		c, err := parse(der)
		if err != nil {
			return nil, attest.Refuse(attest.ReasonMalformed, "certificate %d: %v", i, err)
		}
		chain = append(chain, c)
	}
	return chain, nil
}
