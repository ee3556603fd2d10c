package authority

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

const day = 24 * time.Hour

func TestIssuingCAIsMadeForDevicesAlone(t *testing.T) {
	g := newGateway(t)
	c := g.Anchors()[0]
	if err := c.CheckSignatureFrom(g.Root.Certificate); err != nil {
		t.Error(err)
	}
	if !c.IsCA || !c.BasicConstraintsValid || c.MaxPathLen != 0 || !c.MaxPathLenZero {
		t.Errorf("CA %v, path length %d, %v", c.IsCA, c.MaxPathLen, c.MaxPathLenZero)
	}
	if c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("key usage %b", c.KeyUsage)
	}
	if got := c.NotAfter.Sub(g.clock.Now()); got > issuingLife || got < issuingLife-time.Second {
		t.Errorf("valid for %v, want %v", got, issuingLife)
	}
	if s := c.Subject.String(); !strings.HasPrefix(s, "CN=Device issuing CA ") {
		t.Errorf("subject %s", s)
	}
}

func TestIssuingCAEndsWithItsRoot(t *testing.T) {
	g := newGateway(t)
	g.config.Root = newRoot(t, g.clock.Now().Add(30*day), nil)
	a := g.open(t)
	newest, _, err := a.newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !newest.NotAfter.Equal(g.config.Root.Certificate.NotAfter) {
		t.Errorf("ends %v, the root %v", newest.NotAfter, g.config.Root.Certificate.NotAfter)
	}
	g.Authority = a
	if e := g.enrol(t); !e.NotAfter.Equal(newest.NotAfter) {
		t.Errorf("the device's certificate ends %v, its CA's %v", e.NotAfter, newest.NotAfter)
	}
	if newest, _, _ := a.newest(t.Context()); newest.Generation != 1 {
		t.Errorf("generation %d: a new CA was made although it could not last longer", newest.Generation)
	}
}

func TestReopeningKeepsTheIssuingCA(t *testing.T) {
	g := newGateway(t)
	again := g.open(t)
	if n := len(again.Anchors()); n != 1 || !again.Anchors()[0].Equal(g.Anchors()[0]) {
		t.Errorf("%d anchors", n)
	}
}

func TestNodesThatRaceMakeOneIssuingCA(t *testing.T) {
	g := newGateway(t)
	g.config.Namespace = "race"
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := Open(t.Context(), g.config); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(g.open(t).Anchors()); n != 1 {
		t.Errorf("%d issuing CAs, want 1", n)
	}
}

func TestIssuingCAIsReplacedWhileWholeCertificatesFit(t *testing.T) {
	g := newGateway(t)
	other := g.open(t) // a node that does not notice by itself
	first := g.Anchors()[0]
	g.clock.Advance(issuingLife - DefaultLifetime - day)
	if last := g.enrol(t); certificate(t, last.CertificateChain[0]).CheckSignatureFrom(first) != nil {
		t.Error("replaced too early")
	}
	g.clock.Advance(day + time.Second)
	e := g.enrol(t)
	leaf, ca := certificate(t, e.CertificateChain[0]), certificate(t, e.CertificateChain[1])
	if ca.Equal(first) {
		t.Fatal("not replaced")
	}
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		t.Error(err)
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore); got != DefaultLifetime {
		t.Errorf("valid for %v, want %v", got, DefaultLifetime)
	}
	for _, node := range []*Authority{g.Authority, other} {
		if n := len(node.Anchors()); n != 2 {
			t.Errorf("%d anchors, want the old one too", n)
		}
	}
	g.clock.Advance(DefaultLifetime)
	if n := len(g.Anchors()); n != 1 || !g.Anchors()[0].Equal(ca) {
		t.Errorf("%d anchors, want the new one alone", n)
	}
}

func TestAnotherRootGetsAnIssuingCAOfItsOwn(t *testing.T) {
	g := newGateway(t)
	before := g.enrol(t)
	g.config.Root = newRoot(t, g.clock.Now().Add(3650*day), nil)
	g.Authority = g.open(t)
	e := g.enrol(t)
	if err := certificate(t, e.CertificateChain[1]).CheckSignatureFrom(g.config.Root.Certificate); err != nil {
		t.Error(err)
	}
	if n := len(g.Anchors()); n != 2 {
		t.Errorf("%d anchors: devices of the first root are lost", n)
	}
	if before.CertificateChain[1] == e.CertificateChain[1] {
		t.Error("still under the first root")
	}
}

func TestUnfitRootIsRefused(t *testing.T) {
	g := newGateway(t)
	far := g.clock.Now().Add(3650 * day)
	good := newRoot(t, far, nil)
	for name, root := range map[string]Root{
		"none":              {},
		"without key":       {Certificate: good.Certificate},
		"another's key":     {Certificate: good.Certificate, Key: newKey(t, elliptic.P256())},
		"no CA":             newRoot(t, far, func(c *x509.Certificate) { c.IsCA, c.MaxPathLen = false, -1 }),
		"may not sign":      newRoot(t, far, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }),
		"no room for a CA":  newRoot(t, far, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }),
		"expired":           newRoot(t, g.clock.Now().Add(-time.Second), nil),
		"expired right now": newRoot(t, g.clock.Now(), nil),
	} {
		c := g.config
		c.Root = root
		if _, err := Open(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUnfitTimesAreRefused(t *testing.T) {
	g := newGateway(t)
	for name, change := range map[string]func(*Config){
		"too long":           func(c *Config) { c.Lifetime = MaxLifetime + 1 },
		"too short":          func(c *Config) { c.Lifetime = MinLifetime - 1 },
		"negative":           func(c *Config) { c.Lifetime = -1 },
		"negative probation": func(c *Config) { c.Probation = -1 },
	} {
		c := g.config
		change(&c)
		if _, err := Open(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// An issuing CA is a trust anchor: what the database says about it must not be believed without the secret.
func TestForgedIssuingCAIsNoAnchor(t *testing.T) {
	g := newGateway(t)
	before := g.Anchors()
	err := g.DB.Update(t.Context(), func(tx storage.Tx) error {
		for e, err := range tx.Scan([]byte("main/issuing-ca\x00r"), nil, 0) {
			if err != nil {
				return err
			}
			e.Key[len(e.Key)-1]++ // the next generation, with the same content
			return tx.Put(e.Key, e.Value, time.Time{})
		}
		t.Error("no issuing CA stored")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Anchors(); len(got) != 1 || !got[0].Equal(before[0]) {
		t.Errorf("%d anchors", len(got))
	}
	if _, err := Open(t.Context(), g.config); err == nil {
		t.Error("opened over a forged record")
	}
}

func TestIssuingKeyIsStoredSealed(t *testing.T) {
	g := newGateway(t)
	ca, err := g.issuing(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		t.Fatal(err)
	}
	if all := g.everything(t); bytes.Contains(all, plain) || bytes.Contains(all, []byte("PRIVATE KEY")) {
		t.Error("the key is in the store")
	}
}

func TestAnchorsStayWhenTheStoreDoesNotAnswer(t *testing.T) {
	g := newGateway(t)
	before := g.Anchors()
	if err := g.DB.Close(); err != nil {
		t.Fatal(err)
	}
	if got := g.Anchors(); len(got) != 1 || !got[0].Equal(before[0]) {
		t.Errorf("%d anchors", len(got))
	}
}
