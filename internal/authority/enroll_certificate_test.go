package authority

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/attest/revocation"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
)

// operated is a gateway that trusts an operator's CA, and a device of that CA.
type operated struct {
	*gateway
	ca     *attesttest.CA
	device *attesttest.Device
	held   revocation.Statements
}

func newOperated(t *testing.T) *operated {
	t.Helper()
	o := &operated{gateway: newGateway(t), ca: attesttest.NewCA(t)}
	o.device = o.ca.Device(t, func(c *x509.Certificate) { c.URIs = nil })
	o.say(t)
	o.config.Operator = &devicecert.OperatorCA{
		Anchors:    []*x509.Certificate{o.ca.Certificate},
		Statements: func(certpath.Path) revocation.Statements { return o.held },
	}
	o.Authority = o.open(t)
	return o
}

// say has the operator's CA list these certificates, and no others, as revoked.
func (o *operated) say(t *testing.T, revoked ...*x509.Certificate) {
	t.Helper()
	at := o.clock.Now()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at.Add(-time.Hour), NextUpdate: at.Add(time.Hour)}
	for _, c := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: at})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, o.ca.Certificate, o.ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	crl, err := revocation.ParseCRL(der)
	if err != nil {
		t.Fatal(err)
	}
	o.held.CRLs = []*revocation.CRL{crl}
}

func (o *operated) bring(t *testing.T, code string, d *attesttest.Device) (Enrolled, error) {
	t.Helper()
	return o.EnrollCertificate(t.Context(), code, csr(t, d.Key, &x509.CertificateRequest{}), "laptop", d.Chain)
}

func TestCertificateOfTheOperatorsCAIsBoundAsItIs(t *testing.T) {
	o := newOperated(t)
	e, err := o.bring(t, o.code(t), o.device)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.CertificateChain) != 1 || e.CertificateChain[0] != o.device.Chain[0] {
		t.Errorf("another certificate came back: %v", e.CertificateChain)
	}
	a := o.bound(t, e.AuthenticatorID)
	if a.AccountID != "alice-id" || string(a.Handles[0].Value) != string(o.device.Handle()) || !a.NotAfter.Equal(o.device.Certificate.NotAfter) || a.DeviceID == "" {
		t.Errorf("bound %+v", a)
	}
	if err := a.Usable(o.clock.Now()); !errors.Is(err, account.ErrProbation) {
		t.Errorf("usable at once: %v", err)
	}
	entries := o.journalled(t)
	if !slices.ContainsFunc(entries, func(e journal.Entry) bool {
		return e.Kind == journal.KindDeviceEnrolled && e.Detail["issuer"] == o.ca.Certificate.Subject.String()
	}) {
		t.Errorf("journalled %+v", entries)
	}
	if _, told := o.told(t)[string(journal.KindDeviceEnrolled)]; !told {
		t.Error("the owner was not told")
	}
}

func TestBroughtCertificateThatDoesNotDoBindsNothingAndKeepsTheCode(t *testing.T) {
	o := newOperated(t)
	stolen := *o.device
	stolen.Key = attesttest.NewKey(t)
	revoked := o.ca.Device(t, nil)
	o.say(t, revoked.Certificate)
	own := *o.device // a certificate that the gateway itself has issued is no operator's
	own.Key = attesttest.NewKey(t)
	issued, err := o.Enroll(t.Context(), o.code(t), csr(t, own.Key, &x509.CertificateRequest{}), "")
	if err != nil {
		t.Fatal(err)
	}
	own.Chain = issued.CertificateChain
	empty := *o.device
	empty.Chain = []string{}
	code := o.code(t)
	for name, d := range map[string]*attesttest.Device{
		"without its key": &stolen,
		"revoked":         revoked,
		"another CA's":    attesttest.NewCA(t).Device(t, nil),
		"the gateway's":   &own,
		"no certificate":  &empty,
		"for a server":    o.ca.Device(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }),
		"expired":         o.ca.Device(t, func(c *x509.Certificate) { c.NotAfter = o.clock.Now().Add(-time.Second) }),
	} {
		if _, err := o.bring(t, code, d); !errors.Is(err, ErrCertificate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.bring(t, code, o.device); err != nil {
		t.Errorf("the code was spent: %v", err)
	}
}

func TestWhatCannotBeToldIsNoRefusal(t *testing.T) {
	o := newOperated(t)
	o.held = revocation.Statements{}
	if _, err := o.bring(t, o.code(t), o.device); err == nil || errors.Is(err, ErrCertificate) {
		t.Error(err)
	}
}

func TestWithoutAnOperatorsCANoCertificateIsTaken(t *testing.T) {
	g := newGateway(t)
	d := attesttest.NewCA(t).Device(t, nil)
	if _, err := g.EnrollCertificate(t.Context(), g.code(t), csr(t, d.Key, &x509.CertificateRequest{}), "", d.Chain); !errors.Is(err, ErrCertificate) {
		t.Error(err)
	}
}

func TestBroughtKeyIsBoundOnce(t *testing.T) {
	o := newOperated(t)
	if _, err := o.bring(t, o.code(t), o.device); err != nil {
		t.Fatal(err)
	}
	again := o.ca.DeviceWithKey(t, o.device.Key.(*ecdsa.PrivateKey), nil)
	if _, err := o.bring(t, o.code(t), again); !errors.Is(err, ErrKeyBound) {
		t.Error(err)
	}
}
