package strongkey_test

import (
	"bytes"
	"crypto"
	"crypto/dsa" //nolint:staticcheck // a type that must be refused
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"math/big"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/strongkey"
)

func refused(t *testing.T, err error) {
	t.Helper()
	if e, ok := errors.AsType[*attest.Error](err); !ok || e.Reason != attest.ReasonKey {
		t.Errorf("error is %v, not a refusal for reason key", err)
	}
}

// The eight points of small order, and what Go's decoder also takes for one of them or for another point (RFC 8032 does not).
func TestEd25519KeysOfSmallOrderOrInAnotherSpellingAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"order 1":                       "0100000000000000000000000000000000000000000000000000000000000000",
		"order 2":                       "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":                       "0000000000000000000000000000000000000000000000000000000000000000",
		"order 4, other sign":           "0000000000000000000000000000000000000000000000000000000000000080",
		"order 8":                       "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"order 8, other sign":           "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"order 8, negative":             "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"order 8, negative, other sign": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"order 1, minus zero":           "0100000000000000000000000000000000000000000000000000000000000080",
		"order 2, minus zero":           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"y is p":                        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"y is p+1":                      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"y is p+3":                      "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"not on the curve":              "0200000000000000000000000000000000000000000000000000000000000000",
		"too short":                     "58",
	} {
		t.Run(name, func(t *testing.T) {
			key, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			refused(t, strongkey.Check(ed25519.PublicKey(key), 2048))
		})
	}
}

func TestPointsOffTheCurveAndOtherCurvesAreRefused(t *testing.T) {
	good := elliptic.P256().Params()
	for _, key := range []ecdsa.PublicKey{
		{Curve: elliptic.P256(), X: good.Gx, Y: good.Gx},
		{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)},
		{Curve: elliptic.P224(), X: elliptic.P224().Params().Gx, Y: elliptic.P224().Params().Gy},
	} {
		refused(t, strongkey.Check(&key, 2048))
	}
}

func TestSizeAndExponentOfRSAAreBounded(t *testing.T) {
	odd := func(bits int) *big.Int {
		return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1))
	}
	for name, key := range map[string]*rsa.PublicKey{
		"short":          {N: odd(2040), E: 65537},
		"long":           {N: odd(8200), E: 65537},
		"uneven length":  {N: odd(2050), E: 65537},
		"even modulus":   {N: new(big.Int).Sub(odd(2048), big.NewInt(1)), E: 65537},
		"negative":       {N: new(big.Int).Neg(odd(2048)), E: 65537},
		"exponent 3":     {N: odd(2048), E: 3},
		"even exponent":  {N: odd(2048), E: 65538},
		"exponent 0":     {N: odd(2048)},
		"exponent below": {N: odd(2048), E: -65537},
	} {
		t.Run(name, func(t *testing.T) { refused(t, strongkey.Check(key, 2048)) })
	}
	if err := strongkey.Check(&rsa.PublicKey{N: odd(2048), E: 65537}, 2048); err != nil {
		t.Error(err)
	}
	refused(t, strongkey.Check(&rsa.PublicKey{N: odd(2048), E: 65537}, 3072))
}

// The faulty library's primes give the modulus away, whatever its size.
func TestNewKeyMustNotLeakItsPrimes(t *testing.T) {
	for _, bits := range []int{2048, 3072} {
		leaks := attesttest.NewROCAKey(t, bits).Public()
		if err := strongkey.Check(leaks, 2048); err != nil {
			t.Error(err)
		}
		refused(t, strongkey.CheckNew(leaks))
	}
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.PublicKey{good.Public(), attesttest.NewKey(t).Public(), strongkey.Decoy(strongkey.RSA, 384)} {
		if err := strongkey.CheckNew(key); err != nil {
			t.Error(err)
		}
	}
}

func TestOtherKindsOfKeyAreRefused(t *testing.T) {
	for _, key := range []crypto.PublicKey{nil, &dsa.PublicKey{}, []byte("key"), rsa.PublicKey{}} {
		refused(t, strongkey.Check(key, 2048))
	}
}

func TestDecoysAreKeysOfTheirKind(t *testing.T) {
	for _, kind := range []string{strongkey.Ed25519, strongkey.P256, strongkey.P384, strongkey.P521, strongkey.RSA} {
		if err := strongkey.Check(strongkey.Decoy(kind, 512), 3072); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for asked, got := range map[int]int{384: 384, 512: 512, 1024: 1024, 0: 384, 256: 384, 1025: 384, 1 << 30: 384} {
		if size := strongkey.Decoy(strongkey.RSA, asked).(*rsa.PublicKey).Size(); size != got {
			t.Errorf("asked for %d octets, got %d", asked, size)
		}
	}
}

func FuzzEd25519(f *testing.F) {
	f.Add(bytes.Repeat([]byte{0}, 32))
	f.Add([]byte(strongkey.Decoy(strongkey.Ed25519, 0).(ed25519.PublicKey)))
	f.Fuzz(func(t *testing.T, key []byte) {
		if strongkey.Check(ed25519.PublicKey(key), 2048) != nil {
			return
		}
		// R = A and S = 0 verify for a key of small order and one message in eight.
		if ed25519.Verify(key, []byte("m"), append(bytes.Clone(key), make([]byte, 32)...)) {
			t.Errorf("%x", key)
		}
	})
}
