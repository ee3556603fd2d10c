// Package strongkey says which public keys may stand for a person.
//
// A key that is not what its type promises makes every signature a forgery in waiting: with an Ed25519 key of small order one
// signature is good for every message, and RSA with a short modulus can be factored.
package strongkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

	"filippo.io/edwards25519"

	"github.com/regrant/regrant/attest"
)

const (
	maxRSA      = 8192 // bits; more only makes verifying slow
	minExponent = 65537
)

// Check accepts Ed25519, ECDSA on P-256, P-384 and P-521, and RSA from minRSA to 8192 bits. The refusal has the reason key.
func Check(key crypto.PublicKey, minRSA int) error {
	switch key := key.(type) {
	case ed25519.PublicKey:
		return checkEd25519(key)
	case *ecdsa.PublicKey:
		return checkECDSA(key)
	case *rsa.PublicKey:
		return checkRSA(key, minRSA)
	default:
		return attest.Refuse(attest.ReasonKey, "key is none of Ed25519, ECDSA, RSA")
	}
}

// checkEd25519 refuses what RFC 8032 section 5.1.3 does not decode, though Go's decoder does, and the eight points of small order.
func checkEd25519(key ed25519.PublicKey) error {
	point, err := new(edwards25519.Point).SetBytes(key)
	switch {
	case err != nil:
		return attest.Refuse(attest.ReasonKey, "Ed25519 key is not a point of the curve")
	case !bytes.Equal(point.Bytes(), key): // two spellings of one key would be two authenticators
		return attest.Refuse(attest.ReasonKey, "Ed25519 key is not in canonical form")
	case new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1:
		return attest.Refuse(attest.ReasonKey, "Ed25519 key has small order")
	}
	return nil
}

func checkECDSA(key *ecdsa.PublicKey) error {
	if !slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, key.Curve) {
		return attest.Refuse(attest.ReasonKey, "elliptic curve is none of P-256, P-384, P-521")
	}
	if _, err := key.Bytes(); err != nil {
		return attest.Refuse(attest.ReasonKey, "key is not a point of its curve")
	}
	return nil
}

// checkRSA demands whole octets, so that every signature has one length, and an odd exponent from 65537 (FIPS 186-5 section A.1.1).
func checkRSA(key *rsa.PublicKey, least int) error {
	n := key.N.BitLen()
	if key.N.Sign() <= 0 || n < least || n > maxRSA || n%8 != 0 || key.N.Bit(0) == 0 || key.E < minExponent || key.E%2 == 0 {
		return attest.Refuse(attest.ReasonKey, "RSA key of %d bits with exponent %d", n, key.E)
	}
	return nil
}
