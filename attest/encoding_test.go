package attest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

func TestRecoveryIDsAreFreshAndCanonical(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		id := NewRecoveryID()
		if len(id) != 26 || !isRecoveryID(id) || seen[id] {
			t.Fatalf("identifier %q", id)
		}
		seen[id] = true
	}
}

// The key and its thumbprint are the example of RFC 9449 sections 4.1 and 6.1.
func TestHolderOfKeyIsTheThumbprint(t *testing.T) {
	x, _ := b64.DecodeString("l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs")
	y, _ := b64.DecodeString("9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA")
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		t.Fatal(err)
	}
	got, err := HolderOfKey(key)
	if err != nil || got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestHolderOfKeyIsForP256Alone(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, pub := range map[string]*ecdsa.PublicKey{"P-384": &key.PublicKey, "nil": nil, "empty": {}} {
		if got, err := HolderOfKey(pub); err == nil || got != "" {
			t.Errorf("%s: holder %q", name, got)
		}
	}
}

// SHA-256 of "abc" is the example of FIPS 180-2 appendix B.1.
func TestHolderOfSecretIsItsHash(t *testing.T) {
	if got := HolderOfSecret([]byte("abc")); got != "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" {
		t.Errorf("holder %q", got)
	}
}
