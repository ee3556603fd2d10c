package attest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
)

// crockford is Douglas Crockford's base 32: no letter that is easily misread.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

var b64 = base64.RawURLEncoding

// NewRecoveryID makes the public identifier of a recovery: 128 random bits as 26 characters of Crockford's base 32.
func NewRecoveryID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	return crockford.EncodeToString(id[:])
}

// isRecoveryID tells whether s is exactly what [NewRecoveryID] can make.
func isRecoveryID(s string) bool {
	id, err := crockford.DecodeString(s)
	return err == nil && len(id) == 16 && crockford.EncodeToString(id) == s
}

// HolderOfSecret names a holder by a secret that it keeps, such as a browser's cookie: base64url of its SHA-256.
func HolderOfSecret(secret []byte) string {
	sum := sha256.Sum256(secret)
	return b64.EncodeToString(sum[:])
}

// HolderOfKey names a holder by a P-256 key: base64url of the RFC 7638 JWK thumbprint (SHA-256). It is an error for any other curve.
func HolderOfKey(key *ecdsa.PublicKey) (string, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return "", errors.New("holder key is not a P-256 key")
	}
	point, err := key.Bytes()
	if err != nil {
		return "", errors.New("holder key is not a point of P-256")
	}
	x, y := point[1:33], point[33:]
	return HolderOfSecret([]byte(`{"crv":"P-256","kty":"EC","x":"` + b64.EncodeToString(x) + `","y":"` + b64.EncodeToString(y) + `"}`)), nil
}

// isHash tells whether s is the one base64url form of 32 bytes.
func isHash(s string) bool {
	_, ok := decode32(s)
	return ok
}

// decode32 reads 32 bytes from their one base64url form. Encoding again refuses what the decoder forgives: line breaks and stray bits.
func decode32(s string) (v [32]byte, ok bool) {
	b, err := b64.DecodeString(s)
	if err != nil || len(b) != len(v) || b64.EncodeToString(b) != s {
		return v, false
	}
	return [32]byte(b), true
}
