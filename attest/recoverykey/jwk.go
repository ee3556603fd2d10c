package recoverykey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"math/big"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// maxJWK bounds a key, in bytes. RSA of 8192 bits needs 1400.
const maxJWK = 2 << 10

var b64 = base64.RawURLEncoding

// curves by their names in a JWK (RFC 7518 section 6.2.1.1).
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// jwk holds the members that make a public key, of whatever type. A member is nil if it is absent.
type jwk struct {
	Type  *string `json:"kty"`
	Curve *string `json:"crv"`
	X     *string `json:"x"`
	Y     *string `json:"y"`
	N     *string `json:"n"`
	E     *string `json:"e"`
}

// ParseJWK reads a public key with exactly the members that its type demands (RFC 7518 section 6, RFC 8037), those that make up
// the thumbprint. So a private key is refused, and nothing in the text says of the key what is not part of it.
func ParseJWK(text []byte) (*Key, error) {
	if len(text) > maxJWK {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key is longer than %d bytes", maxJWK)
	}
	var m jwk
	if err := strictjson.Decode(text, &m); err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "public key: %v", err)
	}
	var public crypto.PublicKey
	var err error
	switch {
	case m.has("OKP") && allPresent(m.Curve, m.X) && allAbsent(m.Y, m.N, m.E):
		public, err = m.okp()
	case m.has("EC") && allPresent(m.Curve, m.X, m.Y) && allAbsent(m.N, m.E):
		public, err = m.ec()
	case m.has("RSA") && allPresent(m.N, m.E) && allAbsent(m.Curve, m.X, m.Y):
		public, err = m.rsa()
	default:
		return nil, attest.Refuse(attest.ReasonMalformed, "public key has not exactly the members of a type OKP, EC or RSA")
	}
	if err != nil {
		return nil, err
	}
	return NewKey(public)
}

func (m *jwk) has(kind string) bool { return m.Type != nil && *m.Type == kind }

func (m *jwk) okp() (crypto.PublicKey, error) {
	if *m.Curve != "Ed25519" {
		return nil, attest.Refuse(attest.ReasonKey, "OKP key is not Ed25519")
	}
	x, ok := decode(*m.X, ed25519.PublicKeySize)
	if !ok {
		return nil, attest.Refuse(attest.ReasonMalformed, "x is not 32 bytes in base64url")
	}
	return ed25519.PublicKey(x), nil
}

func (m *jwk) ec() (crypto.PublicKey, error) {
	curve := curves[*m.Curve]
	if curve == nil {
		return nil, attest.Refuse(attest.ReasonKey, "curve is none of P-256, P-384, P-521")
	}
	size := (curve.Params().BitSize + 7) / 8
	x, okX := decode(*m.X, size)
	y, okY := decode(*m.Y, size)
	if !okX || !okY {
		return nil, attest.Refuse(attest.ReasonMalformed, "x or y is not %d bytes in base64url", size)
	}
	return point(curve, x, y)
}

func point(curve elliptic.Curve, x, y []byte) (crypto.PublicKey, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, x...), y...))
	if err != nil {
		return nil, attest.Refuse(attest.ReasonKey, "public key is not a point of its curve")
	}
	return key, nil
}

// rsa reads two numbers without zeros in front (RFC 7518 section 2, Base64urlUInt).
func (m *jwk) rsa() (crypto.PublicKey, error) {
	n, okN := decode(*m.N, -1)
	e, okE := decode(*m.E, -1)
	if !okN || !okE || len(e) > 4 || n[0] == 0 || e[0] == 0 {
		return nil, attest.Refuse(attest.ReasonMalformed, "n or e is not a number in base64url")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}

// JWK is the key as [ParseJWK] reads it, with its members in the order of RFC 7638, whose thumbprint is the hash of this text.
func (k *Key) JWK() []byte {
	switch public := k.public.(type) {
	case ed25519.PublicKey:
		return []byte(`{"crv":"Ed25519","kty":"OKP","x":"` + b64.EncodeToString(public) + `"}`)
	case *rsa.PublicKey:
		e := big.NewInt(int64(public.E)).Bytes()
		return []byte(`{"e":"` + b64.EncodeToString(e) + `","kty":"RSA","n":"` + b64.EncodeToString(public.N.Bytes()) + `"}`)
	case *ecdsa.PublicKey:
		p, _ := public.Bytes() // on its curve: NewKey has seen to that
		x, y := p[1:1+len(p)/2], p[1+len(p)/2:]
		return []byte(`{"crv":"` + public.Params().Name + `","kty":"EC","x":"` + b64.EncodeToString(x) + `","y":"` + b64.EncodeToString(y) + `"}`)
	}
	return nil
}

// decode reads base64url without padding in its one spelling: encoding again refuses line breaks and stray bits, which the decoder
// forgives. size is how many bytes there must be; -1: at least one.
func decode(text string, size int) ([]byte, bool) {
	data, err := b64.DecodeString(text)
	if err != nil || len(data) == 0 || size >= 0 && len(data) != size || b64.EncodeToString(data) != text {
		return nil, false
	}
	return data, true
}

func allPresent(members ...*string) bool {
	for _, m := range members {
		if m == nil {
			return false
		}
	}
	return true
}

func allAbsent(members ...*string) bool {
	for _, m := range members {
		if m != nil {
			return false
		}
	}
	return true
}
