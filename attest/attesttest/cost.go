package attesttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// BareVerification is the one operation with a key that no verification of message can do without, and nothing around it: what a whole one
// is measured against. It is for Ed25519, and for ECDSA and RSA (PKCS #1 v1.5) over SHA-256.
func BareVerification(t testing.TB, key crypto.Signer, message string) func() bool {
	t.Helper()
	digest := sha256.Sum256([]byte(message))
	signed, options := digest[:], crypto.SignerOpts(crypto.SHA256)
	if _, ok := key.(ed25519.PrivateKey); ok {
		signed, options = []byte(message), crypto.Hash(0)
	}
	sig, err := key.Sign(rand.Reader, signed, options)
	if err != nil {
		t.Fatal(err)
	}
	switch public := key.Public().(type) {
	case ed25519.PublicKey:
		return func() bool { return ed25519.Verify(public, signed, sig) }
	case *ecdsa.PublicKey:
		return func() bool { return ecdsa.VerifyASN1(public, signed, sig) }
	case *rsa.PublicKey:
		return func() bool { return rsa.VerifyPKCS1v15(public, crypto.SHA256, signed, sig) == nil }
	}
	t.Fatalf("no bare verification with %T", key.Public())
	return nil
}

// PeakHeap watches the heap until stop is closed, and is the most that was in use, in bytes. Garbage counts until it is collected: so what
// others left is collected first, and all the rest sooner than usual.
func PeakHeap(stop <-chan struct{}) (most uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		select {
		case <-stop:
			return most
		case <-tick.C:
		}
	}
}
