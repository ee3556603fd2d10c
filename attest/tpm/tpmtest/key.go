// Package tpmtest is a TPM in software for tests: what it makes differs from the good in whatever a test changes.
package tpmtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"sync"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"
)

// Key is a key with its public area. A test that changes the area after the fact has a key that signs and is named otherwise.
type Key struct {
	Public  gotpm.TPMTPublic
	Private crypto.Signer
}

// NewAK makes an attestation key on P-256.
func NewAK(t testing.TB) *Key {
	t.Helper()
	return newECC(t, elliptic.P256(), true)
}

// NewAKOn makes an attestation key on that curve.
func NewAKOn(t testing.TB, curve elliptic.Curve) *Key {
	t.Helper()
	return newECC(t, curve, true)
}

// NewRSAAK makes an attestation key of 2048 bits that signs by RSASSA, or by RSAPSS. All share one modulus, since a new one takes a while.
func NewRSAAK(t testing.TB, scheme gotpm.TPMAlgID) *Key {
	t.Helper()
	k := &Key{Private: RSA()}
	k.Public = gotpm.TPMTPublic{
		Type: gotpm.TPMAlgRSA, NameAlg: gotpm.TPMAlgSHA256, ObjectAttributes: attributes(true),
		Parameters: gotpm.NewTPMUPublicParms(gotpm.TPMAlgRSA, &gotpm.TPMSRSAParms{
			Symmetric: gotpm.TPMTSymDefObject{Algorithm: gotpm.TPMAlgNull}, Scheme: RSAScheme(scheme, gotpm.TPMAlgSHA256), KeyBits: 2048,
		}),
		Unique: gotpm.NewTPMUPublicID(gotpm.TPMAlgRSA, &gotpm.TPM2BPublicKeyRSA{Buffer: RSA().N.Bytes()}),
	}
	return k
}

// NewApplicationKey makes a key on P-256 that signs what it is given.
func NewApplicationKey(t testing.TB) *Key {
	t.Helper()
	return newECC(t, elliptic.P256(), false)
}

// RSA is a private key of 2048 bits, the same for a whole test program.
var RSA = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// RSAScheme is how an RSA key signs.
func RSAScheme(scheme, hash gotpm.TPMAlgID) gotpm.TPMTRSAScheme {
	s := gotpm.TPMTRSAScheme{Scheme: scheme}
	switch scheme {
	case gotpm.TPMAlgRSASSA:
		s.Details = gotpm.NewTPMUAsymScheme(scheme, &gotpm.TPMSSigSchemeRSASSA{HashAlg: hash})
	case gotpm.TPMAlgRSAPSS:
		s.Details = gotpm.NewTPMUAsymScheme(scheme, &gotpm.TPMSSigSchemeRSAPSS{HashAlg: hash})
	}
	return s
}

// ECDSA is how a key on a curve signs.
func ECDSA(hash gotpm.TPMAlgID) gotpm.TPMTECCScheme {
	return gotpm.TPMTECCScheme{
		Scheme:  gotpm.TPMAlgECDSA,
		Details: gotpm.NewTPMUAsymScheme(gotpm.TPMAlgECDSA, &gotpm.TPMSSigSchemeECDSA{HashAlg: hash}),
	}
}

func attributes(restricted bool) gotpm.TPMAObject {
	return gotpm.TPMAObject{
		FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, Restricted: restricted, SignEncrypt: true,
	}
}

func newECC(t testing.TB, curve elliptic.Curve, restricted bool) *Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	names := map[elliptic.Curve]gotpm.TPMECCCurve{
		elliptic.P256(): gotpm.TPMECCNistP256, elliptic.P384(): gotpm.TPMECCNistP384, elliptic.P521(): gotpm.TPMECCNistP521,
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := 1 + len(point)/2
	return &Key{Private: private, Public: gotpm.TPMTPublic{
		Type: gotpm.TPMAlgECC, NameAlg: gotpm.TPMAlgSHA256, ObjectAttributes: attributes(restricted),
		Parameters: gotpm.NewTPMUPublicParms(gotpm.TPMAlgECC, &gotpm.TPMSECCParms{
			Symmetric: gotpm.TPMTSymDefObject{Algorithm: gotpm.TPMAlgNull}, Scheme: ECDSA(gotpm.TPMAlgSHA256),
			CurveID: names[curve], KDF: gotpm.TPMTKDFScheme{Scheme: gotpm.TPMAlgNull},
		}),
		Unique: gotpm.NewTPMUPublicID(gotpm.TPMAlgECC, &gotpm.TPMSECCPoint{
			X: gotpm.TPM2BECCParameter{Buffer: point[1:half]}, Y: gotpm.TPM2BECCParameter{Buffer: point[half:]},
		}),
	}}
}

// Area is the TPMT_PUBLIC of the key.
func (k *Key) Area() []byte { return gotpm.Marshal(k.Public) }

// Sized is the TPM2B_PUBLIC of the key.
func (k *Key) Sized() []byte { return gotpm.Marshal(gotpm.TPM2BData{Buffer: k.Area()}) }

// Name is the name of the key.
func (k *Key) Name() []byte {
	name, err := gotpm.ObjectName(&k.Public)
	if err != nil {
		panic(err)
	}
	return name.Buffer
}
