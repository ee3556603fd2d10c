package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
)

// vouching is a house that believes a company's CA whose device a certificate's e-mail address says it is, and such a device.
func vouching(t *testing.T) (*house, *attesttest.Device) {
	t.Helper()
	ca := attesttest.NewCA(t)
	identity, err := devicecert.NewIdentity(devicecert.NameEmail, `(.+@example\.com)`)
	must(t, err)
	h := open(t, func(h *house) {
		h.operator = &devicecert.OperatorCA{Anchors: []*x509.Certificate{ca.Certificate}, Identity: identity}
	})
	return h, ca.Device(t, func(c *x509.Certificate) { c.EmailAddresses = []string{alice} })
}

func shownBy(d *attesttest.Device) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{d.Certificate.Raw}, PrivateKey: d.Key, Leaf: d.Certificate}
}

// From its first connection to the grant, without the gateway's authority and without a code.
func TestDeviceOfACompanyIsBoundByItsCertificateAndRecovers(t *testing.T) {
	h, d := vouching(t)
	l := dial(t, h.deviceSite(t), shownBy(d), tls.VersionTLS13)
	status, body := l.recovers(h, attesttest.NewKey(t), d.Chain)
	wantStatus(t, "before it is bound", status, body, http.StatusForbidden)
	status, body = l.post("/recovery/devices/enroll", map[string]any{"certificate_chain": d.Chain})
	wantStatus(t, "binding", status, body, http.StatusOK)
	status, body = l.recovers(h, attesttest.NewKey(t), d.Chain)
	wantStatus(t, "recovering", status, body, http.StatusOK)
	status, body = l.post("/recovery/devices/enroll", map[string]any{"certificate_chain": d.Chain})
	wantStatus(t, "binding again", status, body, http.StatusBadRequest)
}

func TestCertificateOfACompanyBindsOnItsOwnConnectionOnly(t *testing.T) {
	h, d := vouching(t)
	site := h.deviceSite(t)
	mine, bare := dial(t, site, shownBy(d), tls.VersionTLS13), dial(t, site, nil, tls.VersionTLS13)
	only := map[string]any{"certificate_chain": d.Chain}
	with := func(name string, value any) map[string]any {
		return map[string]any{"certificate_chain": d.Chain, name: value}
	}
	for name, x := range map[string]struct {
		l       *line
		body    map[string]any
		headers []string
		status  int
	}{
		"from a browser's page":  {mine, only, []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		"without its connection": {bare, only, nil, http.StatusBadRequest},
		"over TLS 1.2":           {dial(t, site, shownBy(d), tls.VersionTLS12), only, nil, http.StatusBadRequest},
		"with a request as well": {mine, with("csr", csr(t, attesttest.NewKey(t))), nil, http.StatusBadRequest},
		"with a code of no use":  {mine, with("activation_code", "0000"), nil, http.StatusBadRequest},
		"with evidence as well":  {mine, with("evidence", map[string]any{"format": "android-key", "certificates": d.Chain}), nil, http.StatusBadRequest},
		"with no certificate":    {mine, map[string]any{"certificate_chain": []string{}}, nil, http.StatusBadRequest},
		"with nothing":           {mine, map[string]any{}, nil, http.StatusBadRequest},
	} {
		status, body := x.l.post("/recovery/devices/enroll", x.body, x.headers...)
		wantStatus(t, name, status, body, x.status)
	}
	status, body := mine.post("/recovery/devices/enroll", only)
	wantStatus(t, "as it should be", status, body, http.StatusOK)
}

// Where certificates name no accounts, a code is needed as ever.
func TestCertificateOfACompanyThatVouchesForNobodyNeedsACode(t *testing.T) {
	h, d := vouching(t)
	h.operator.Identity = nil
	l := dial(t, h.deviceSite(t), shownBy(d), tls.VersionTLS13)
	status, body := l.post("/recovery/devices/enroll", map[string]any{"certificate_chain": d.Chain})
	wantStatus(t, "without a code", status, body, http.StatusBadRequest)
}
