package sshsig_test

import (
	"crypto"
	"crypto/elliptic"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// Beside each whole verification, as the gateway makes it, stands what it cannot do without: the one operation with the key.
func BenchmarkVerify(b *testing.B) {
	for _, kind := range []struct {
		name string
		key  crypto.Signer
	}{
		{"ed25519", ed25519Key(b)},
		{"ecdsa-256", ecdsaKey(b, elliptic.P256())},
		{"ecdsa-384", ecdsaKey(b, elliptic.P384())},
		{"ecdsa-521", ecdsaKey(b, elliptic.P521())},
		{"rsa-3072", rsaKey(b, 3072)},
	} {
		s := newScene(b, kind.key)
		in := attest.Input{Body: evidence(b, s), Challenge: []byte(challenge), Bound: enrol(b, s)}
		b.Run(kind.name+"/whole", func(b *testing.B) {
			for b.Loop() {
				if _, err := format.Verify(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		bare := attesttest.BareVerification(b, kind.key, challenge)
		b.Run(kind.name+"/bare", func(b *testing.B) {
			for b.Loop() {
				if !bare() {
					b.Fatal("does not verify")
				}
			}
		})
	}
}
