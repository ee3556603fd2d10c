package webauthn

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"

	"filippo.io/edwards25519"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/regrant/regrant/attest"
)

const (
	minRSA      = 2048 // bits
	maxRSA      = 8192 // bits; more only makes verifying slow
	minExponent = 65537
	maxExponent = 1<<31 - 1
	maxKey      = 2 << 10 // bytes of CBOR; RSA of 8192 bits needs 1046
)

// publicKey is a key that is strong, together with the one algorithm that it may be used with.
type publicKey struct {
	algorithm Algorithm
	key       crypto.PublicKey // *ecdsa.PublicKey, ed25519.PublicKey or *rsa.PublicKey
}

// parseKey reads a COSE_Key as section 6.5.1.1 wants it: the parameters of its type and none beside, the algorithm among them, its
// curve named, no compressed point.
func parseKey(cose []byte) (publicKey, error) {
	if len(cose) > maxKey {
		return publicKey{}, attest.Refuse(attest.ReasonMalformed, "public key of %d bytes", len(cose))
	}
	var members map[int64]webauthncbor.RawMessage
	if err := webauthncbor.Unmarshal(cose, &members); err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonMalformed, "public key is not a COSE key")
	}
	// The kind alone first, so that a key of another algorithm is told from one that is broken.
	var head webauthncose.PublicKeyData
	if err := webauthncbor.Unmarshal(cose, &head); err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonMalformed, "public key is not a COSE key")
	}
	if !Algorithm(head.Algorithm).Known() {
		return publicKey{}, attest.Refuse(attest.ReasonUnsupported, "public key is for algorithm %d", head.Algorithm)
	}
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "public key is not one of its type")
	}
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		return ec2Key(k, len(members))
	case webauthncose.OKPPublicKeyData:
		return okpKey(k, len(members))
	case webauthncose.RSAPublicKeyData:
		return rsaKey(k, len(members))
	}
	return publicKey{}, attest.Refuse(attest.ReasonUnsupported, "public key of an unknown type")
}

var errMembers = attest.Refuse(attest.ReasonKey, "public key has not exactly the parameters of its type")

// ec2Key takes a key that the library has found to be a point of the curve of its algorithm. It does not ask that the curve is named.
func ec2Key(k webauthncose.EC2PublicKeyData, members int) (publicKey, error) {
	if members != 5 || k.Curve == 0 {
		return publicKey{}, errMembers
	}
	key, err := k.ToECDSA()
	if err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "public key is not a point of its curve")
	}
	return newKey(Algorithm(k.Algorithm), key)
}

func okpKey(k webauthncose.OKPPublicKeyData, members int) (publicKey, error) {
	if members != 4 || k.Curve != int64(webauthncose.Ed25519) {
		return publicKey{}, errMembers
	}
	return newKey(Algorithm(k.Algorithm), ed25519.PublicKey(k.XCoord))
}

// rsaKey reads numbers in their shortest form (RFC 8230 section 4).
func rsaKey(k webauthncose.RSAPublicKeyData, members int) (publicKey, error) {
	if members != 4 || len(k.Modulus) == 0 || k.Modulus[0] == 0 || len(k.Exponent) == 0 || k.Exponent[0] == 0 {
		return publicKey{}, errMembers
	}
	e := new(big.Int).SetBytes(k.Exponent)
	if e.BitLen() > 31 {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "RSA exponent of %d bits", e.BitLen())
	}
	return newKey(Algorithm(k.Algorithm), &rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus), E: int(e.Int64())})
}

// newKey puts a key of a COSE structure or of a certificate together with an algorithm that it is for.
func newKey(a Algorithm, key crypto.PublicKey) (publicKey, error) {
	s, known := schemes[a]
	if !known {
		return publicKey{}, attest.Refuse(attest.ReasonUnsupported, "algorithm %d", a)
	}
	if !s.takes(key) { // a signature must not be judged by other rules than those of its key
		return publicKey{}, attest.Refuse(attest.ReasonKey, "algorithm %d is not one of this key", a)
	}
	if !strong(key) {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "public key is weak")
	}
	return publicKey{a, key}, nil
}

// strong refuses keys with which others than their holder could sign.
func strong(key crypto.PublicKey) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return true
	case ed25519.PublicKey:
		return strongEdwards(key)
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return bits >= minRSA && bits <= maxRSA && key.N.Bit(0) == 1 &&
			key.E >= minExponent && key.E <= maxExponent && key.E%2 == 1
	}
	return false
}

// strongEdwards refuses points of small order, under which one signature is good for many messages, and spellings of a point
// beside the one of RFC 8032.
func strongEdwards(key ed25519.PublicKey) bool {
	p, err := new(edwards25519.Point).SetBytes(key)
	if err != nil || !bytes.Equal(p.Bytes(), key) {
		return false
	}
	return new(edwards25519.Point).MultByCofactor(p).Equal(edwards25519.NewIdentityPoint()) == 0
}

// signed tells whether the key signed message.
func (k publicKey) signed(message, sig []byte) bool {
	return schemes[k.algorithm].verify(k.key, message, sig)
}

// is tells whether both are one key, whatever it is used for.
func (k publicKey) is(other crypto.PublicKey) bool {
	comparable, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && comparable.Equal(other)
}
