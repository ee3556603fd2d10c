package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
)

// program is an enrolled device and the program on it, which share a key.
type program struct {
	h      *house
	key    *ecdsa.PrivateKey
	device *attesttest.Device
}

func (h *house) enrolled() *program { return h.enrolledWith(attesttest.NewKey(h.t)) }

func (h *house) enrolledWith(key *ecdsa.PrivateKey) *program {
	h.t.Helper()
	p := &program{h: h, key: key}
	code, err := h.Authority.NewCode(h.t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(h.t, err)
	out := answer[wire.EnrollResponse](h.t, h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{
		ActivationCode: code.Text, CSR: csr(h.t, p.key), Label: "<b>Alice's</b> laptop",
	}))
	p.device = &attesttest.Device{Key: p.key, Chain: out.CertificateChain, Algorithm: "ES256"}
	return p
}

func csr(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func (p *program) proof(path, ath string) string {
	p.h.t.Helper()
	proof, err := wire.NewProof(p.key, http.MethodPost, origin+path, time.Now(), ath)
	must(p.h.t, err)
	return proof
}

// post sends JSON with a proof.
func (p *program) post(path string, v any, headers ...string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	return p.h.postJSON(path, v, append([]string{"DPoP", p.proof(path, "")}, headers...)...)
}

func (p *program) initiate(actions ...string) wire.InitiateResponse {
	p.h.t.Helper()
	return answer[wire.InitiateResponse](p.h.t, p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: actions}))
}

// evidence is the body of an attest, with the evidence that prove makes of the statement.
func (p *program) evidence(begun wire.InitiateResponse) string {
	return `{"recovery_id":"` + begun.RecoveryID + `","evidence":[` + string(p.device.Evidence(begun.Statement)) + `]}`
}

func (p *program) granted(actions ...string) string {
	p.h.t.Helper()
	begun := p.initiate(actions...)
	return answer[wire.AttestResponse](p.h.t, p.post("/recovery/attest", p.evidence(begun))).RecoveryToken
}

func (p *program) handoffCode(actions ...string) string {
	p.h.t.Helper()
	token := p.granted(actions...)
	return answer[wire.HandoffResponse](p.h.t, p.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: token})).Code
}

// browser keeps cookies and says where a request comes from, as browsers do.
type browser struct {
	h       *house
	cookies map[string]string
	strict  map[string]bool // those with SameSite=Strict
}

func (h *house) browser() *browser {
	return &browser{h: h, cookies: map[string]string{}, strict: map[string]bool{}}
}

func (b *browser) send(r *http.Request, site string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	r.Header.Set("Sec-Fetch-Site", site)
	foreign := site == "cross-site" || site == "same-site"
	for name, value := range b.cookies {
		// SameSite, as browsers see it. What comes from the same site is a stranger's page here, too.
		if !foreign || r.Method != http.MethodPost && !b.strict[name] {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
	}
	w := b.h.serve(r)
	for _, c := range cookiesOf(w) {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name], b.strict[c.Name] = c.Value, c.SameSite == http.SameSiteStrictMode
		}
	}
	return w
}

func (b *browser) get(path, site string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	return b.send(request(b.h.t, http.MethodGet, path, nil), site)
}

func (b *browser) post(path, site string, form url.Values) *httptest.ResponseRecorder {
	b.h.t.Helper()
	sender := "null" // our pages send no referrer
	if site != "same-origin" {
		sender = "http://127.0.0.1:41234"
	}
	return b.send(request(b.h.t, http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", formType, "Origin", sender), site)
}

// press sends the form of the page in w.
func (b *browser) press(w *httptest.ResponseRecorder) *httptest.ResponseRecorder {
	b.h.t.Helper()
	action, fields := formOf(b.h.t, w)
	return b.post(action, "same-origin", fields)
}

func formOf(t testing.TB, w *httptest.ResponseRecorder) (action string, fields url.Values) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	must(t, err)
	fields = url.Values{}
	for n := range doc.Descendants() {
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		switch n.Data {
		case "form":
			action = attr["action"]
		case "input":
			fields.Set(attr["name"], attr["value"])
		}
	}
	if action == "" {
		t.Fatalf("no form on the page: %d %s", w.Code, w.Body)
	}
	return action, fields
}
