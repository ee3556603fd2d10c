package tpm_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/tpm/tpmtest"
)

func ecKey(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEndorsementKeyOfEachTemplateIsAccepted(t *testing.T) {
	for name, ek := range map[string]crypto.Signer{"RSA": tpmtest.RSA(), "P-256": ecKey(t, elliptic.P256()), "P-384": ecKey(t, elliptic.P384())} {
		t.Run(name, func(t *testing.T) { newEnrolment(t, withEK(ek, nil)).mustFinish(t) })
	}
	for name, ek := range map[string]crypto.Signer{"P-521": ecKey(t, elliptic.P521()), "RSA-3072": rsaKey(t, 3072)} {
		t.Run(name, func(t *testing.T) {
			newEnrolment(t, withEK(ek, nil)).mustNotBegin(t, attest.ReasonUnsupported)
		})
	}
}

func rsaKey(t *testing.T, bits int) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// R-236, one member of the certificate after the other.
func TestCertificateThatIsNotOfAnEndorsementKeyIsRefused(t *testing.T) {
	names := func(values map[int]string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tpmtest.Names(t, values)} }
	}
	for name, tt := range map[string]struct {
		reason attest.Reason
		mutate func(*x509.Certificate)
	}{
		"for clients": {attest.ReasonPurpose, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}},
		"for anything": {attest.ReasonPurpose, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		}},
		"for nothing said":   {attest.ReasonPurpose, func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil }},
		"of a platform":      {attest.ReasonPurpose, func(c *x509.Certificate) { c.UnknownExtKeyUsage[0] = asn1.ObjectIdentifier{2, 23, 133, 8, 2} }},
		"of an AK":           {attest.ReasonPurpose, func(c *x509.Certificate) { c.UnknownExtKeyUsage[0] = asn1.ObjectIdentifier{2, 23, 133, 8, 3} }},
		"for signatures":     {attest.ReasonPurpose, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }},
		"no key usage":       {attest.ReasonPurpose, func(c *x509.Certificate) { c.KeyUsage = 0 }},
		"of a CA":            {attest.ReasonPurpose, func(c *x509.Certificate) { c.IsCA = true }},
		"no manufacturer":    {attest.ReasonPurpose, names(map[int]string{2: "m", 3: "v"})},
		"no model":           {attest.ReasonPurpose, names(map[int]string{1: "m", 3: "v"})},
		"no version":         {attest.ReasonPurpose, names(map[int]string{1: "m", 2: "m"})},
		"model of two words": {attest.ReasonPurpose, names(map[int]string{1: "m", 2: "m 2", 3: "v"})},
		"no names":           {attest.ReasonPurpose, func(c *x509.Certificate) { c.ExtraExtensions, c.Subject.CommonName = nil, "a" }},
		"names not critical": {attest.ReasonMalformed, func(c *x509.Certificate) { c.ExtraExtensions[0].Critical = false }}, // and no subject
		"another critical one": {attest.ReasonUnsupported, func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}})
		}},
		"expired": {attest.ReasonExpired, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			newEnrolment(t, withEK(tpmtest.RSA(), tt.mutate)).mustNotBegin(t, tt.reason)
		})
	}
}

func TestEndorsementKeyOfAStrangerIsRefused(t *testing.T) {
	e := newEnrolment(t, nil)
	e.chip = tpmtest.NewChip(t, attesttest.NewCA(t), tpmtest.RSA(), nil)
	e.mustNotBegin(t, attest.ReasonUntrusted)
	e = newEnrolment(t, nil)
	e.config.Makers = nil
	e.mustNotBegin(t, attest.ReasonUntrusted)
	e = newEnrolment(t, nil)
	e.chip.Chain[0] = e.chip.Chain[0][:100]
	e.mustNotBegin(t, attest.ReasonMalformed)
	e.chip.Chain = nil
	e.mustNotBegin(t, attest.ReasonMalformed)
}

// the modulus tells, whoever certified it.
func TestEndorsementKeyThatLeaksItsPrimesIsRefused(t *testing.T) {
	e := newEnrolment(t, withEK(publicOnly{tpmtest.RSA(), attesttest.NewROCAKey(t, 2048).Public()}, nil))
	e.mustNotBegin(t, attest.ReasonKey)
}

// publicOnly is a key whose certificate names another public one.
type publicOnly struct {
	crypto.Signer
	public crypto.PublicKey
}

func (p publicOnly) Public() crypto.PublicKey { return p.public }

// Few chips hold more than their own certificate.
func TestIntermediateMayBeSentOrConfigured(t *testing.T) {
	e := newEnrolment(t, nil)
	issuing := e.maker.Intermediate(t, nil)
	e.chip = tpmtest.NewChip(t, issuing, tpmtest.RSA(), nil)
	e.mustNotBegin(t, attest.ReasonUntrusted)
	e.chip.Chain = append(e.chip.Chain, []byte("no certificate"), issuing.Certificate.Raw)
	e.mustFinish(t)
	e.chip.Chain = e.chip.Chain[:1]
	e.config.Makers = append(e.config.Makers, issuing.Certificate)
	e.mustFinish(t)
}

func TestDeniedModelIsRefused(t *testing.T) {
	for denied, refuses := range map[string]bool{
		"id:00001014": true, "id:00001014 swtpm": true, "id:00001014 swtpm id:20240125": true,
		"id:0000101": false, "id:00001014 swtpm id:2024": false, "swtpm": false,
	} {
		t.Run(denied, func(t *testing.T) {
			e := newEnrolment(t, nil)
			e.config.Denied = []string{denied}
			if refuses {
				e.mustNotBegin(t, attest.ReasonPolicy)
			} else {
				e.mustFinish(t)
			}
		})
	}
}

// the second handle is the same for every key of a chip, so a store with unique handles takes a chip once.
func TestChipIsBoundOnce(t *testing.T) {
	first := newEnrolment(t, nil)
	second := newEnrolment(t, nil)
	second.maker, second.chip, second.config = first.maker, first.chip, first.config
	a, b := first.mustFinish(t), second.mustFinish(t)
	if len(a.Handles) != 2 || bytes.Equal(a.Handles[0].Value, b.Handles[0].Value) || !bytes.Equal(a.Handles[1].Value, b.Handles[1].Value) {
		t.Errorf("handles %+v and %+v", a.Handles, b.Handles)
	}
}

// RFC 5280 section 4.1.2.5: most chips hold a certificate that ends on no date.
func TestAChipWhoseCertificateNeverExpiresIsBoundForGood(t *testing.T) {
	e := newEnrolment(t, withEK(tpmtest.RSA(), func(c *x509.Certificate) { c.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }))
	if got := e.mustFinish(t); !got.NotAfter.IsZero() {
		t.Errorf("it expires at %v", got.NotAfter)
	}
}
