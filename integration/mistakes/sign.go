package mistakes

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// must is for what fails only where the random source is gone, or this file is wrong.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// signed sets the algorithm in the header, and the signature that goes with it or does not.
func signed(alg string, sign func(a *Attempt, input []byte) []byte) func(*Attempt) {
	return func(a *Attempt) {
		a.header["alg"] = alg
		a.sign = func(input []byte) []byte { return sign(a, input) }
	}
}

func unsigned(*Attempt, []byte) []byte { return nil }

func own(a *Attempt, input []byte) []byte { return a.server.Key.sign(input) }

// byPublicKey takes what everybody may read for a secret (RFC 8725 §2.1).
func byPublicKey(a *Attempt, input []byte) []byte {
	der := must(x509.MarshalPKIXPublicKey(a.server.Key.Private.Public()))
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	mac.Write(input)
	return mac.Sum(nil)
}

func byStranger(_ *Attempt, input []byte) []byte {
	return Key{Private: stranger(elliptic.P256())}.sign(input)
}

func byP384(_ *Attempt, input []byte) []byte {
	digest := sha512.Sum384(input)
	r, s, err := ecdsa.Sign(rand.Reader, stranger(elliptic.P384()), digest[:])
	must(0, err)
	return slices.Concat(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48)))
}

func byRSA(_ *Attempt, input []byte) []byte {
	digest := sha256.Sum256(input)
	return must(rsa.SignPKCS1v15(rand.Reader, must(rsa.GenerateKey(rand.Reader, 2048)), crypto.SHA256, digest[:]))
}

func byEd25519(_ *Attempt, input []byte) []byte {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(0, err)
	return ed25519.Sign(key, input)
}

// inDER is the form of a signature that everything but JWS uses.
func inDER(a *Attempt, input []byte) []byte {
	digest := sha256.Sum256(input)
	return must(ecdsa.SignASN1(rand.Reader, a.server.Key.Private, digest[:]))
}

func zeros(*Attempt, []byte) []byte { return make([]byte, 64) } // CVE-2022-21449

func stranger(curve elliptic.Curve) *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(curve, rand.Reader))
}

// ownKey signs with a key that the header brings along.
func ownKey(a *Attempt) {
	key := Key{Private: stranger(elliptic.P256())}
	a.header["jwk"] = jose.JSONWebKey{Key: key.Private.Public()}
	a.sign = key.sign
}

// encrypted hides the good assertion in a JWE for the server's own key (RFC 7516).
func encrypted(a *Attempt) {
	a.token = func(token string) string {
		to := jose.Recipient{Algorithm: jose.ECDH_ES, Key: a.server.Key.Private.Public(), KeyID: a.server.Key.ID}
		encrypter := must(jose.NewEncrypter(jose.A128GCM, to, (&jose.EncrypterOptions{}).WithContentType("JWT")))
		return must(must(encrypter.Encrypt([]byte(token))).CompactSerialize())
	}
}

// nested signs the good assertion as if it were a set of claims (RFC 7519 §5.2).
func nested(a *Attempt) {
	a.token = func(token string) string {
		header := text(map[string]any{"alg": "ES256", "typ": a.header["typ"], "kid": a.header["kid"], "cty": "JWT"})
		return compact(header, token, a.server.Key.sign)
	}
}

// standard is base64 as everybody but JOSE writes it.
func standard(a *Attempt) {
	a.token = func(token string) string {
		for !strings.ContainsAny(token, "-_") { // those two letters are the difference
			token = compact(text(a.header), text(a.claims), a.server.Key.sign)
		}
		return strings.NewReplacer("-", "+", "_", "/").Replace(token)
	}
}

// loose sets bits of the last letter that stand for nothing (RFC 4648 §3.5).
func loose(token string) string {
	last := len(token) - 1
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		other := token[:last] + string(letter)
		if other != token && same(other, token) {
			return other
		}
	}
	panic("every bit of a signature of 64 bytes in 86 letters stands for something")
}

func same(a, b string) bool {
	decode := base64.RawURLEncoding.DecodeString
	return string(must(decode(a[strings.LastIndexByte(a, '.')+1:]))) == string(must(decode(b[strings.LastIndexByte(b, '.')+1:])))
}
