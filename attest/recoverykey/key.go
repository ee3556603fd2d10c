package recoverykey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/strongkey"
)

const minRSA = 2048 // bits

// Key is a public key that may be enrolled.
type Key struct{ public crypto.PublicKey }

// NewKey takes a public key of the standard library's type. A weak one is refused, with the reason key.
func NewKey(public crypto.PublicKey) (*Key, error) {
	if err := strongkey.Check(public, minRSA); err != nil {
		return nil, err
	}
	return &Key{public}, nil
}

// ParseKey reads a key that is named either by a JWK or by a DID. The other one is empty.
func ParseKey(jwk jsontext.Value, did string) (*Key, error) {
	switch {
	case len(jwk) != 0 && did == "":
		return ParseJWK(jwk)
	case len(jwk) == 0 && did != "":
		return ParseDID(did)
	default:
		return nil, attest.Refuse(attest.ReasonMalformed, "not exactly one of public_key and did")
	}
}

// Handle is the name under which the key is stored: its JWK thumbprint (RFC 7638, SHA-256).
func (k *Key) Handle() []byte {
	sum := sha256.Sum256(k.JWK())
	return sum[:]
}

// scheme is how a signature is verified, once it is known that the key is of the right type.
type scheme func(public crypto.PublicKey, message, sig []byte) bool

// schemes are the names of RFC 7518 and RFC 9864.
var schemes = map[string]scheme{
	"Ed25519": verifyEd25519,
	"ES256":   verifyECDSA(crypto.SHA256),
	"ES384":   verifyECDSA(crypto.SHA384),
	"ES512":   verifyECDSA(crypto.SHA512),
	"PS256":   verifyPSS,
	"RS256":   verifyPKCS1,
}

// algorithms names those of a key, the preferred one first.
func (k *Key) algorithms() []string {
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return []string{"Ed25519"}
	case *rsa.PublicKey:
		return []string{"PS256", "RS256"}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	}
	return nil
}

// Verify checks a signature over message. The key decides which algorithms may be named: the Evidence only picks among them.
func (k *Key) Verify(algorithm string, message, sig []byte) error {
	verify, known := schemes[algorithm]
	switch {
	case !known:
		return attest.Refuse(attest.ReasonUnsupported, "unknown signature algorithm")
	case !slices.Contains(k.algorithms(), algorithm):
		return attest.Refuse(attest.ReasonKey, "%s is not an algorithm of this key", algorithm)
	case len(message) == 0:
		return attest.Refuse(attest.ReasonChallenge, "no challenge")
	case !verify(k.public, message, sig):
		return attest.Refuse(attest.ReasonSignature, "signature does not verify")
	}
	return nil
}

func verifyEd25519(public crypto.PublicKey, message, sig []byte) bool {
	return ed25519.Verify(public.(ed25519.PublicKey), message, sig)
}

// verifyECDSA takes r and s one behind the other, each as long as the curve's order (RFC 7518 section 3.4).
func verifyECDSA(hash crypto.Hash) scheme {
	return func(public crypto.PublicKey, message, sig []byte) bool {
		key := public.(*ecdsa.PublicKey)
		half := (key.Params().N.BitLen() + 7) / 8
		if len(sig) != 2*half {
			return false
		}
		r, s := new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])
		return ecdsa.Verify(key, digest(hash, message), r, s)
	}
}

// verifyPSS demands a salt as long as the hash (RFC 7518 section 3.5).
func verifyPSS(public crypto.PublicKey, message, sig []byte) bool {
	options := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	return rsa.VerifyPSS(public.(*rsa.PublicKey), crypto.SHA256, digest(crypto.SHA256, message), sig, &options) == nil
}

func verifyPKCS1(public crypto.PublicKey, message, sig []byte) bool {
	return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, digest(crypto.SHA256, message), sig) == nil
}

func digest(hash crypto.Hash, message []byte) []byte {
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}
