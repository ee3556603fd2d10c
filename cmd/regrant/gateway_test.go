package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/wire"
)

// fakeGateway is a gateway that does everything right, except for what a test changes.
type fakeGateway struct {
	t      testing.TB
	issuer string
	server *httptest.Server
	ca     *x509.Certificate
	caKey  *ecdsa.PrivateKey

	// What a test changes. Each gets the right answer and may spoil it.
	statement func(*attest.Statement)
	offer     func(*wire.InitiateResponse)
	metadata  func(map[string]any)
	handoff   func(*wire.HandoffResponse)
	enrolled  func(*wire.EnrollResponse)
	key       func(crypto.PublicKey) crypto.PublicKey // that is certified
	problem   map[string]wire.Problem                 // by route
	redirect  string                                  // route that redirects
	nonces    func(string) bool                       // that proofs must have; nil: none

	mu      sync.Mutex
	asked   []string // routes, in order
	device  *x509.Certificate
	pending map[string]string // statement by recovery id

	moreGateway
}

func newFakeGateway(t testing.TB) *fakeGateway {
	t.Helper()
	g := &fakeGateway{t: t, problem: map[string]wire.Problem{}, pending: map[string]string{}}
	g.server = httptest.NewUnstartedServer(g)
	g.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	g.server.StartTLS()
	t.Cleanup(g.server.Close)
	g.issuer = g.server.URL + "/recovery"
	var err error
	if g.caKey, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	g.ca = g.certify(&x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, g.caKey.Public())
	return g
}

func (g *fakeGateway) certify(template, parent *x509.Certificate, key crypto.PublicKey) *x509.Certificate {
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, g.caKey)
	if err != nil {
		g.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

// caFile is what --ca-file names to trust the server.
func (g *fakeGateway) caFile() string {
	file := filepath.Join(g.t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, encodeCertificate(g.server.Certificate()), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return file
}

func (g *fakeGateway) routes() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.asked, " ")
}

func (g *fakeGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	route := strings.TrimPrefix(r.URL.Path, "/recovery")
	g.asked = append(g.asked, route)
	if p, ok := g.problem[route]; ok {
		answer(w, p.Status, wire.ProblemMediaType, p)
		return
	}
	if route == g.redirect {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return
	}
	if g.nonces != nil && r.Header.Get("DPoP") != "" {
		w.Header().Set("DPoP-Nonce", goodNonce)
	}
	body, err := g.serve(route, r)
	if errors.Is(err, wire.ErrNonce) {
		answer(w, http.StatusUnauthorized, wire.ProblemMediaType, wire.Problem{Type: wire.ProblemUseDPoPNonce.Type(), Status: http.StatusUnauthorized})
		return
	}
	if err != nil {
		answer(w, http.StatusForbidden, wire.ProblemMediaType, wire.Problem{Type: wire.ProblemRefused.Type(), Title: err.Error(), Status: http.StatusForbidden})
		return
	}
	answer(w, http.StatusOK, "application/json", body)
}

const goodNonce = "nonce-of-this-hour"

func answer(w http.ResponseWriter, status int, media string, body any) {
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (g *fakeGateway) serve(route string, r *http.Request) (any, error) {
	switch route {
	case "/.well-known/oauth-authorization-server/recovery":
		m := map[string]any{
			"issuer": g.issuer, "token_endpoint": g.issuer + "/token", "grant_types_supported": []string{},
			"recovery_actions_supported": []string{"sign-in", "reset-password"},
		}
		change(g.metadata, m)
		return m, nil
	case "/devices/enroll":
		return g.enroll(r)
	case "/initiate", "/attest", "/handoff":
		proof, err := wire.ParseProof(r.Header.Values("DPoP"), wire.Demand{Method: http.MethodPost, URI: g.issuer + route, Nonce: g.nonces}, time.Now())
		if err != nil {
			return nil, err
		}
		switch route {
		case "/initiate":
			return g.initiate(r, proof.Thumbprint)
		case "/attest":
			return g.attest(r)
		}
		a := &wire.HandoffResponse{Code: "one-time-code", ExpiresIn: 60, ContinueURI: g.issuer + "/continue"}
		change(g.handoff, a)
		return a, nil
	}
	return nil, errors.New("no such route")
}

func (g *fakeGateway) initiate(r *http.Request, holder string) (any, error) {
	var in wire.InitiateRequest
	if err := strictjson.DecodeReader(r.Body, wire.MaxBody, &in); err != nil {
		return nil, err
	}
	account, err := attest.ParseIdentifier(in.AccountIdentifier)
	if err != nil {
		return nil, err
	}
	actions, err := attest.ParseActions(in.Actions)
	if err != nil || in.ClientID != "regrant-device" {
		return nil, errors.Join(err, errors.New(in.ClientID))
	}
	now := time.Now().UTC().Truncate(time.Second)
	s := attest.Statement{
		Issuer: g.issuer, Account: account, Actions: actions, Recovery: attest.NewRecoveryID(), Holder: holder,
		Requested: now, Network: netip.MustParsePrefix("203.0.113.0/24"), Expires: now.Add(15 * time.Minute),
	}
	_, _ = rand.Read(s.Nonce[:])
	change(g.statement, &s)
	offer := &wire.InitiateResponse{
		RecoveryID: "sealed", Statement: s.Text(), Nonce: base64.RawURLEncoding.EncodeToString(s.Nonce[:]), ExpiresIn: 900,
		Methods: []wire.MethodOffer{{Method: "device-certificate"}},
	}
	g.pending[offer.RecoveryID] = offer.Statement
	change(g.offer, offer)
	return offer, nil
}

func (g *fakeGateway) attest(r *http.Request) (any, error) {
	var in wire.AttestRequest
	if err := strictjson.DecodeReader(r.Body, wire.MaxBody, &in); err != nil {
		return nil, err
	}
	if in.RecoveryID == secondID {
		return g.takeSecond(in)
	}
	var evidence struct {
		Method    string   `json:"method"`
		Chain     []string `json:"certificate_chain"`
		Algorithm string   `json:"algorithm"`
		Signature string   `json:"signature"`
	}
	if len(in.Evidence) != 1 || strictjson.Decode(in.Evidence[0], &evidence) != nil || len(evidence.Chain) == 0 {
		return nil, errors.New("no evidence")
	}
	block, _ := pem.Decode([]byte(evidence.Chain[0]))
	signature, err := base64.RawURLEncoding.DecodeString(evidence.Signature)
	if err != nil || evidence.Method != "device-certificate" || evidence.Algorithm != "ES256" || !bytes.Equal(block.Bytes, g.device.Raw) {
		return nil, errors.New("wrong evidence")
	}
	if err := g.device.CheckSignature(x509.ECDSAWithSHA256, []byte(g.pending[in.RecoveryID]), signature); err != nil {
		return nil, err
	}
	if g.wants != "" {
		return g.askMore(g.pending[in.RecoveryID])
	}
	return wire.AttestResponse{Outcome: wire.OutcomeGranted, RecoveryToken: "recovery.token.jwt", ExpiresIn: 120, Reference: "ABCD2345"}, nil
}

func (g *fakeGateway) enroll(r *http.Request) (any, error) {
	var in wire.EnrollRequest
	if err := strictjson.DecodeReader(r.Body, wire.MaxBody, &in); err != nil {
		return nil, err
	}
	if in.ActivationCode != "GOOD-CODE" {
		return nil, fmt.Errorf("code %q", in.ActivationCode)
	}
	block, _ := pem.Decode([]byte(in.CSR))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, err
	}
	key := csr.PublicKey
	if g.key != nil {
		key = g.key(key)
	}
	g.device = g.certify(&x509.Certificate{
		SerialNumber: big.NewInt(2), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs: []*url.URL{{Scheme: "urn", Opaque: "regrant:device:d1"}},
	}, g.ca, key)
	chain := []string{string(encodeCertificate(g.device)), string(encodeCertificate(g.ca))}
	if in.CertificateChain != nil { // bound as it is
		chain = in.CertificateChain
		block, _ := pem.Decode([]byte(chain[0]))
		if g.device, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, err
		}
	}
	a := &wire.EnrollResponse{
		CertificateChain: chain,
		DeviceID:         "d1", Account: "alice@example.com", Issuer: g.issuer, NotAfter: g.device.NotAfter, EffectiveAt: time.Now(),
	}
	change(g.enrolled, a)
	return a, nil
}

func change[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

// result is what one run of the program left behind.
type result struct {
	code     int
	out, err string
}

// program is the program with one home folder.
type program struct {
	*fakeGateway
	home    string
	in      io.Reader
	browser func(url string) error
}

func newProgram(t *testing.T) *program {
	t.Helper()
	p := &program{fakeGateway: newFakeGateway(t), home: t.TempDir(), in: strings.NewReader("")}
	t.Setenv("XDG_CONFIG_HOME", p.home)
	p.browser = func(string) error { return errors.New("no browser here") }
	return p
}

func (p *program) run(args ...string) result {
	return p.runIn(p.t.Context(), args...)
}

func (p *program) runIn(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	code := run(ctx, &env{in: p.in, out: &out, err: &errs, now: time.Now, openBrowser: p.browser}, args)
	return result{code, out.String(), errs.String()}
}

func (p *program) enroll(more ...string) result {
	return p.run(append([]string{"device", "enroll", "--issuer", p.issuer, "--ca-file", p.caFile(), "--code", "GOOD-CODE"}, more...)...)
}

func (p *program) recover(more ...string) result {
	return p.run(append([]string{"device", "recover", "--account", "alice@example.com", "--ca-file", p.caFile()}, more...)...)
}

// enrolled is a program whose device is enrolled.
func enrolled(t *testing.T) *program {
	t.Helper()
	p := newProgram(t)
	if r := p.enroll("--label", "laptop"); r.code != exitDone {
		t.Fatalf("enrolling: %+v", r)
	}
	p.asked = nil
	return p
}

func (r result) want(t *testing.T, code int, says string) {
	t.Helper()
	if r.code != code || !strings.Contains(r.err, says) {
		t.Errorf("exit %d, standard error:\n%s\nwant exit %d and %q", r.code, r.err, code, says)
	}
}
