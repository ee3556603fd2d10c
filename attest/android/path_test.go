package android_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
)

// factoryWith is a good phone whose attestation key has another certificate.
func factoryWith(t testing.TB, mutate func(*x509.Certificate)) *phone {
	t.Helper()
	p := goodPhone(t)
	p.attests = attesttest.NewFactory(t, mutate)
	p.demand.Roots = parse(t, attesttest.PEM(p.attests.Root.Certificate))
	return p
}

func TestChainThatLeadsNowhereIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*phone)
		reason attest.Reason
	}{
		"no root": {func(p *phone) { p.demand.Roots = nil }, attest.ReasonUntrusted},
		"other root": {func(p *phone) {
			p.demand.Roots = parse(t, attesttest.PEM(attesttest.NewFactory(t, nil).Root.Certificate))
		}, attest.ReasonUntrusted},
		"root alone attests": {func(p *phone) { p.attests.Key = p.attests.Root }, attest.ReasonUntrusted},
		"signed by another key": {func(p *phone) {
			p.chain = p.attests.AndroidKey(t, p.says, nil).Chain
			p.chain[1] = attesttest.PEM(p.attests.Intermediate.Intermediate(t, func(c *x509.Certificate) {
				c.RawSubject = p.attests.Key.Certificate.RawSubject
			}).Certificate)
		}, attest.ReasonUntrusted},
		"out of order": {func(p *phone) {
			p.chain = p.attests.AndroidKey(t, p.says, nil).Chain
			p.chain[1], p.chain[2] = p.chain[2], p.chain[1]
		}, attest.ReasonMalformed},
		"more than the chain": {func(p *phone) {
			p.chain = append(p.attests.AndroidKey(t, p.says, nil).Chain, attesttest.PEM(attesttest.NewCA(t).Certificate))
		}, attest.ReasonMalformed},
		"another root at the end": {func(p *phone) {
			p.chain = p.attests.AndroidKey(t, p.says, nil).Chain
			p.chain[3] = attesttest.PEM(attesttest.NewCA(t).Certificate)
		}, attest.ReasonMalformed},
		"one certificate": {func(p *phone) { p.chain = p.attests.AndroidKey(t, p.says, nil).Chain[:1] }, attest.ReasonMalformed},
		"too many": {func(p *phone) {
			p.chain = slices.Repeat(p.attests.AndroidKey(t, p.says, nil).Chain, 2)
		}, attest.ReasonMalformed},
		"no attestation key": {func(p *phone) {
			c := p.attests.AndroidKey(t, p.says, nil).Chain
			p.chain = append(c[:1], c[2:]...)
		}, attest.ReasonUntrusted},
		"leaf not yet valid": {func(p *phone) { p.leaf = func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) } }, attest.ReasonExpired},
		"leaf expired":       {func(p *phone) { p.leaf = expired }, attest.ReasonExpired},
		"no time":            {func(p *phone) { p.demand.Now = time.Time{} }, attest.ReasonExpired},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPhone(t)
			tt.change(p)
			p.mustFail(t, tt.reason)
		})
	}
}

// Google certifies the keys of its roots again and again.
func TestRootMayBeLeftOutOrBeCertifiedAnew(t *testing.T) {
	p := goodPhone(t)
	chain := p.attests.AndroidKey(t, p.says, nil).Chain
	certified := func(mutate func(*x509.Certificate)) []string {
		again := p.attests.Root.IntermediateWithKey(t, p.attests.Root.Key, func(c *x509.Certificate) {
			c.RawSubject = p.attests.Root.Certificate.RawSubject
			mutate(c)
		})
		return append(chain[:3:3], attesttest.PEM(again.Certificate))
	}
	p.chain = chain[:3]
	p.mustPass(t)
	p.chain = certified(func(*x509.Certificate) {})
	p.mustPass(t)
	p.chain = certified(expired)
	p.mustFail(t, attest.ReasonExpired)
	p.demand.ExpiredFactory = true
	p.mustPass(t)
}

// What stands behind the path is not needed, but nobody may have altered it.
func TestRootThatIsNotSignedWithItsKeyIsRefused(t *testing.T) {
	p := goodPhone(t)
	p.chain = p.attests.AndroidKey(t, p.says, nil).Chain
	root := bytes.Clone(p.attests.Root.Certificate.Raw)
	root[len(root)-1] ^= 1 // of the signature
	p.chain[3] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root}))
	p.mustFail(t, attest.ReasonMalformed)
}

// Anybody can have a key attested, and then sign certificates with it that say whatever they like.
func TestAttestedKeyCannotAttest(t *testing.T) {
	p := goodPhone(t)
	genuine := attesttest.NewKeyDescription(300, challenge)
	attestation := []pkix.Extension{{Id: attesttest.AndroidAttestation, Value: genuine.Encode()}}
	for name, mutate := range map[string]func(*x509.Certificate){
		"of no CA": func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage, c.ExtraExtensions = false, x509.KeyUsageDigitalSignature, attestation
		},
		"of a CA": func(c *x509.Certificate) { c.ExtraExtensions = attestation },
	} {
		t.Run(name, func(t *testing.T) {
			inner := *p.attests
			inner.Key = p.attests.Key.Intermediate(t, mutate)
			forged := *p
			forged.attests, forged.chain = &inner, nil
			forged.mustFail(t, attest.ReasonUntrusted)
		})
	}
}

// As phones of 2016 and after have it, name constraints that are none included.
func TestAttestationKeyMayHaveTheCertificateOfNoCA(t *testing.T) {
	p := factoryWith(t, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature
		c.ExtraExtensions = []pkix.Extension{{
			Id:    asn1.ObjectIdentifier{2, 5, 29, 30},
			Value: append([]byte{0x30, 0x1b, 0xa0, 0x19, 0x30, 0x17, 0x82, 0x15}, "invalid;email:invalid"...),
		}}
	})
	p.mustPass(t)
}

func TestOnlyAnAttestationKeyMayHaveTheCertificateOfNoCA(t *testing.T) {
	p := goodPhone(t)
	above := p.attests.Root.Intermediate(t, func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.KeyUsage = pkix.Name{SerialNumber: "0123"}, false, x509.KeyUsageDigitalSignature
	})
	p.attests.Key = above.Intermediate(t, func(c *x509.Certificate) { c.Subject = pkix.Name{SerialNumber: "4567"} })
	p.mustFail(t, attest.ReasonUntrusted)

	p = goodPhone(t)
	p.attests = attesttest.NewRemote(t, "TEE", func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
	p.demand.Roots = parse(t, attesttest.PEM(p.attests.Root.Certificate))
	p.mustFail(t, attest.ReasonUntrusted)
}

func expired(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }

func TestExpiredFactoryChainIsAcceptedOnlyWhereThePolicyDoes(t *testing.T) {
	p := factoryWith(t, expired)
	p.mustFail(t, attest.ReasonExpired)
	p.demand.ExpiredFactory = true
	p.mustPass(t)

	p.chain, p.leaf = nil, expired // the app chose that
	p.mustFail(t, attest.ReasonExpired)

	p = factoryWith(t, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) })
	p.demand.ExpiredFactory = true
	p.mustFail(t, attest.ReasonExpired)
}

func TestExpiredRootIsNeverAccepted(t *testing.T) {
	p := goodPhone(t)
	p.demand.ExpiredFactory = true
	p.demand.Now = attesttest.NotAfter.Add(time.Hour)
	p.leaf = func(c *x509.Certificate) { c.NotAfter = attesttest.NotAfter.Add(48 * time.Hour) }
	p.mustFail(t, attest.ReasonExpired)
}

func TestExpiredRemoteChainIsNeverAccepted(t *testing.T) {
	for name, mutate := range map[string]func(*x509.Certificate){
		"as Google has it": expired,
		"named as in a factory": func(c *x509.Certificate) {
			expired(c)
			c.Subject = pkix.Name{SerialNumber: "0123"}
		},
		"without its mark": func(c *x509.Certificate) {
			expired(c)
			c.ExtraExtensions = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := goodPhone(t)
			p.attests = attesttest.NewRemote(t, "TEE", mutate)
			p.demand.Roots = parse(t, attesttest.PEM(p.attests.Root.Certificate))
			p.demand.ExpiredFactory = true
			p.mustFail(t, attest.ReasonExpired)
		})
	}
}
