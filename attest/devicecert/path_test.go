package devicecert_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

func TestNoAnchorsTrustNobody(t *testing.T) {
	s := newScene(t, nil)
	s.config.Anchors = func() []*x509.Certificate { return nil }
	s.mustRefuse(t, attest.ReasonUntrusted)
	s.config.Anchors = nil
	s.mustRefuse(t, attest.ReasonUntrusted)
}

func TestCertificateOfAnotherCAIsRefused(t *testing.T) {
	s := newScene(t, nil)
	other := attesttest.NewCA(t)
	s.config.Anchors = func() []*x509.Certificate { return []*x509.Certificate{other.Certificate} }
	s.mustRefuse(t, attest.ReasonUntrusted)
}

// A root that the claimant sends along is a certificate like any other.
func TestRootSentAlongIsNotTrusted(t *testing.T) {
	s := newScene(t, nil)
	stranger := attesttest.NewCA(t)
	device := stranger.Device(t, nil)
	device.Chain = append(device.Chain, attesttest.PEM(stranger.Certificate))
	s.input.Body = device.Evidence(challenge)
	s.mustRefuse(t, attest.ReasonUntrusted)
}

// Trust follows keys, not names.
func TestCAOfTheSameNameIsRefused(t *testing.T) {
	s := newScene(t, nil)
	twin := attesttest.NewCA(t)
	twin.Certificate.RawSubject = s.ca.Certificate.RawSubject
	twin.Certificate.SubjectKeyId = s.ca.Certificate.SubjectKeyId
	s.input.Body = twin.Device(t, nil).Evidence(challenge)
	s.mustRefuse(t, attest.ReasonUntrusted)
}

func TestCertificateIsJudgedAtTheGivenTime(t *testing.T) {
	s := newScene(t, func(tmpl *x509.Certificate) {
		tmpl.NotBefore, tmpl.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
	})
	s.mustVerify(t)
	for name, at := range map[string]time.Time{
		"before": now.Add(-time.Hour - time.Second), "after": now.Add(time.Hour + time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			s.input.Now = at
			s.mustRefuse(t, attest.ReasonExpired)
		})
	}
}

// The library takes the zero time for the machine's own clock.
func TestNoTimeIsNoTimeToVerifyAt(t *testing.T) {
	s := newScene(t, nil)
	s.input.Now = time.Time{}
	s.mustRefuse(t, attest.ReasonExpired)
}

func TestLeafMustBeMadeForClientAuthentication(t *testing.T) {
	for name, mutate := range map[string]func(*x509.Certificate){
		"made for servers":          func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"made for anything":         func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"no extended key usage":     func(c *x509.Certificate) { c.ExtKeyUsage = nil },
		"no key usage":              func(c *x509.Certificate) { c.KeyUsage = 0 },
		"key usage without signing": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement },
		"CA":                        func(c *x509.Certificate) { c.IsCA = true },
	} {
		t.Run(name, func(t *testing.T) {
			newScene(t, mutate).mustRefuse(t, attest.ReasonPurpose)
		})
	}
}

func TestMoreUsesThanClientAuthenticationAreAllowed(t *testing.T) {
	newScene(t, func(c *x509.Certificate) {
		c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny, x509.ExtKeyUsageEmailProtection)
		c.KeyUsage |= x509.KeyUsageKeyAgreement
	}).mustVerify(t)
}

var unknownExtension = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}

func TestUnknownCriticalExtensionIsRefused(t *testing.T) {
	newScene(t, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{unknownExtension} }).
		mustRefuse(t, attest.ReasonUnsupported)
}

func TestUnknownExtensionThatIsNotCriticalIsIgnored(t *testing.T) {
	newScene(t, func(c *x509.Certificate) {
		e := unknownExtension
		e.Critical = false
		c.ExtraExtensions = []pkix.Extension{e}
	}).mustVerify(t)
}

// chained makes a device under n intermediates, the lowest made as mutate says.
func chained(t *testing.T, n int, mutate func(*x509.Certificate)) *scene {
	t.Helper()
	root := attesttest.NewCA(t)
	ca := root
	for i := range n {
		if i < n-1 {
			ca = ca.Intermediate(t, nil)
		} else {
			ca = ca.Intermediate(t, mutate)
		}
	}
	return sceneOf(root, ca.Device(t, nil))
}

func TestPathLengthIsBounded(t *testing.T) {
	chained(t, 4, nil).mustVerify(t)
	chained(t, 5, nil).mustRefuse(t, attest.ReasonUntrusted)

	s := chained(t, 2, nil)
	s.config.MaxPath = 3
	s.mustVerify(t)
	s.config.MaxPath = 2
	s.mustRefuse(t, attest.ReasonUntrusted)
}

func TestOrderOfIntermediatesIsFree(t *testing.T) {
	s := chained(t, 3, nil)
	slices.Reverse(s.device.Chain[1:])
	s.input.Body = s.device.Evidence(challenge)
	s.mustVerify(t)
}

func TestMissingIntermediateIsRefused(t *testing.T) {
	s := chained(t, 2, nil)
	s.device.Chain = s.device.Chain[:2]
	s.input.Body = s.device.Evidence(challenge)
	s.mustRefuse(t, attest.ReasonUntrusted)
}

// One broken rule of RFC 5280 section 6.1 in the intermediate, one test.
func TestIntermediateMustBeACA(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mutate func(*x509.Certificate)
		reason attest.Reason
	}{
		{"not a CA", func(c *x509.Certificate) { c.IsCA = false }, attest.ReasonUntrusted},
		{"no basic constraints", func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = false, false }, attest.ReasonUntrusted},
		{"may not sign certificates", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, attest.ReasonUntrusted},
		{"name constraint", func(c *x509.Certificate) {
			c.PermittedURIDomains, c.PermittedDNSDomainsCritical = []string{"example.com"}, true
		}, attest.ReasonUntrusted},
		{"expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, attest.ReasonExpired},
		{"not yet valid", func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, attest.ReasonExpired},
		{"for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, attest.ReasonPurpose},
		{"unknown critical extension", func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{unknownExtension} }, attest.ReasonUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			chained(t, 1, tt.mutate).mustRefuse(t, tt.reason)
		})
	}
}

func TestPathLengthConstraintIsKept(t *testing.T) {
	root := attesttest.NewCA(t)
	short := root.Intermediate(t, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	sceneOf(root, short.Device(t, nil)).mustVerify(t)
	sceneOf(root, short.Intermediate(t, nil).Device(t, nil)).mustRefuse(t, attest.ReasonUntrusted)
}

// A leaf that an operator made an anchor by mistake does not vouch for itself.
func TestLeafIsNotItsOwnAnchor(t *testing.T) {
	s := newScene(t, nil)
	s.config.Anchors = func() []*x509.Certificate { return []*x509.Certificate{s.device.Certificate} }
	s.mustRefuse(t, attest.ReasonUntrusted)
}

func TestSerialNumberIsBounded(t *testing.T) {
	serial := func(bits uint) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), bits-1) }
	}
	newScene(t, serial(159)).mustVerify(t)
	newScene(t, serial(160)).mustRefuse(t, attest.ReasonMalformed) // 21 octets with the sign
}

// publicOnly is a key that is certified but never signs.
type publicOnly struct{ key crypto.PublicKey }

func (p publicOnly) Public() crypto.PublicKey { return p.key }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no private key")
}

func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func curveKey(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func edKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func withKey(t *testing.T, key crypto.Signer, algorithm string) *scene {
	t.Helper()
	ca := attesttest.NewCA(t)
	device := ca.DeviceWithKey(t, key, nil)
	device.Algorithm = algorithm
	return sceneOf(ca, device)
}

func TestStrongKeysAreAccepted(t *testing.T) {
	rsa2048 := rsaKey(t, 2048)
	for algorithm, key := range map[string]crypto.Signer{
		"ES256": curveKey(t, elliptic.P256()), "ES384": curveKey(t, elliptic.P384()), "ES512": curveKey(t, elliptic.P521()), "Ed25519": edKey(t), "RS256": rsa2048, "PS256": rsa2048,
	} {
		t.Run(algorithm, func(t *testing.T) {
			claims := withKey(t, key, algorithm).mustVerify(t)
			if claims.HolderKey != (algorithm == "ES256") {
				t.Errorf("holder key: %v", claims.HolderKey)
			}
		})
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	small := rsaKey(t, 2048)
	small.E = 3
	for name, key := range map[string]crypto.Signer{
		"RSA 1024":       rsaKey(t, 1024),
		"RSA 2047":       rsaKey(t, 2047),
		"RSA exponent 3": small,
		"RSA 8193":       publicOnly{&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}},
		"P-224":          curveKey(t, elliptic.P224()),
	} {
		t.Run(name, func(t *testing.T) {
			ca := attesttest.NewCA(t)
			device := ca.DeviceWithKey(t, key, nil)
			device.Key = attesttest.NewKey(t) // whatever signs: the key is refused before
			sceneOf(ca, device).mustRefuse(t, attest.ReasonKey)
		})
	}
}

func TestWeakKeyOfAnIntermediateIsRefused(t *testing.T) {
	root := attesttest.NewCA(t)
	weak := root.IntermediateWithKey(t, rsaKey(t, 1024), nil)
	sceneOf(root, weak.Device(t, nil)).mustRefuse(t, attest.ReasonKey)
}

func TestWeakKeyOfTheAnchorIsRefused(t *testing.T) {
	root := attesttest.NewCA(t)
	weak := root.IntermediateWithKey(t, rsaKey(t, 1024), nil)
	s := sceneOf(weak, weak.Device(t, nil))
	s.device.Chain = s.device.Chain[:1]
	s.input.Body = s.device.Evidence(challenge)
	s.mustRefuse(t, attest.ReasonKey)
}

func TestSHA1SignatureIsRefused(t *testing.T) {
	root := attesttest.NewCA(t)
	ca := root.IntermediateWithKey(t, rsaKey(t, 2048), nil)
	device := ca.Device(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
	sceneOf(root, device).mustRefuse(t, attest.ReasonKey)
}

func TestSHA1SignatureOnAnIntermediateIsRefused(t *testing.T) {
	root := attesttest.NewCA(t).IntermediateWithKey(t, rsaKey(t, 2048), nil)
	ca := root.Intermediate(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
	sceneOf(root, ca.Device(t, nil)).mustRefuse(t, attest.ReasonKey)
}

// An anchor is trusted because the operator says so: what signed it does not matter, also when the device sends it along.
func TestSHA1SignatureOnTheAnchorDoesNotMatter(t *testing.T) {
	above := attesttest.NewCA(t).IntermediateWithKey(t, rsaKey(t, 2048), nil)
	anchor := above.Intermediate(t, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA })
	s := sceneOf(anchor, anchor.Device(t, nil))
	s.device.Chain = s.device.Chain[:2]
	s.input.Body = s.device.Evidence(challenge)
	s.mustVerify(t)
}

func TestKeyDecidesTheAlgorithm(t *testing.T) {
	rsa2048 := rsaKey(t, 2048)
	for _, tt := range []struct {
		name, good, named string
		key               crypto.Signer
		reason            attest.Reason
	}{
		{"curve P-256 as ES384", "ES256", "ES384", curveKey(t, elliptic.P256()), attest.ReasonKey},
		{"curve P-384 as ES256", "ES384", "ES256", curveKey(t, elliptic.P384()), attest.ReasonKey},
		{"curve P-256 as RS256", "ES256", "RS256", curveKey(t, elliptic.P256()), attest.ReasonKey},
		{"RSA as ES256", "RS256", "ES256", rsa2048, attest.ReasonKey},
		{"Ed25519 as ES256", "Ed25519", "ES256", edKey(t), attest.ReasonKey},
		{"RS256 signature as PS256", "RS256", "PS256", rsa2048, attest.ReasonSignature},
		{"none", "ES256", "none", curveKey(t, elliptic.P256()), attest.ReasonUnsupported},
		{"no name", "ES256", "", curveKey(t, elliptic.P256()), attest.ReasonUnsupported},
		{"lower case", "ES256", "es256", curveKey(t, elliptic.P256()), attest.ReasonUnsupported},
		{"MAC", "ES256", "HS256", curveKey(t, elliptic.P256()), attest.ReasonUnsupported},
		{"any curve", "Ed25519", "EdDSA", edKey(t), attest.ReasonUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withKey(t, tt.key, tt.good)
			s.mustVerify(t)
			s.input.Body = attesttest.Element("device-certificate", s.device.Chain, tt.named, s.device.Sign(challenge))
			s.mustRefuse(t, tt.reason)
		})
	}
}
