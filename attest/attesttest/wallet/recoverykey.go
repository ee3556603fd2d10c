package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/regrant/regrant/attest"
)

// RecoveryKey is a key that was printed: of P-256 (ES256), Ed25519 or RSA (PS256).
type RecoveryKey struct {
	empty
	key       crypto.Signer
	algorithm string
	jwk       []byte
}

// NewRecoveryKey makes a recovery key of a key.
func NewRecoveryKey(t testing.TB, key crypto.Signer) *RecoveryKey {
	t.Helper()
	k := &RecoveryKey{key: key}
	switch public := key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		k.algorithm, k.jwk = "ES256", encode(object{"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])})
	case ed25519.PublicKey:
		k.algorithm, k.jwk = "Ed25519", encode(object{"kty": "OKP", "crv": "Ed25519", "x": base64url(public)})
	case *rsa.PublicKey:
		k.algorithm = "PS256"
		k.jwk = encode(object{"kty": "RSA", "n": base64url(public.N.Bytes()), "e": base64url(big.NewInt(int64(public.E)).Bytes())})
	default:
		t.Fatal("no such recovery key")
	}
	return k
}

// Method is [attest.MethodRecoveryKey].
func (k *RecoveryKey) Method() attest.Method { return attest.MethodRecoveryKey }

// Finish tells the public key, and signs the text.
func (k *RecoveryKey) Finish(_ []byte, text string) []byte { return k.Evidence(text) }

// Evidence is a signature.
func (k *RecoveryKey) Evidence(statement string) []byte {
	return encode(object{"method": k.Method(), "public_key": json.RawMessage(k.jwk), "algorithm": k.algorithm, "signature": base64url(k.sign(statement))})
}

func (k *RecoveryKey) sign(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	message, options := sum[:], crypto.SignerOpts(crypto.SHA256)
	var sig []byte
	var err error
	switch key := k.key.(type) {
	case *ecdsa.PrivateKey: // RFC 7518 section 3.4: the two numbers, one behind the other
		r, s, failed := ecdsa.Sign(rand.Reader, key, message)
		if sig, err = make([]byte, 64), failed; err == nil {
			r.FillBytes(sig[:32])
			s.FillBytes(sig[32:])
		}
	case ed25519.PrivateKey:
		sig = ed25519.Sign(key, []byte(text))
	case *rsa.PrivateKey:
		sig, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, message, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: options.HashFunc()})
	}
	if err != nil {
		panic(err) // a key made for a test signs
	}
	return sig
}

// Secrets are the private key.
func (k *RecoveryKey) Secrets() map[string][]byte {
	return map[string][]byte{"recovery key": private(k.key)}
}
