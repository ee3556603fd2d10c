package certpath_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

type change = func(*x509.Certificate)

// tree is a good path: a root, CAs below it, a device. A test changes one thing in it.
type tree struct {
	root    *attesttest.CA
	cas     []*x509.Certificate // below the root, the highest first
	leaf    *x509.Certificate
	options certpath.Options
}

// grow makes a tree with a root and CAs that differ from good ones as said; nil: not at all.
func grow(t testing.TB, root change, leaf change, cas ...change) *tree {
	t.Helper()
	tr := &tree{root: attesttest.NewCAWith(t, root)}
	ca := tr.root
	for _, mutate := range cas {
		ca = ca.Intermediate(t, mutate)
		tr.cas = append(tr.cas, ca.Certificate)
	}
	tr.leaf = ca.Device(t, leaf).Certificate
	tr.options = certpath.Options{Now: now, Purposes: []asn1.ObjectIdentifier{certpath.ClientAuth}}
	return tr
}

func (tr *tree) find(t testing.TB) (certpath.Path, error) {
	t.Helper()
	leaf, err := certpath.New(tr.leaf)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "%v", err)
	}
	tr.options.Anchors = certpath.NewAll([]*x509.Certificate{tr.root.Certificate})
	return certpath.Find(leaf, certpath.NewAll(tr.cas), tr.options)
}

func (tr *tree) mustFind(t *testing.T) certpath.Path {
	t.Helper()
	path, err := tr.find(t)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(path.Below()); !path.Leaf().X509.Equal(tr.leaf) || !path.Anchor().X509.Equal(tr.root.Certificate) || want == 0 {
		t.Fatal("the path does not lead from the leaf to the root")
	}
	return path
}

func (tr *tree) mustRefuse(t *testing.T, reason attest.Reason) {
	t.Helper()
	path, err := tr.find(t)
	refused, ok := errors.AsType[*attest.Error](err)
	if !ok || refused.Reason != reason || path != nil {
		t.Errorf("error is %v, not a refusal for reason %s", err, reason)
	}
}

// mustJudge finds a path if the reason is "", and else refuses for it.
func (tr *tree) mustJudge(t *testing.T, reason attest.Reason) {
	t.Helper()
	if reason == "" {
		tr.mustFind(t)
	} else {
		tr.mustRefuse(t, reason)
	}
}

func subject(name string) change {
	return func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }
}

func all(changes ...change) change {
	return func(c *x509.Certificate) {
		for _, mutate := range changes {
			mutate(c)
		}
	}
}

func pathLen(n int) change {
	return func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = n, n == 0 }
}

func extra(e ...pkix.Extension) change {
	return func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, e...) }
}

func TestPathsOfEveryLengthAreFound(t *testing.T) {
	for n := range 5 {
		if path := grow(t, nil, nil, make([]change, n)...).mustFind(t); len(path) != n+2 {
			t.Errorf("%d certificates", len(path))
		}
	}
}

func TestOrderOfTheBagDoesNotMatter(t *testing.T) {
	tr := grow(t, nil, nil, nil, nil, nil)
	slices.Reverse(tr.cas)
	tr.mustFind(t)
}

// RFC 5280 section 6.1.4 (l) and (m).
func TestPathLengthIsCountedWithoutSelfIssuedCertificates(t *testing.T) {
	grow(t, nil, nil, pathLen(0)).mustFind(t)
	grow(t, nil, nil, pathLen(0), nil).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, nil, nil, pathLen(1), nil).mustFind(t)
	grow(t, nil, nil, pathLen(1), pathLen(5), nil).mustRefuse(t, attest.ReasonUntrusted)
	grow(t, pathLen(0), nil).mustFind(t)
	grow(t, pathLen(0), nil, nil).mustRefuse(t, attest.ReasonUntrusted)
	same := subject("one CA with two keys")
	grow(t, nil, nil, all(same, pathLen(0)), same).mustFind(t)
	grow(t, nil, nil, all(same, pathLen(0)), same, nil).mustRefuse(t, attest.ReasonUntrusted)
}

// The last certificate of a path is no further CA, whatever it says.
func TestCAMayBeTheLeafBelowAPathLengthOfZero(t *testing.T) {
	tr := grow(t, nil, nil, pathLen(0), pathLen(0))
	tr.leaf, tr.cas = tr.cas[1], tr.cas[:1]
	tr.mustFind(t)
}

func TestTimesAreComparedInWholeSecondsWithBothEnds(t *testing.T) {
	tr := grow(t, nil, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now, now.Add(time.Hour) })
	for _, tt := range []struct {
		at   time.Time
		good bool
	}{
		{now, true},
		{now.Add(-time.Millisecond), false},
		{now.Add(time.Hour), true},
		{now.Add(time.Hour + 999*time.Millisecond), true},
		{now.Add(time.Hour + time.Second), false},
	} {
		tr.options.Now = tt.at
		if _, err := tr.find(t); (err == nil) != tt.good {
			t.Errorf("%v: %v", tt.at, err)
		}
	}
}

func TestAnchorIsJudgedToo(t *testing.T) {
	basicConstraints := asn1.ObjectIdentifier{2, 5, 29, 19}
	for _, tt := range []struct {
		name   string
		mutate change
		reason attest.Reason
	}{
		{"expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, attest.ReasonExpired},
		{"not a CA", func(c *x509.Certificate) { c.IsCA = false }, attest.ReasonUntrusted},
		{"may not sign certificates", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, attest.ReasonUntrusted},
		{"no name", subject(""), attest.ReasonMalformed}, // and so the leaf names no issuer
		{"constraints not critical", extra(pkix.Extension{Id: basicConstraints, Value: []byte{0x30, 3, 1, 1, 0xff}}), attest.ReasonUntrusted},
		{"unknown critical extension", extra(unknownCritical), attest.ReasonUnsupported},
		{"for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, attest.ReasonPurpose},
	} {
		t.Run(tt.name, func(t *testing.T) { grow(t, tt.mutate, nil).mustRefuse(t, tt.reason) })
	}
}

var unknownCritical = pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}

// An intermediate whose basic constraints are not critical breaks a rule for CAs; section 6.1.4 (k) does not ask.
func TestBasicConstraintsOfAnIntermediateNeedNotBeCritical(t *testing.T) {
	grow(t, nil, nil, extra(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Value: []byte{0x30, 3, 1, 1, 0xff}})).mustFind(t)
}

func TestLeafOfWrongFormIsRefused(t *testing.T) {
	altName := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 3, 0x82, 1, 'a'}}
	critical := altName
	critical.Critical = true
	noSubject := func(c *x509.Certificate) { c.Subject, c.URIs = pkix.Name{}, nil }
	for _, tt := range []struct {
		name   string
		mutate change
		reason attest.Reason
	}{
		{"no subject, other name not critical", all(noSubject, extra(altName)), attest.ReasonMalformed},
		{"no subject and no other name", noSubject, attest.ReasonMalformed},
		{"signs certificates and is no CA", func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }, attest.ReasonMalformed},
		{"no extended key usage in the extension", all(noUsage, extra(pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: []byte{0x30, 0}})), attest.ReasonMalformed},
		{"name constraints", extra(constraints(true, permitDNS("example.com"))), attest.ReasonMalformed},
		{"for servers", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, attest.ReasonPurpose},
	} {
		t.Run(tt.name, func(t *testing.T) { grow(t, nil, tt.mutate).mustRefuse(t, tt.reason) })
	}
	grow(t, nil, all(noSubject, extra(critical))).mustFind(t)
}

func noUsage(c *x509.Certificate) { c.ExtKeyUsage = nil }

func TestCertificateThatLimitsNoUseFitsEveryPurpose(t *testing.T) {
	grow(t, nil, noUsage).mustFind(t)
	grow(t, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }).mustFind(t)
	grow(t, nil, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }).mustFind(t)
	grow(t, nil, nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }).mustRefuse(t, attest.ReasonPurpose)
}

func TestEveryPurposeIsDemanded(t *testing.T) {
	tr := grow(t, nil, nil)
	tr.options.Purposes = append(tr.options.Purposes, certpath.OCSPSigning)
	tr.mustRefuse(t, attest.ReasonPurpose)
	tr.options.Purposes = nil
	tr.mustFind(t)
}
