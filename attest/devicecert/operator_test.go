package devicecert_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/attest/revocation"
)

// operatorScene is a device of the operator's CA, beside the gateway's own CA, which has issued it nothing.
type operatorScene struct {
	*scene
	operator *devicecert.OperatorCA
	held     []*revocation.CRL
	asked    int
}

func newOperatorScene(t *testing.T, mutate func(*x509.Certificate)) *operatorScene {
	t.Helper()
	ca := attesttest.NewCA(t)
	s := &operatorScene{scene: sceneOf(ca, ca.Device(t, mutate)), operator: &devicecert.OperatorCA{Anchors: []*x509.Certificate{ca.Certificate}}}
	s.operator.Statements = func(certpath.Path) revocation.Statements {
		s.asked++
		return revocation.Statements{CRLs: s.held}
	}
	own := attesttest.NewCA(t)
	s.config.Anchors = func() []*x509.Certificate { return []*x509.Certificate{own.Certificate} }
	s.config.Operator = s.operator
	s.held = []*revocation.CRL{crlOf(t, ca.Certificate, ca.Key)}
	return s
}

// crlOf is a CRL that lists these certificates.
func crlOf(t *testing.T, issuer *x509.Certificate, key crypto.Signer, revoked ...*x509.Certificate) *revocation.CRL {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: now.Add(-time.Hour)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, issuer, key)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := revocation.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	return crl
}

func TestCertificateOfTheOperatorsCACountsWhileItsCASaysSo(t *testing.T) {
	s := newOperatorScene(t, nil)
	if claims := s.mustVerify(t); string(claims.Handle) != string(s.device.Handle()) {
		t.Errorf("claims %+v", claims)
	}
	s.held = []*revocation.CRL{crlOf(t, s.ca.Certificate, s.ca.Key, s.device.Certificate)}
	s.mustRefuse(t, attest.ReasonRevoked)
	s.held = nil
	s.mustRefuse(t, attest.ReasonRevocationUnknown)
	s.operator.Statements = nil
	s.mustVerify(t)
}

func TestRevokedCAOfTheOperatorTakesItsDevicesAlong(t *testing.T) {
	s := newOperatorScene(t, nil)
	below := s.ca.Intermediate(t, nil)
	device := below.Device(t, nil)
	s.input.Body, s.input.Holder = device.Evidence(challenge), device.Thumbprint()
	s.mustRefuse(t, attest.ReasonRevocationUnknown) // the CRL of the lower CA is missing
	s.held = append(s.held, crlOf(t, below.Certificate, below.Key))
	s.mustVerify(t)
	s.held[0] = crlOf(t, s.ca.Certificate, s.ca.Key, below.Certificate)
	s.mustRefuse(t, attest.ReasonRevoked)
}

func TestNobodyIsAskedForAnyoneWithoutTheKey(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *operatorScene){
		"another key": func(t *testing.T, s *operatorScene) {
			thief := *s.device
			thief.Key = attesttest.NewKey(t)
			s.input.Body = thief.Evidence(challenge)
		},
		"another CA": func(t *testing.T, s *operatorScene) {
			s.input.Body = attesttest.NewCA(t).Device(t, nil).Evidence(challenge)
		},
		"another CA with the same name": func(t *testing.T, s *operatorScene) {
			impostor := attesttest.NewCA(t)
			impostor.Certificate = &x509.Certificate{RawSubject: s.ca.Certificate.RawSubject, SubjectKeyId: s.ca.Certificate.SubjectKeyId, PublicKey: impostor.Key.Public()}
			s.input.Body = impostor.Device(t, nil).Evidence(challenge)
		},
		"another statement": func(_ *testing.T, s *operatorScene) { s.input.Challenge = []byte("another") },
	} {
		s := newOperatorScene(t, nil)
		spoil(t, s)
		if _, err := s.verify(); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if s.asked != 0 {
			t.Errorf("%s: asked", name)
		}
	}
}

func TestCertificateOfTheGatewaysOwnCANeedsNoStatement(t *testing.T) {
	s := newOperatorScene(t, nil)
	s.config.Anchors = func() []*x509.Certificate { return []*x509.Certificate{s.ca.Certificate} }
	s.held = nil
	if s.mustVerify(t); s.asked != 0 {
		t.Error("asked")
	}
}

func TestPathToTheOperatorsCAIsThatOfADevice(t *testing.T) {
	s := newOperatorScene(t, nil)
	path, err := s.operator.Path(s.device.Chain, now)
	if err != nil || len(path) != 2 || !path.Leaf().X509.Equal(s.device.Certificate) {
		t.Fatalf("path %v: %v", path, err)
	}
	other := attesttest.NewCA(t).Device(t, nil)
	for name, chain := range map[string][]string{
		"nothing":       nil,
		"no PEM":        {"certificate"},
		"another CA's":  other.Chain,
		"of a CA":       {attesttest.PEM(s.ca.Intermediate(t, nil).Certificate)},
		"for a server":  s.ca.Device(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }).Chain,
		"for anything":  s.ca.Device(t, func(c *x509.Certificate) { c.ExtKeyUsage = nil }).Chain,
		"expired":       s.ca.Device(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }).Chain,
		"not yet valid": s.ca.Device(t, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }).Chain,
	} {
		if _, err := s.operator.Path(chain, now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
