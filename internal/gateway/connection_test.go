package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/internal/wire"
)

// line is a TLS connection to the gateway, as the operator's own server would hold it: it asks for a client certificate and
// judges none.
type line struct {
	t      *testing.T
	url    string
	client *http.Client
	last   *tls.ConnectionState // of the last answer
}

// deviceSite serves h with session tickets.
func (h *house) deviceSite(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = h.ServeHTTP(w, r, func(http.ResponseWriter, *http.Request) error { return nil })
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// dial is a line with a certificate; nil: with none.
func dial(t *testing.T, server *httptest.Server, certificate *tls.Certificate, newest uint16) *line {
	t.Helper()
	config := &tls.Config{RootCAs: x509.NewCertPool(), ClientSessionCache: tls.NewLRUClientSessionCache(1), MaxVersion: newest, MinVersion: tls.VersionTLS12}
	config.RootCAs.AddCert(server.Certificate())
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &line{t: t, url: server.URL, client: &http.Client{Transport: transport}}
}

// again makes the next request open another connection.
func (l *line) again() { l.client.CloseIdleConnections() }

// post sends JSON with the headers, which come in pairs.
func (l *line) post(path string, v any, headers ...string) (int, []byte) {
	l.t.Helper()
	r := jsonRequest(l.t, path, v, headers...)
	out, err := http.NewRequestWithContext(l.t.Context(), r.Method, l.url+path, r.Body)
	must(l.t, err)
	out.Header = r.Header
	resp, err := l.client.Do(out)
	must(l.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(l.t, err)
	l.last = resp.TLS
	return resp.StatusCode, body
}

// shown is the program's certificate as TLS takes it.
func (p *program) shown() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: p.key}
	for _, text := range p.device.Chain {
		block, _ := pem.Decode([]byte(text))
		c.Certificate = append(c.Certificate, block.Bytes)
	}
	return c
}

// naming is the body of an attest that names the connection's certificate, the first of the chain.
func naming(t *testing.T, recoveryID string, chain []string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"recovery_id": recoveryID, "evidence": []any{
		map[string]any{"method": "device-certificate", "certificate_chain": chain, "connection": true},
	}})
	must(t, err)
	return string(body)
}

// recovers begins and proves on l, as a program with a DPoP key of its own, and returns the answer to the proof.
func (l *line) recovers(h *house, holder *ecdsa.PrivateKey, chain []string) (int, []byte) {
	l.t.Helper()
	p := &program{h: h, key: holder}
	begun := answer[wire.InitiateResponse](l.t, p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"sign-in"}}))
	return l.post("/recovery/attest", naming(l.t, begun.RecoveryID, chain), "DPoP", p.proof("/recovery/attest", ""))
}

// selfSigned is a certificate as a device has it, that nobody vouches for.
func selfSigned(t *testing.T, key *ecdsa.PrivateKey) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func wantStatus(t *testing.T, what string, got int, body []byte, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d %s, want %d", what, got, body, want)
	}
}

func TestHolderOnADevicesConnectionRecovers(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	status, body := dial(t, h.deviceSite(t), p.shown(), tls.VersionTLS13).recovers(h, attesttest.NewKey(t), p.device.Chain)
	wantStatus(t, "a program", status, body, http.StatusOK)
}

func TestBrowserOnADevicesConnectionRecoversFromPagesOfOursOnly(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	l := dial(t, h.deviceSite(t), p.shown(), tls.VersionTLS13)
	for name, x := range map[string]struct {
		headers []string
		status  int
	}{
		"our page":             {[]string{"Sec-Fetch-Site", "same-origin", "Origin", origin}, http.StatusOK},
		"a page of this site":  {[]string{"Sec-Fetch-Site", "same-site", "Origin", "https://shop.example.com"}, http.StatusBadRequest},
		"a page elsewhere":     {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, http.StatusBadRequest},
		"nobody says":          {nil, http.StatusBadRequest},
		"no browser we know":   {[]string{"Origin", origin}, http.StatusOK},
		"another port of ours": {[]string{"Origin", origin + ":8443"}, http.StatusBadRequest},
	} {
		begun := h.postJSON("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"sign-in"}}, "Origin", origin)
		cookie := cookiesOf(begun)[0]
		id := answer[wire.InitiateResponse](t, begun).RecoveryID
		status, body := l.post("/recovery/attest", naming(t, id, p.device.Chain), append(x.headers, "Cookie", cookie.Name+"="+cookie.Value)...)
		wantStatus(t, name, status, body, x.status)
	}
}

// on a connection that is kept, and in a session that is resumed, what was true at the handshake counts for nothing.
func TestRevokedDeviceIsRefusedOnItsOldConnectionAndInItsOldSession(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	l := dial(t, h.deviceSite(t), p.shown(), tls.VersionTLS13)
	status, body := l.recovers(h, attesttest.NewKey(t), p.device.Chain)
	wantStatus(t, "before", status, body, http.StatusOK)
	l.again()
	status, body = l.recovers(h, attesttest.NewKey(t), p.device.Chain)
	wantStatus(t, "resumed", status, body, http.StatusOK)
	if !l.last.DidResume {
		t.Fatal("the session is not resumed: this test tests nothing")
	}
	revokeAll(t, h)
	status, body = l.recovers(h, attesttest.NewKey(t), p.device.Chain)
	wantStatus(t, "on the same connection", status, body, http.StatusForbidden)
	l.again()
	status, body = l.recovers(h, attesttest.NewKey(t), p.device.Chain)
	wantStatus(t, "in the same session", status, body, http.StatusForbidden)
	if !l.last.DidResume {
		t.Fatal("the session is not resumed: this test tests nothing")
	}
}

func TestConnectionsOfOthersProveNothing(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	second := h.enrolled()
	site := h.deviceSite(t)
	impostor := selfSigned(t, p.key)
	for name, x := range map[string]struct {
		with   *tls.Certificate
		chain  []string
		newest uint16
	}{
		"another device of the account":       {second.shown(), p.device.Chain, tls.VersionTLS13},
		"no certificate":                      {nil, p.device.Chain, tls.VersionTLS13},
		"the key, certified by nobody":        {impostor, p.device.Chain, tls.VersionTLS13},
		"the key, certified by nobody, named": {impostor, []string{attesttest.PEM(impostor.Leaf)}, tls.VersionTLS13},
		"TLS 1.2":                             {p.shown(), p.device.Chain, tls.VersionTLS12},
	} {
		status, body := dial(t, site, x.with, x.newest).recovers(h, attesttest.NewKey(t), x.chain)
		wantStatus(t, name, status, body, http.StatusForbidden)
	}
}

// A certificate that was shown and not named adds nothing to a signature and takes nothing away.
func TestConnectionThatIsNotNamedLeavesASignatureWhatItIs(t *testing.T) {
	h := open(t)
	p, other := h.enrolled(), h.enrolled()
	l := dial(t, h.deviceSite(t), p.shown(), tls.VersionTLS13)
	relayed := &program{h: h, key: attesttest.NewKey(t), device: p.device}
	begun := relayed.initiate("sign-in")
	status, body := l.post("/recovery/attest", relayed.evidence(begun), "DPoP", relayed.proof("/recovery/attest", ""))
	wantStatus(t, "a signature for another holder, on the device's connection", status, body, http.StatusForbidden)
	begun = other.initiate("sign-in")
	status, body = l.post("/recovery/attest", other.evidence(begun), "DPoP", other.proof("/recovery/attest", ""))
	wantStatus(t, "another device's own signature", status, body, http.StatusOK)
}

// Requests that only look as if they had come on a device's connection.
func TestOnlyTheConnectionItselfCounts(t *testing.T) {
	leaf := certificate(t, asIs)
	good := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	early, old, none := *good, *good, *good
	early.HandshakeComplete, old.Version, none.PeerCertificates = false, tls.VersionTLS12, nil
	for name, state := range map[string]*tls.ConnectionState{"no TLS": nil, "early data": &early, "TLS 1.2": &old, "no certificate": &none} {
		r := request(t, http.MethodPost, "/recovery/attest", bytes.NewReader(nil), "Client-Cert", ":"+string(leaf.Raw)+":")
		r.TLS = state
		if connection(r) != nil {
			t.Errorf("%s: counts", name)
		}
	}
	r := request(t, http.MethodPost, "/recovery/attest", nil)
	r.TLS = good
	if len(connection(r)) != 32 {
		t.Error("a good one does not count")
	}
}
