package tpm

import (
	"crypto/rsa"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
)

const (
	minRSA      = 2048 // bits
	maxRSA      = 8192 // bits; more only makes verifying slow
	minExponent = 65537
)

// strongRSA accepts moduli from 2048 bits, in whole octets, not of the form that ROCA breaks, and exponents from 65537.
func strongRSA(k *rsa.PublicKey) error {
	n := k.N.BitLen()
	if n < minRSA || n > maxRSA || n%8 != 0 || k.N.Bit(0) == 0 || k.E < minExponent || k.E%2 == 0 {
		return attest.Refuse(attest.ReasonKey, "RSA key of %d bits with exponent %d", n, k.E)
	}
	return strongkey.CheckNew(k)
}
