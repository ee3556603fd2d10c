package webauthn_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"slices"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/webauthn"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(text any) []byte {
	b, err := base64.RawURLEncoding.DecodeString(text.(string))
	if err != nil {
		panic(err)
	}
	return b
}

// keys has one of each kind that is good.
func keys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	found := map[string]crypto.Signer{"RSA": rsaKey(t, 2048)}
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = key
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	found["Ed25519"] = edwards
	return found
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	if bits < 1024 {
		t.Fatal("too small to make")
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var everyAlgorithm = []webauthn.Algorithm{-7, -8, -9, -19, -35, -36, -37, -38, -39, -51, -52, -257, -258, -259, -65535, -47}

// badKey is a key that must be refused, made of a good one.
type badKey struct {
	key    crypto.Signer
	reason attest.Reason
	cose   func(pairs) []byte
}

func badKeys(t testing.TB) map[string]badKey {
	t.Helper()
	good := keys(t)
	p256, p384, edwards, rsa2048 := good["P-256"], good["P-384"], good["Ed25519"], good["RSA"]
	with := func(key crypto.Signer, reason attest.Reason, label, value any) badKey {
		return badKey{key, reason, func(p pairs) []byte { return attesttest.CBOR(p.With(label, value)) }}
	}
	raw := func(reason attest.Reason, cose func(pairs) []byte) badKey { return badKey{p256, reason, cose} }
	n := rsa2048.Public().(*rsa.PublicKey).N
	return map[string]badKey{
		"algorithm of another curve":      with(p256, attest.ReasonKey, 3, -35),
		"algorithm of another type":       with(p256, attest.ReasonKey, 3, -257),
		"Edwards algorithm on P-256":      with(p256, attest.ReasonKey, 3, -8),
		"ECDSA algorithm on Edwards":      with(edwards, attest.ReasonKey, 3, -7),
		"ECDSA algorithm on RSA":          with(rsa2048, attest.ReasonKey, 3, -7),
		"RSA with SHA-1":                  with(rsa2048, attest.ReasonUnsupported, 3, -65535),
		"secp256k1":                       with(p256, attest.ReasonUnsupported, 3, -47),
		"ML-DSA":                          with(p256, attest.ReasonUnsupported, 3, -48),
		"no algorithm":                    with(p256, attest.ReasonUnsupported, 3, nil),
		"algorithm in words":              with(p256, attest.ReasonMalformed, 3, "ES256"),
		"another type":                    with(p256, attest.ReasonKey, 1, 1),
		"unknown type":                    with(p256, attest.ReasonKey, 1, 4),
		"no type":                         with(p256, attest.ReasonKey, 1, nil),
		"another curve":                   with(p256, attest.ReasonKey, -1, 2),
		"no curve":                        with(p256, attest.ReasonKey, -1, nil),
		"curve that is null":              with(p256, attest.ReasonKey, -1, attesttest.Raw{0xf6}),
		"no curve of Edwards":             with(edwards, attest.ReasonKey, -1, nil),
		"curve for agreement":             with(edwards, attest.ReasonKey, -1, 4),
		"point that is off the curve":     with(p256, attest.ReasonKey, -2, make([]byte, 32)),
		"point at infinity":               raw(attest.ReasonKey, func(p pairs) []byte { return attesttest.CBOR(p.With(-2, make([]byte, 32)).With(-3, make([]byte, 32))) }),
		"compressed point":                with(p256, attest.ReasonKey, -3, true),
		"no y":                            with(p256, attest.ReasonKey, -3, nil),
		"long x":                          with(p256, attest.ReasonKey, -2, make([]byte, 33)),
		"coordinate of another kind":      with(p256, attest.ReasonKey, -2, "x"),
		"private key too":                 with(p256, attest.ReasonKey, -4, make([]byte, 32)),
		"key identifier too":              raw(attest.ReasonKey, func(p pairs) []byte { return attesttest.CBOR(slices.Insert(p, 1, attesttest.Pair{2, []byte{1}})) }),
		"another parameter in words":      with(p256, attest.ReasonKey, "alg", -7),
		"parameter twice":                 raw(attest.ReasonMalformed, func(p pairs) []byte { return attesttest.CBOR(append(p, attesttest.Pair{3, -7})) }),
		"bytes behind":                    raw(attest.ReasonMalformed, func(p pairs) []byte { return append(attesttest.CBOR(p), 0) }),
		"list":                            raw(attest.ReasonMalformed, func(pairs) []byte { return attesttest.CBOR([]any{1, 2}) }),
		"tagged":                          raw(attest.ReasonMalformed, func(p pairs) []byte { return append([]byte{0xc1}, attesttest.CBOR(p)...) }),
		"endless map":                     raw(attest.ReasonMalformed, func(p pairs) []byte { return slices.Concat([]byte{0xbf}, attesttest.CBOR(p)[1:], []byte{0xff}) }),
		"nested deeply":                   raw(attest.ReasonMalformed, func(p pairs) []byte { return attesttest.CBOR(p.With(9, deep(100))) }),
		"short point of Edwards":          with(edwards, attest.ReasonKey, -2, make([]byte, 31)),
		"identity of Edwards":             with(edwards, attest.ReasonKey, -2, append([]byte{1}, make([]byte, 31)...)),
		"order 4 of Edwards":              with(edwards, attest.ReasonKey, -2, make([]byte, 32)),
		"second spelling of Edwards":      with(edwards, attest.ReasonKey, -2, append([]byte{0xee}, append(slices.Repeat([]byte{0xff}, 30), 0x7f)...)),
		"no point of Edwards":             with(edwards, attest.ReasonKey, -2, append([]byte{2}, make([]byte, 31)...)),
		"RSA of 1024 bits":                {rsaKey(t, 1024), attest.ReasonKey, func(p pairs) []byte { return attesttest.CBOR(p) }},
		"RSA of 16384 bits":               with(rsa2048, attest.ReasonMalformed, -1, slices.Repeat([]byte{0xff}, 2048)),
		"RSA of 8200 bits":                with(rsa2048, attest.ReasonKey, -1, slices.Repeat([]byte{0xff}, 1025)),
		"even modulus":                    with(rsa2048, attest.ReasonKey, -1, new(big.Int).Add(n, big.NewInt(1)).Bytes()),
		"modulus with a zero in front":    with(rsa2048, attest.ReasonKey, -1, append([]byte{0}, n.Bytes()...)),
		"no modulus":                      with(rsa2048, attest.ReasonKey, -1, []byte{}),
		"exponent 1":                      with(rsa2048, attest.ReasonKey, -2, []byte{1}),
		"exponent 3":                      with(rsa2048, attest.ReasonKey, -2, []byte{3}),
		"even exponent":                   with(rsa2048, attest.ReasonKey, -2, []byte{1, 0, 2}),
		"exponent with a zero in front":   with(rsa2048, attest.ReasonKey, -2, []byte{0, 1, 0, 1}),
		"huge exponent":                   with(rsa2048, attest.ReasonKey, -2, slices.Repeat([]byte{0xff}, 256)),
		"exponent of five octets":         with(rsa2048, attest.ReasonKey, -2, []byte{1, 0, 0, 0, 1}),
		"no exponent":                     with(rsa2048, attest.ReasonKey, -2, nil),
		"P-384 point said to be of P-256": {p384, attest.ReasonKey, func(p pairs) []byte { return attesttest.CBOR(p.With(-1, 1).With(3, -7)) }},
	}
}

// deep is a list in a list, n times.
func deep(n int) any {
	var v any = 0
	for range n {
		v = []any{v}
	}
	return v
}

func TestCredentialKeyMustBeGood(t *testing.T) {
	for name, tt := range badKeys(t) {
		for _, format := range []string{"", "packed"} { // a certificate does not make a bad key good
			t.Run(name+"/"+format, func(t *testing.T) {
				s := newScene(t, format)
				s.passkey = attesttest.NewPasskeyWith(tt.key, rpID)
				s.registration.Algorithms = everyAlgorithm
				s.mustNotRegister(t, tt.reason, func(c *ceremony) { c.Key = tt.cose(s.passkey.COSE()) })
			})
		}
	}
}

func TestKeysOfEveryKindAreRegistered(t *testing.T) {
	for name, key := range keys(t) {
		for _, format := range []string{"", "self", "packed"} {
			t.Run(name+"/"+format, func(t *testing.T) {
				s := newScene(t, format)
				s.passkey = attesttest.NewPasskeyWith(key, rpID)
				s.registration.Algorithms = everyAlgorithm
				if got := s.mustRegister(t, nil); int(got.Algorithm) != s.passkey.Algorithm || string(got.PublicKey) != string(attesttest.CBOR(s.passkey.COSE())) {
					t.Errorf("registered %+v", got)
				}
			})
		}
	}
}

// Section 6.5.1: there is one way to write a key, so that what is stored is what was attested.
func TestKeyThatIsNotInCanonicalFormIsRefused(t *testing.T) {
	long := func(b []byte) attesttest.Raw { return append(attesttest.Raw{0x59, 0, byte(len(b))}, b...) } // a length in two octets
	for name, cose := range map[string]func(pairs) []byte{
		"reversed":           func(p pairs) []byte { slices.Reverse(p); return attesttest.CBOR(p) },
		"algorithm first":    func(p pairs) []byte { p[0], p[1] = p[1], p[0]; return attesttest.CBOR(p) },
		"negative labels":    func(p pairs) []byte { p[2], p[3] = p[3], p[2]; return attesttest.CBOR(p) },
		"long label":         func(p pairs) []byte { p[0][0] = attesttest.Raw{0x18, 1}; return attesttest.CBOR(p) },
		"long negative":      func(p pairs) []byte { p[2][0] = attesttest.Raw{0x38, 0}; return attesttest.CBOR(p) },
		"long type":          func(p pairs) []byte { return attesttest.CBOR(p.With(1, attesttest.Raw{0x18, 2})) },
		"long algorithm":     func(p pairs) []byte { return attesttest.CBOR(p.With(3, attesttest.Raw{0x39, 0, 6})) },
		"long length":        func(p pairs) []byte { return attesttest.CBOR(p.With(-2, long(p.Value(-2).([]byte)))) },
		"long number of all": func(p pairs) []byte { return append([]byte{0xb8, 5}, attesttest.CBOR(p)[1:]...) },
	} {
		for _, format := range []string{"", "packed"} {
			t.Run(name+"/"+format, func(t *testing.T) {
				s := newScene(t, format)
				s.mustRegister(t, nil)
				s.mustNotRegister(t, attest.ReasonMalformed, func(c *ceremony) { c.Key = cose(s.passkey.COSE()) })
			})
		}
	}
	s := newScene(t, "packed")
	extensions := attesttest.CBOR(pairs{{"credProtect", 3}})
	got := s.mustRegister(t, func(c *ceremony) { c.Extensions = extensions }) // which stand behind the key
	if string(got.PublicKey) != string(attesttest.CBOR(s.passkey.COSE())) {
		t.Errorf("registered %x", got.PublicKey)
	}
}

func TestOnlyAlgorithmsThatWereAskedForAreAccepted(t *testing.T) {
	s := newScene(t, "")
	s.registration.Algorithms = []webauthn.Algorithm{-8, -257}
	s.mustNotRegister(t, attest.ReasonKey, nil)
	s.registration.Algorithms = []webauthn.Algorithm{}
	s.mustNotRegister(t, attest.ReasonKey, nil)
	s.registration.Algorithms = nil
	s.mustRegister(t, nil)
	s.passkey = attesttest.NewPasskeyWith(keys(t)["P-384"], rpID)
	s.mustNotRegister(t, attest.ReasonKey, nil)
}

// the modulus tells, whoever attests it. What was bound before is not asked again.
func TestKeyThatLeaksItsPrimesIsNotRegistered(t *testing.T) {
	for _, format := range []string{"", "packed"} {
		s := newScene(t, format)
		s.passkey = attesttest.NewPasskeyWith(rsaKey(t, 2048), rpID)
		s.mustRegister(t, nil)
		s.passkey = attesttest.NewPasskeyWith(attesttest.NewROCAKey(t, 2048), rpID)
		s.mustNotRegister(t, attest.ReasonKey, nil)
		s.store(s.passkey)
		s.mustAssert(t, nil)
	}
}
