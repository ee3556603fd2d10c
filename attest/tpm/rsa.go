package tpm

import (
	"crypto/rsa"
	"math/big"

	"github.com/regrant/regrant/attest"
)

const (
	minRSA      = 2048 // bits
	maxRSA      = 8192 // bits; more only makes verifying slow
	minExponent = 65537
)

// strongRSA accepts moduli from 2048 bits, in whole octets, not of the form that ROCA breaks, and exponents from 65537.
func strongRSA(k *rsa.PublicKey) error {
	n := k.N.BitLen()
	switch {
	case n < minRSA || n > maxRSA || n%8 != 0 || k.N.Bit(0) == 0 || k.E < minExponent || k.E%2 == 0:
		return attest.Refuse(attest.ReasonKey, "RSA key of %d bits with exponent %d", n, k.E)
	case isROCA(k.N):
		return attest.Refuse(attest.ReasonKey, "RSA key was made by a library that leaks its primes (CVE-2017-15361)")
	}
	return nil
}

// rocaPrimes are small primes modulo which 65537 generates few of the residues.
var rocaPrimes = []int64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

// rocaResidues holds for each of rocaPrimes the powers of 65537.
var rocaResidues = residues()

func residues() map[int64]map[int64]bool {
	powers := make(map[int64]map[int64]bool)
	for _, p := range rocaPrimes {
		powers[p] = make(map[int64]bool)
		for x := int64(1); !powers[p][x]; x = x * 65537 % p {
			powers[p][x] = true
		}
	}
	return powers
}

// isROCA tells whether n has the fingerprint of moduli whose primes are k*M + 65537^a mod M, with M a product of small primes (Nemec et
// al., The Return of Coppersmith's Attack, section 2): modulo each of them n is a power of 65537 too. Of other moduli, one in 2^27 has it.
func isROCA(n *big.Int) bool {
	var r big.Int
	for _, p := range rocaPrimes {
		if !rocaResidues[p][r.Mod(n, big.NewInt(p)).Int64()] {
			return false
		}
	}
	return true
}
