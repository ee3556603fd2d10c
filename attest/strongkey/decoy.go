package strongkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
)

// Kinds of [Decoy].
const (
	Ed25519 = "Ed25519"
	P256    = "P-256"
	P384    = "P-384"
	P521    = "P-521"
	RSA     = "RSA"
)

var curves = map[string]elliptic.Curve{P256: elliptic.P256(), P384: elliptic.P384(), P521: elliptic.P521()}

// Decoy returns a public key that belongs to nobody. Where an account has nothing bound, a proof is verified against it, so that it
// takes as long as elsewhere; whatever comes of it, the proof is refused. An RSA key has as many octets as its signatures:
// size, or a usual number where Check would take none of that size.
func Decoy(kind string, size int) crypto.PublicKey {
	if curve := curves[kind]; curve != nil {
		return generator(curve)
	}
	if kind == Ed25519 { // the generator, RFC 8032 section 5.1
		return ed25519.PublicKey(append([]byte{0x58}, bytes.Repeat([]byte{0x66}, ed25519.PublicKeySize-1)...))
	}
	if size < 3072/8 || size > maxRSA/8 {
		size = 3072 / 8
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(bytes.Repeat([]byte{0xff}, size)), E: minExponent}
}

func generator(curve elliptic.Curve) *ecdsa.PublicKey {
	p := curve.Params()
	size := (p.BitSize + 7) / 8
	point := append([]byte{4}, p.Gx.FillBytes(make([]byte, size))...)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append(point, p.Gy.FillBytes(make([]byte, size))...))
	if err != nil {
		panic(err) // a curve's generator is on it
	}
	return key
}
