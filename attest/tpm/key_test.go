package tpm_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"testing"

	gotpm "github.com/google/go-tpm/tpm2"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

// with quotes by that key.
func (s *scene) with(k *tpmtest.Key) *scene {
	s.sign(k.Quote(challenge, s.registers(), nil))
	s.quote.AK = k.Area()
	return s
}

func TestEveryKindOfAttestationKeyIsAccepted(t *testing.T) {
	for name, k := range map[string]*tpmtest.Key{
		"P-256": tpmtest.NewAK(t), "P-384": tpmtest.NewAKOn(t, elliptic.P384()), "P-521": tpmtest.NewAKOn(t, elliptic.P521()),
		"RSASSA": tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA), "RSAPSS": tpmtest.NewRSAAK(t, gotpm.TPMAlgRSAPSS),
	} {
		t.Run(name, func(t *testing.T) {
			newScene(t).with(k).mustVerify(t)
			sized := newScene(t).with(k)
			sized.quote.AK = k.Sized()
			sized.mustVerify(t)
		})
	}
}

// each attribute says one thing without which a quote proves nothing.
func TestAttestationKeyWithAnotherAttributeIsRefused(t *testing.T) {
	for name, mutate := range map[string]func(*gotpm.TPMAObject){
		"fixedTPM":            func(a *gotpm.TPMAObject) { a.FixedTPM = false },
		"fixedParent":         func(a *gotpm.TPMAObject) { a.FixedParent = false },
		"sensitiveDataOrigin": func(a *gotpm.TPMAObject) { a.SensitiveDataOrigin = false },
		"restricted":          func(a *gotpm.TPMAObject) { a.Restricted = false },
		"sign":                func(a *gotpm.TPMAObject) { a.SignEncrypt = false },
		"decrypt":             func(a *gotpm.TPMAObject) { a.Decrypt = true },
	} {
		t.Run(name, func(t *testing.T) {
			for _, k := range []*tpmtest.Key{tpmtest.NewAK(t), tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA)} {
				mutate(&k.Public.ObjectAttributes)
				newScene(t).with(k).mustRefuse(t, attest.ReasonKey)
			}
		})
	}
}

func TestWeakAttestationKeyIsRefused(t *testing.T) {
	ecc := func(mutate func(*gotpm.TPMSECCParms)) *tpmtest.Key {
		k := tpmtest.NewAK(t)
		p, _ := k.Public.Parameters.ECCDetail()
		mutate(p)
		return k
	}
	rsaKey := func(mutate func(*gotpm.TPMSRSAParms)) *tpmtest.Key {
		k := tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA)
		p, _ := k.Public.Parameters.RSADetail()
		mutate(p)
		return k
	}
	aes := gotpm.TPMTSymDefObject{
		Algorithm: gotpm.TPMAlgAES, KeyBits: gotpm.NewTPMUSymKeyBits(gotpm.TPMAlgAES, gotpm.TPMKeyBits(128)),
		Mode: gotpm.NewTPMUSymMode(gotpm.TPMAlgAES, gotpm.TPMAlgCFB),
	}
	ecdaa := gotpm.TPMTECCScheme{
		Scheme:  gotpm.TPMAlgECDAA,
		Details: gotpm.NewTPMUAsymScheme(gotpm.TPMAlgECDAA, &gotpm.TPMSSchemeECDAA{HashAlg: gotpm.TPMAlgSHA256}),
	}
	named := tpmtest.NewAK(t)
	named.Public.NameAlg = gotpm.TPMAlgSHA1
	off := tpmtest.NewAK(t)
	point, _ := off.Public.Unique.ECC()
	point.X.Buffer[3] ^= 1
	for name, k := range map[string]*tpmtest.Key{
		"no scheme":           ecc(func(p *gotpm.TPMSECCParms) { p.Scheme = gotpm.TPMTECCScheme{} }),
		"no RSA scheme":       rsaKey(func(p *gotpm.TPMSRSAParms) { p.Scheme = gotpm.TPMTRSAScheme{} }),
		"SHA-1":               ecc(func(p *gotpm.TPMSECCParms) { p.Scheme = tpmtest.ECDSA(gotpm.TPMAlgSHA1) }),
		"RSA with SHA-1":      rsaKey(func(p *gotpm.TPMSRSAParms) { p.Scheme = tpmtest.RSAScheme(gotpm.TPMAlgRSASSA, gotpm.TPMAlgSHA1) }),
		"ECDAA":               ecc(func(p *gotpm.TPMSECCParms) { p.Scheme = ecdaa }),
		"P-224":               ecc(func(p *gotpm.TPMSECCParms) { p.CurveID = gotpm.TPMECCNistP224 }),
		"BN P-256":            ecc(func(p *gotpm.TPMSECCParms) { p.CurveID = gotpm.TPMECCBNP256 }),
		"wraps":               ecc(func(p *gotpm.TPMSECCParms) { p.Symmetric = aes }),
		"RSA wraps":           rsaKey(func(p *gotpm.TPMSRSAParms) { p.Symmetric = aes }),
		"exponent 3":          rsaKey(func(p *gotpm.TPMSRSAParms) { p.Exponent = 3 }),
		"other size":          rsaKey(func(p *gotpm.TPMSRSAParms) { p.KeyBits = 3072 }),
		"named with SHA-1":    named,
		"point off the curve": off,
		"RSA of 8200 bits":    withModulus(t, wide(8200), 8200),
		"RSA of 2050 bits":    withModulus(t, wide(2050), 2050),
		"RSA of 1024 bits":    withModulus(t, new(big.Int).Rsh(tpmtest.RSA().N, 1024), 1024),
		"even modulus":        withModulus(t, new(big.Int).Sub(tpmtest.RSA().N, big.NewInt(1)), 2048),
		"ROCA":                withModulus(t, attesttest.NewROCAKey(t, 2048).N, 2048),
	} {
		t.Run(name, func(t *testing.T) { newScene(t).with(k).mustRefuse(t, attest.ReasonKey) })
	}
	newScene(t).with(withModulus(t, wide(8192), 8192)).mustRefuse(t, attest.ReasonSignature) // the key is good, and signed nothing
}

// Whatever it says of itself, no scheme of encryption signs.
func TestRSAKeyForEncryptionIsRefused(t *testing.T) {
	k := tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA)
	s := newScene(t).with(k)
	s.mustVerify(t)
	p, _ := k.Public.Parameters.RSADetail()
	p.Scheme = gotpm.TPMTRSAScheme{Scheme: gotpm.TPMAlgRSAES, Details: gotpm.NewTPMUAsymScheme(gotpm.TPMAlgRSAES, &gotpm.TPMSEncSchemeRSAES{})}
	s.quote.AK = k.Area()
	s.mustRefuse(t, attest.ReasonKey)
}

// wide is an odd number of that many bits.
func wide(bits int) *big.Int { return new(big.Int).SetBit(tpmtest.RSA().N, bits-1, 1) }

func withModulus(t *testing.T, n *big.Int, bits uint16) *tpmtest.Key {
	t.Helper()
	k := tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA)
	p, _ := k.Public.Parameters.RSADetail()
	p.KeyBits = gotpm.TPMIRSAKeyBits(bits)
	modulus, _ := k.Public.Unique.RSA()
	modulus.Buffer = n.Bytes()
	return k
}

// Nothing that is no asymmetric key for signing is taken for one.
func TestKeyOfAnotherTypeIsRefused(t *testing.T) {
	s := newScene(t)
	s.quote.AK = gotpm.Marshal(gotpm.TPMTPublic{
		Type: gotpm.TPMAlgKeyedHash, NameAlg: gotpm.TPMAlgSHA256, ObjectAttributes: s.ak.Public.ObjectAttributes,
		Parameters: gotpm.NewTPMUPublicParms(gotpm.TPMAlgKeyedHash, &gotpm.TPMSKeyedHashParms{
			Scheme: gotpm.TPMTKeyedHashScheme{
				Scheme:  gotpm.TPMAlgHMAC,
				Details: gotpm.NewTPMUSchemeKeyedHash(gotpm.TPMAlgHMAC, &gotpm.TPMSSchemeHMAC{HashAlg: gotpm.TPMAlgSHA256}),
			},
		}),
		Unique: gotpm.NewTPMUPublicID(gotpm.TPMAlgKeyedHash, &gotpm.TPM2BDigest{Buffer: make([]byte, 32)}),
	})
	s.mustRefuse(t, attest.ReasonKey)
}

func TestPublicAreaThatIsNotOneIsRefused(t *testing.T) {
	good := newScene(t).quote.AK
	for i := range good {
		s := newScene(t)
		s.quote.AK = good[:i]
		s.mustRefuse(t, attest.ReasonMalformed)
	}
	for name, area := range map[string][]byte{
		"more bytes": append(good[:len(good):len(good)], 0), "nothing": nil, "too long": make([]byte, 1<<20),
		"size of another": append([]byte{0, byte(len(good) + 1)}, good...),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.quote.AK = area
			s.mustRefuse(t, attest.ReasonMalformed)
		})
	}
}

// go-attestation v0.6.1 dereferenced nil here.
func TestSignatureOfAnotherAlgorithmIsRefused(t *testing.T) {
	ecc, ssa, pss := newScene(t), newScene(t), newScene(t)
	ssa.with(tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA))
	pss.with(tpmtest.NewRSAAK(t, gotpm.TPMAlgRSAPSS))
	for _, pair := range [][2]*scene{{ecc, ssa}, {ssa, ecc}, {ssa, pss}, {pss, ssa}} {
		s := *pair[0]
		s.quote.Signature = pair[1].quote.Signature
		s.mustRefuse(t, attest.ReasonSignature)
	}
	s := *ecc
	s.quote.Signature = gotpm.Marshal(gotpm.TPMTSignature{SigAlg: gotpm.TPMAlgNull})
	s.mustRefuse(t, attest.ReasonSignature)
	s.quote.Signature = bytesWith(ecc.quote.Signature, 3, 0x0c) // says that it hashed with SHA-384
	s.mustRefuse(t, attest.ReasonSignature)
}

func TestRSAIsVerifiedWithTheWholeModulus(t *testing.T) {
	s := newScene(t).with(tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA))
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other := tpmtest.NewRSAAK(t, gotpm.TPMAlgRSASSA)
	other.Private = k
	s.quote.Signature = other.Sign(s.quote.Attest)
	s.mustRefuse(t, attest.ReasonSignature)
}

func bytesWith(data []byte, at int, value byte) []byte {
	out := append([]byte(nil), data...)
	out[at] = value
	return out
}
