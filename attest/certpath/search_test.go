package certpath_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// cross makes a certificate for a CA that exists, by another one.
func cross(t testing.TB, by, of *attesttest.CA, mutate change) *x509.Certificate {
	t.Helper()
	return by.IntermediateWithKey(t, of.Key, func(c *x509.Certificate) {
		c.RawSubject = of.Certificate.RawSubject
		if mutate != nil {
			mutate(c)
		}
	}).Certificate
}

func TestTheOneGoodPathAmongManyBadIsFound(t *testing.T) {
	stranger := attesttest.NewCA(t)
	tr := grow(t, nil, nil)
	issuing := tr.root.Intermediate(t, nil)
	tr.leaf = issuing.Device(t, nil).Certificate
	bad := []*x509.Certificate{
		cross(t, stranger, issuing, nil), // to nowhere
		cross(t, tr.root, issuing, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }),
		cross(t, tr.root, issuing, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }),
		cross(t, tr.root, issuing, func(c *x509.Certificate) { c.IsCA = false; c.KeyUsage = 0 }),
		cross(t, tr.root, issuing, extra(unknownCritical)),
		cross(t, tr.root, issuing, extra(constraints(true, permitDNS("example.com"), permit(6, "example.com")))),
		attesttest.NewCAWith(t, func(c *x509.Certificate) { c.RawSubject = issuing.Certificate.RawSubject }).Certificate, // same name, other key
		cross(t, issuing, tr.root, nil), // a loop
	}
	tr.cas = bad
	tr.mustRefuse(t, attest.ReasonUntrusted)
	tr.cas = append(tr.cas, issuing.Certificate)
	tr.mustFind(t)
}

func TestMutuallySignedCAsAreNoPath(t *testing.T) {
	a, b := attesttest.NewCA(t), attesttest.NewCA(t)
	tr := grow(t, nil, nil)
	tr.leaf = a.Device(t, nil).Certificate
	tr.cas = []*x509.Certificate{cross(t, a, b, nil), cross(t, b, a, nil), a.Certificate, b.Certificate}
	tr.mustRefuse(t, attest.ReasonUntrusted)
}

// An attestation key may have the certificate of no CA; whatever stands above it may not.
func TestLeafAloneMayBeIssuedByNoCA(t *testing.T) {
	notCA := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }
	root := attesttest.NewCA(t)
	key := root.Intermediate(t, notCA)
	leaf, second := key.Device(t, nil), key.Intermediate(t, nil)
	below := second.Device(t, nil)
	for _, tt := range []struct {
		name        string
		leaf        *x509.Certificate
		any, passes bool
	}{
		{"where it is allowed", leaf.Certificate, true, true},
		{"where it is not", leaf.Certificate, false, false},
		{"one further up", below.Certificate, true, false},
	} {
		c := certpath.NewAll([]*x509.Certificate{tt.leaf, key.Certificate, second.Certificate, root.Certificate})
		_, err := certpath.Find(c[0], c[1:3], certpath.Options{Anchors: c[3:], Now: now, AnyIssuer: tt.any})
		if (err == nil) != tt.passes {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	asAnchor := certpath.NewAll([]*x509.Certificate{leaf.Certificate, key.Certificate})
	if _, err := certpath.Find(asAnchor[0], nil, certpath.Options{Anchors: asAnchor[1:], Now: now, AnyIssuer: true}); err == nil {
		t.Error("an anchor that is no CA was accepted")
	}
}

// Whoever sends the bag must not make the search take long: a hundred CAs of one name, with one key or with many.
func TestHopelessSearchEndsInTime(t *testing.T) {
	name := pkix.Name{CommonName: "All alike"}
	key := attesttest.NewKey(t)
	for label, make := range map[string]func(*attesttest.CA, change) *attesttest.CA{
		"one key":   func(by *attesttest.CA, m change) *attesttest.CA { return by.IntermediateWithKey(t, key, m) },
		"many keys": func(by *attesttest.CA, m change) *attesttest.CA { return by.Intermediate(t, m) },
	} {
		t.Run(label, func(t *testing.T) {
			tr := grow(t, nil, nil)
			ca := attesttest.NewCA(t)
			for range 100 {
				ca = make(ca, func(c *x509.Certificate) { c.Subject = name })
				tr.cas = append(tr.cas, ca.Certificate)
			}
			tr.leaf = ca.Device(t, nil).Certificate
			tr.options.MaxPath = 32
			start := time.Now()
			tr.mustRefuse(t, attest.ReasonUntrusted)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestLastWordOnAPathSendsTheSearchOn(t *testing.T) {
	tr := grow(t, nil, nil)
	issuing := tr.root.Intermediate(t, nil)
	tr.leaf = issuing.Device(t, nil).Certificate
	second := cross(t, tr.root, issuing, nil)
	tr.cas = []*x509.Certificate{issuing.Certificate, second}
	tr.options.Accept = func(p certpath.Path) error {
		if p[1].X509.Equal(second) {
			return nil
		}
		return attest.Refuse(attest.ReasonRevoked, "the first one is revoked")
	}
	if path := tr.mustFind(t); !path[1].X509.Equal(second) {
		t.Error("another path was found")
	}
	tr.cas = tr.cas[:1]
	tr.mustRefuse(t, attest.ReasonRevoked)
}

func TestNoTimeOrNoAnchorIsNoPath(t *testing.T) {
	tr := grow(t, nil, nil)
	tr.options.Now = time.Time{}
	tr.mustRefuse(t, attest.ReasonExpired)
	leaf, err := certpath.New(tr.leaf)
	if err != nil {
		t.Fatal(err)
	}
	_, err = certpath.Find(leaf, nil, certpath.Options{Now: now})
	if refused, ok := errors.AsType[*attest.Error](err); !ok || refused.Reason != attest.ReasonUntrusted {
		t.Errorf("error is %v", err)
	}
}

func BenchmarkFind(b *testing.B) {
	tr := grow(b, nil, nil, nil, nil)
	for b.Loop() {
		if _, err := tr.find(b); err != nil {
			b.Fatal(err)
		}
	}
}
