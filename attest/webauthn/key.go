package webauthn

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
)

const (
	minRSA      = 2048 // bits
	maxRSA      = 8192 // bits; more only makes verifying slow
	minExponent = 65537
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
	// The algorithm first, so that a key for one that is not handled is told from one that is broken.
	var kind webauthncose.PublicKeyData
	if err := webauthncbor.Unmarshal(cose, &kind); err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonMalformed, "public key is not a COSE key")
	}
	if !Algorithm(kind.Algorithm).Known() {
		return publicKey{}, attest.Refuse(attest.ReasonUnsupported, "public key is for algorithm %d", kind.Algorithm)
	}
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "public key is not one of its type")
	}
	// The library reads the parameters that it knows; with all of them there, their number says that there are no others.
	number := int(cose[0]) - cborMap<<5
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		return ec2Key(k, number)
	case webauthncose.OKPPublicKeyData:
		return okpKey(k, number)
	case webauthncose.RSAPublicKeyData:
		return rsaKey(k, number)
	}
	return publicKey{}, attest.Refuse(attest.ReasonUnsupported, "public key of an unknown type")
}

var errParameters = attest.Refuse(attest.ReasonKey, "public key has not exactly the parameters of its type")

// ec2Key takes a key that the library has found to be a point of the curve of its algorithm. It does not ask that the curve is named.
func ec2Key(k webauthncose.EC2PublicKeyData, parameters int) (publicKey, error) {
	if parameters != 5 || k.Curve == 0 {
		return publicKey{}, errParameters
	}
	key, err := k.ToECDSA()
	if err != nil {
		return publicKey{}, attest.Refuse(attest.ReasonKey, "public key is not a point of its curve")
	}
	return newKey(Algorithm(k.Algorithm), key)
}

func okpKey(k webauthncose.OKPPublicKeyData, parameters int) (publicKey, error) {
	if parameters != 4 || k.Curve != int64(webauthncose.Ed25519) {
		return publicKey{}, errParameters
	}
	return newKey(Algorithm(k.Algorithm), ed25519.PublicKey(k.XCoord))
}

// rsaKey reads numbers in their shortest form (RFC 8230 section 4).
func rsaKey(k webauthncose.RSAPublicKeyData, parameters int) (publicKey, error) {
	if parameters != 4 || len(k.Modulus) == 0 || k.Modulus[0] == 0 || len(k.Exponent) == 0 || k.Exponent[0] == 0 {
		return publicKey{}, errParameters
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
	return publicKey{a, key}, strong(key)
}

// strong refuses keys with which others than their holder could sign. A modulus need not have whole octets here: it is for the
// authenticator to choose, and the vectors of WebAuthn section 16 have one of 3482 bits.
func strong(key crypto.PublicKey) error {
	k, ok := key.(*rsa.PublicKey)
	if !ok {
		return strongkey.Check(key, minRSA)
	}
	if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA || k.N.Bit(0) == 0 || k.E < minExponent || k.E%2 == 0 {
		return attest.Refuse(attest.ReasonKey, "RSA key of %d bits with exponent %d", bits, k.E)
	}
	return nil
}

// signed tells whether the key signed message.
func (k publicKey) signed(message, sig []byte) bool {
	return schemes[k.algorithm].verify(k.key, message, sig)
}

// is tells whether both are one key, whatever it is used for.
func (k publicKey) is(other crypto.PublicKey) bool {
	own, ok := k.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(other)
}
