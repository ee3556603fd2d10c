package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

func TestEnrolledDeviceIsBoundOnProbation(t *testing.T) {
	g := newGateway(t)
	e := g.enrol(t)
	leaf := certificate(t, e.CertificateChain[0])
	a := g.bound(t, e.AuthenticatorID)
	sum := sha256.Sum256(leaf.Raw)
	if a.AccountID != "alice-id" || a.Upstream != "main" || a.Method != attest.MethodDeviceCertificate ||
		a.BoundBy != "carol" || a.Label != "laptop" || a.DeviceID != e.DeviceID ||
		!bytes.Equal(a.Handles[0].Value, devicecert.Handle(leaf)) || !bytes.Equal(a.CertificateSHA256, sum[:]) ||
		a.Serial != fmt.Sprintf("%x", leaf.SerialNumber) || !a.NotAfter.Equal(leaf.NotAfter) {
		t.Errorf("bound %+v", a)
	}
	if strings.Join(a.Identifiers, " ") != "alice alice@example.com" {
		t.Errorf("identifiers %v, want the account's own", a.Identifiers)
	}
	if err := a.Usable(g.clock.Now()); !errors.Is(err, account.ErrProbation) {
		t.Errorf("usable at once: %v", err)
	}
	if err := a.Usable(g.clock.Now().Add(g.Probation)); err != nil {
		t.Errorf("not usable after its probation: %v", err)
	}
	if e.Account != "alice" || e.Issuer != g.Issuer || !e.NotAfter.Equal(a.NotAfter) || !e.EffectiveAt.Equal(a.EffectiveAt) {
		t.Errorf("enrolled %+v", e)
	}
}

func TestCertificateIsForThisUseAndNamesNobody(t *testing.T) {
	g := newGateway(t)
	key := newKey(t, elliptic.P256())
	wish := &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "alice@example.com", Organization: []string{"Example"}}, DNSNames: []string{"id.example.com"},
		EmailAddresses: []string{"alice@example.com"}, URIs: []*url.URL{{Scheme: "urn", Opaque: "regrant:device:another"}},
	}
	e, err := g.Enroll(t.Context(), g.code(t), csr(t, key, wish), "alice's laptop")
	if err != nil {
		t.Fatal(err)
	}
	c := certificate(t, e.CertificateChain[0])
	if !regexp.MustCompile(`^device-[0-9a-hjkmnp-tv-z]{20}$`).MatchString(e.DeviceID) {
		t.Errorf("device id %q", e.DeviceID)
	}
	if s := c.Subject.String(); s != "CN="+e.DeviceID {
		t.Errorf("subject %s", s)
	}
	if len(c.URIs) != 1 || c.URIs[0].String() != "urn:regrant:device:"+e.DeviceID ||
		len(c.DNSNames)+len(c.EmailAddresses)+len(c.IPAddresses) != 0 {
		t.Errorf("alternative names %v %v %v", c.URIs, c.DNSNames, c.EmailAddresses)
	}
	if c.IsCA || c.KeyUsage != x509.KeyUsageDigitalSignature ||
		len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("CA %v, key usage %b %v", c.IsCA, c.KeyUsage, c.ExtKeyUsage)
	}
	if !key.PublicKey.Equal(c.PublicKey) {
		t.Error("another key was certified")
	}
	if n := c.SerialNumber.BitLen(); n < 100 || n > 159 || c.SerialNumber.Sign() <= 0 {
		t.Errorf("serial of %d bits", n)
	}
	if got := c.NotAfter.Sub(c.NotBefore); got != DefaultLifetime {
		t.Errorf("valid for %v", got)
	}
	if strings.Contains(string(c.Raw), "alice") || strings.Contains(string(c.Raw), "xample") {
		t.Error("the certificate names the person")
	}
}

// verify shows the certificate and a signature of its key to the verifier, with our anchors.
func (g *gateway) verify(t testing.TB, chain []string, key *ecdsa.PrivateKey) (attest.Claims, error) {
	t.Helper()
	challenge := []byte("challenge")
	digest := sha256.Sum256(challenge)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return devicecert.New(devicecert.Config{Anchors: g.Anchors}).Verify(attest.Input{
		Body:      attesttest.Element(string(attest.MethodDeviceCertificate), chain, "ES256", signature),
		Challenge: challenge,
		Now:       g.clock.Now(),
	})
}

func TestEnrolledDeviceIsWhatTheVerifierExpects(t *testing.T) {
	g := newGateway(t)
	key := newKey(t, elliptic.P256())
	e, err := g.Enroll(t.Context(), g.code(t), csr(t, key, &x509.CertificateRequest{}), "")
	if err != nil {
		t.Fatal(err)
	}
	claims, err := g.verify(t, e.CertificateChain, key)
	if err != nil {
		t.Fatal(err)
	}
	a := g.bound(t, e.AuthenticatorID)
	if !bytes.Equal(claims.Handle, a.Handles[0].Value) || claims.DeviceID != a.DeviceID || claims.Serial != a.Serial ||
		!bytes.Equal(claims.CertificateSHA256, a.CertificateSHA256) || !claims.NotAfter.Equal(a.NotAfter) {
		t.Errorf("claims %+v, bound %+v", claims, a)
	}
	if len(e.CertificateChain) != 2 || !certificate(t, e.CertificateChain[1]).Equal(g.Anchors()[0]) {
		t.Error("the chain does not end with the issuing CA")
	}
}

// The operator's root signs other things too, such as servers' certificates: none of them is a device.
func TestWhatTheRootSignsItselfIsNoDevice(t *testing.T) {
	g := newGateway(t)
	key := newKey(t, elliptic.P256())
	root := &issuingCA{certificate: g.Root.Certificate, key: g.Root.Key}
	c, err := g.certify(root, "device-x", key.Public(), g.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var refused *attest.Error
	_, err = g.verify(t, []string{encodePEM(c), encodePEM(g.Root.Certificate)}, key)
	if !errors.As(err, &refused) || refused.Reason != attest.ReasonUntrusted {
		t.Errorf("verified: %v", err)
	}
}

func TestEnrolmentIsJournalledAndTold(t *testing.T) {
	g := newGateway(t)
	e := g.enrol(t)
	entry := g.journalled(t)[0]
	if entry.Kind != journal.KindDeviceEnrolled { // both were written at the same moment
		entry = g.journalled(t)[1]
	}
	if entry.Kind != journal.KindDeviceEnrolled || entry.Actor != "carol" || entry.AccountID != "alice-id" ||
		entry.Authenticator != e.AuthenticatorID || entry.Detail["device_id"] != e.DeviceID || entry.Detail["serial"] == "" {
		t.Errorf("journal %+v", entry)
	}
	m := g.told(t)[string(journal.KindDeviceEnrolled)]
	if m.AccountID != "alice-id" || m.Attributes["device_id"] != e.DeviceID || m.Attributes["authenticator"] != e.AuthenticatorID {
		t.Errorf("told %+v", m)
	}
	for _, part := range []string{"laptop", "carol", e.EffectiveAt.Format(time.RFC3339), "revoked"} {
		if !strings.Contains(m.Text, part) {
			t.Errorf("%q is missing in %q", part, m.Text)
		}
	}
}

func TestCodeEnrolsOneDevice(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, ErrCode) {
		t.Errorf("used twice: %v", err)
	}
}

func TestDevicesThatRaceForACodeHaveOneWinner(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	requests := make([][]byte, 8)
	for i := range requests {
		requests[i] = freshCSR(t)
	}
	errs := make([]error, len(requests))
	var wg sync.WaitGroup
	for i, r := range requests {
		wg.Go(func() { _, errs[i] = g.Enroll(t.Context(), code, r, "") })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrCode) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won, want 1", won)
	}
}

func TestUnknownCodeIsRefused(t *testing.T) {
	g := newGateway(t)
	for _, code := range []string{newCodeText(), "", "hello"} {
		if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, ErrCode) {
			t.Errorf("%q: %v", code, err)
		}
	}
}

func TestKeyIsBoundOnce(t *testing.T) {
	g := newGateway(t)
	request := freshCSR(t)
	e, err := g.Enroll(t.Context(), g.code(t), request, "")
	if err != nil {
		t.Fatal(err)
	}
	code := g.code(t)
	if _, err := g.Enroll(t.Context(), code, request, ""); !errors.Is(err, ErrKeyBound) {
		t.Errorf("bound again: %v", err)
	}
	if err := g.Revoke(t.Context(), e.AuthenticatorID, "carol", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Enroll(t.Context(), code, request, ""); !errors.Is(err, ErrKeyBound) {
		t.Errorf("a revoked key came back: %v", err)
	}
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); err != nil {
		t.Errorf("the refusals used the code up: %v", err)
	}
}

func TestBadRequestDoesNotUseTheCodeUp(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	for range codeLimits.Soft + 1 {
		if _, err := g.Enroll(t.Context(), code, []byte("no request"), ""); !errors.Is(err, ErrCSR) {
			t.Errorf("error %v, want ErrCSR", err)
		}
		if _, err := g.Enroll(t.Context(), code, freshCSR(t), "two\nlines"); !errors.Is(err, ErrRequest) {
			t.Errorf("error %v, want ErrRequest", err)
		}
	}
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); err != nil {
		t.Error(err)
	}
}

func TestRevokedDeviceIsUselessAtOnce(t *testing.T) {
	g := newGateway(t)
	e := g.enrol(t)
	g.clock.Advance(g.Probation)
	if err := g.Revoke(t.Context(), e.AuthenticatorID, "dave", "laptop stolen"); err != nil {
		t.Fatal(err)
	}
	if err := g.bound(t, e.AuthenticatorID).Usable(g.clock.Now()); !errors.Is(err, account.ErrRevoked) {
		t.Errorf("usable: %v", err)
	}
	entry := g.journalled(t)[0]
	if entry.Kind != journal.KindAuthenticatorRevoked || entry.Actor != "dave" || entry.Detail["reason"] != "laptop stolen" ||
		entry.Authenticator != e.AuthenticatorID {
		t.Errorf("journal %+v", entry)
	}
	m := g.told(t)[string(journal.KindAuthenticatorRevoked)]
	if !strings.Contains(m.Text, "dave") || !strings.Contains(m.Text, "laptop") || m.AccountID != "alice-id" {
		t.Errorf("told %+v", m)
	}
}

func TestRevokingTwiceIsJournalledOnce(t *testing.T) {
	g := newGateway(t)
	e := g.enrol(t)
	for range 2 {
		if err := g.Revoke(t.Context(), e.AuthenticatorID, "dave", ""); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(g.journalled(t)); n != 3 { // code, enrolment, revocation
		t.Errorf("%d entries, want 3", n)
	}
}

func TestUnfitRevocationIsRefused(t *testing.T) {
	g := newGateway(t)
	e := g.enrol(t)
	if err := g.Revoke(t.Context(), "unknown", "dave", ""); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	if err := g.Revoke(t.Context(), e.AuthenticatorID, "", ""); !errors.Is(err, ErrRequest) {
		t.Errorf("by nobody: %v", err)
	}
	if err := g.Revoke(t.Context(), e.AuthenticatorID, "dave", strings.Repeat("x", maxReason+1)); !errors.Is(err, ErrRequest) {
		t.Errorf("long reason: %v", err)
	}
	if err := g.bound(t, e.AuthenticatorID).Usable(g.clock.Now().Add(g.Probation)); err != nil {
		t.Errorf("revoked all the same: %v", err)
	}
}

// A label that looks like a placeholder of the notice must stay what it is.
func TestNoticeDoesNotReadWhatItQuotes(t *testing.T) {
	g := newGateway(t)
	if _, err := g.Enroll(t.Context(), g.code(t), freshCSR(t), "{by}"); err != nil {
		t.Fatal(err)
	}
	if m := g.told(t)[string(journal.KindDeviceEnrolled)]; !strings.Contains(m.Text, "device {by} was") {
		t.Errorf("told %q", m.Text)
	}
}

func TestOnlyADeviceOfAnAccountThatIsWaivedCanBeUsedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		whose string
		want  error
	}{"the account's": {"alice-id", nil}, "somebody else's": {"bob-id", account.ErrProbation}} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			g.Waived = func(_ storage.Reader, accountID string) (bool, error) { return accountID == c.whose, nil }
			if err := g.bound(t, g.enrol(t).AuthenticatorID).Usable(g.clock.Now()); !errors.Is(err, c.want) {
				t.Errorf("usable: %v", err)
			}
		})
	}
}

func TestNoDeviceIsBoundIfItCannotBeToldWhetherProbationIsWaived(t *testing.T) {
	g := newGateway(t)
	g.Waived = func(storage.Reader, string) (bool, error) { return true, errors.New("away") }
	if e, err := g.Enroll(t.Context(), g.code(t), freshCSR(t), "laptop"); err == nil {
		t.Errorf("%+v", e)
	}
}
