package wallet

import (
	"crypto/sha256"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

// Chip is a TPM with an endorsement key, an attestation key and an application key, in a machine that has booted well.
type Chip struct {
	chip      *tpmtest.Chip
	ak, key   *tpmtest.Key
	registers tpm.Registers
	activated []byte // the secret that the chip opened at its enrolment
}

// NewChip makes a chip of that maker.
func NewChip(t testing.TB, maker *attesttest.CA) *Chip {
	t.Helper()
	log := tpmtest.Boot()
	return &Chip{
		chip: tpmtest.NewChip(t, maker, tpmtest.RSA(), nil), ak: tpmtest.NewAK(t), key: tpmtest.NewApplicationKey(t),
		registers: tpm.Registers{0: log.PCRs[0], 7: log.PCRs[7]},
	}
}

// Method is [attest.MethodTPM].
func (c *Chip) Method() attest.Method { return attest.MethodTPM }

// Begin tells certificates and keys.
func (c *Chip) Begin() []byte {
	certified := c.ak.Certify(c.key, nil, nil)
	return encode(object{
		"ek_certificates": []string{base64url(c.chip.Chain[0])}, "ak_public": base64url(c.ak.Area()), "key_public": base64url(c.key.Area()),
		"key_attest": base64url(certified.Attest), "key_signature": base64url(certified.Signature),
	})
}

// Finish opens the credential, and quotes.
func (c *Chip) Finish(options []byte, text string) []byte {
	var o struct {
		Credential string `json:"credential"`
		Secret     string `json:"encrypted_secret"`
	}
	decode(options, &o)
	var err error
	if c.activated, err = c.chip.Activate(c.ak.Name(), unbase64(o.Credential), unbase64(o.Secret)); err != nil {
		panic(err) // a credential for another chip ends the test
	}
	answer := c.quote(text)
	answer["secret"] = base64url(c.activated)
	return encode(answer)
}

// Keep has nothing to keep.
func (c *Chip) Keep([]string) {}

// Evidence is a quote.
func (c *Chip) Evidence(statement string) []byte {
	o := c.quote(statement)
	o["method"], o["ak_public"] = c.Method(), base64url(c.ak.Area())
	return encode(o)
}

func (c *Chip) quote(text string) object {
	sum := sha256.Sum256([]byte(text))
	q := c.ak.Quote(sum[:], c.registers, nil)
	return object{"quote": base64url(q.Attest), "signature": base64url(q.Signature), "pcrs": c.registers.Format()}
}

// Secrets are the private keys, and what activated the credential.
func (c *Chip) Secrets() map[string][]byte {
	return map[string][]byte{
		"attestation key": private(c.ak.Private), "application key": private(c.key.Private),
		"secret of the credential": c.activated,
	}
}
