package keys

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
)

const keySize = 32

var errSealed = errors.New("not sealed by this key for this use")

// derive is HKDF-SHA-256 (RFC 5869) without salt: secret is uniformly random already.
func derive(secret []byte, label string) []byte {
	k, err := hkdf.Key(sha256.New, secret, nil, label, keySize)
	if err != nil {
		panic("keys: " + err.Error()) // only for a length that HKDF cannot give
	}
	return k
}

// newAEAD is XChaCha20-Poly1305: its nonces are long enough to be random for the life of a key.
func newAEAD(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic("keys: " + err.Error()) // only for a wrong key length
	}
	return a
}

// seal returns nonce ‖ ciphertext.
func seal(a cipher.AEAD, plain, associated []byte) []byte {
	out := make([]byte, a.NonceSize(), a.NonceSize()+len(plain)+a.Overhead())
	rand.Read(out)
	return a.Seal(out, out, plain, associated)
}

func open(a cipher.AEAD, sealed, associated []byte) ([]byte, error) {
	if len(sealed) < a.NonceSize() {
		return nil, errSealed
	}
	plain, err := a.Open(nil, sealed[:a.NonceSize()], sealed[a.NonceSize():], associated)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}

// newMaterial makes a key of kind k and names it: a signing key by its thumbprint, any other at random.
func newMaterial(k kind) (material []byte, id string, err error) {
	if k != signing {
		material = make([]byte, keySize)
		rand.Read(material)
		return material, rand.Text(), nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	material, err = private.Bytes()
	return material, thumbprint(&private.PublicKey), err
}

func parseSigning(material []byte) (*ecdsa.PrivateKey, error) {
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), material)
	if err != nil {
		return nil, errors.New("not a P-256 key") // without the library's words about the material
	}
	return private, nil
}

// thumbprint is RFC 7638 over the members that section 3.2 demands of an EC key, in its order.
func thumbprint(pub *ecdsa.PublicKey) string {
	point, err := pub.Bytes() // 0x04 ‖ x ‖ y
	if err != nil {
		panic("keys: " + err.Error()) // only for a key that is not on its curve, which parseSigning refused
	}
	x, y := point[1:1+keySize], point[1+keySize:]
	b64 := base64.RawURLEncoding.EncodeToString
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + b64(x) + `","y":"` + b64(y) + `"}`))
	return b64(sum[:])
}
