package webauthn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

// bare verifies a signature and does nothing else.
func bare(key crypto.PublicKey, message, sig []byte) bool {
	sum := sha256.Sum256(message)
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum[:], sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, sig)
	}
	return false
}

// BenchmarkAssertion stands beside the verification of the one signature in the same input.
func BenchmarkAssertion(b *testing.B) {
	for _, name := range []string{"P-256", "Ed25519", "RSA"} {
		s := newScene(b, "")
		s.passkey = attesttest.NewPasskeyWith(keys(b)[name], rpID)
		s.store(s.passkey)
		s.mustAssert(b, nil)
		r := response(b, s.assertion.Credential)
		hash := sha256.Sum256(r["clientDataJSON"])
		message, sig, key := slices.Concat(r["authenticatorData"], hash[:]), r["signature"], s.passkey.Key.Public()
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := webauthn.Assert(s.assertion); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/bare", func(b *testing.B) {
			for b.Loop() {
				if !bare(key, message, sig) {
					b.Fatal("not signed")
				}
			}
		})
	}
}

// BenchmarkRegistration stands beside the two signatures in its input: of the attestation, and of the certificate by the root.
func BenchmarkRegistration(b *testing.B) {
	s := newScene(b, "packed")
	s.mustRegister(b, nil)
	leaf, sig := s.root.Device(b, nil), attesttest.NewKey(b)
	message := make([]byte, 200)
	sum := sha256.Sum256(message)
	made, err := sig.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("packed", func(b *testing.B) {
		for b.Loop() {
			if _, err := webauthn.Register(s.registration); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("packed/bare", func(b *testing.B) {
		for b.Loop() {
			if !bare(s.root.Certificate.PublicKey, leaf.Certificate.RawTBSCertificate, leaf.Certificate.Signature) || !bare(sig.Public(), message, made) {
				b.Fatal("not signed")
			}
		}
	})
}

func response(t testing.TB, credential []byte) map[string][]byte {
	t.Helper()
	var c struct {
		Response map[string]string `json:"response"`
	}
	if err := json.Unmarshal(credential, &c); err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for name, text := range c.Response {
		found[name] = decode(text)
	}
	return found
}
