package recoverykey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/regrant/regrant/attest"
)

// Beside each whole verification, as the gateway makes it, stands what it cannot do without: the one operation with the key.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range algorithms {
		p := newPair(b, algorithm)
		in := attest.Input{Body: body(b, p, challenge), Challenge: []byte(challenge), Bound: enrol(b, p)}
		b.Run(algorithm+"/whole", func(b *testing.B) {
			for b.Loop() {
				if _, err := format.Verify(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		bare := bareVerification(b, p.private)
		b.Run(algorithm+"/bare", func(b *testing.B) {
			for b.Loop() {
				if !bare() {
					b.Fatal("does not verify")
				}
			}
		})
	}
}

func bareVerification(b *testing.B, key crypto.Signer) func() bool {
	b.Helper()
	digest := sha256.Sum256([]byte(challenge))
	message, options := digest[:], crypto.SignerOpts(crypto.SHA256)
	if _, ok := key.(ed25519.PrivateKey); ok {
		message, options = []byte(challenge), crypto.Hash(0)
	}
	sig, err := key.Sign(rand.Reader, message, options)
	if err != nil {
		b.Fatal(err)
	}
	switch public := key.Public().(type) {
	case ed25519.PublicKey:
		return func() bool { return ed25519.Verify(public, message, sig) }
	case *ecdsa.PublicKey:
		return func() bool { return ecdsa.VerifyASN1(public, message, sig) }
	case *rsa.PublicKey:
		return func() bool { return rsa.VerifyPKCS1v15(public, crypto.SHA256, message, sig) == nil }
	}
	return nil
}
