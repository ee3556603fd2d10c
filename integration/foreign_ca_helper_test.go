package integration

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// operatorCA is a device CA as an operator may have one, with the server that tells of its revocations. All of them have the same name.
type operatorCA struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
	server      *httptest.Server
	hidden      *httptest.Server // that nobody may call
	hiddenAsked atomic.Int32
	ended       chan struct{}

	mu      sync.Mutex
	handler http.HandlerFunc
	revoked []*big.Int
}

func newOperatorCA(t *testing.T) *operatorCA {
	t.Helper()
	ca := &operatorCA{t: t, key: claimant.NewKey(), file: filepath.Join(t.TempDir(), "ca.pem"), ended: make(chan struct{})}
	ca.certificate = ca.issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Corporate Devices"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}, ca.key)
	fatal(t, os.WriteFile(ca.file, block("CERTIFICATE", ca.certificate.Raw), 0o600))
	ca.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ca.mu.Lock()
		handler := ca.handler
		ca.mu.Unlock()
		handler(w, r)
	}))
	ca.hidden = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ca.hiddenAsked.Add(1) }))
	t.Cleanup(func() { close(ca.ended); ca.server.Close(); ca.hidden.Close() })
	return ca
}

func (ca *operatorCA) issue(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	parent := ca.certificate
	if parent == nil {
		parent = template
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), ca.key)
	fatal(t, err)
	c, err := x509.ParseCertificate(der)
	fatal(t, err)
	return c
}

// withCRL and withOCSP are the options of the method.
func (ca *operatorCA) withCRL(life time.Duration) string {
	ca.answer(ca.crl(ca.key, life))
	return "trust_pool file " + ca.file + "\n\t\t\tcrl " + ca.server.URL + "/devices.crl"
}

func (ca *operatorCA) withOCSP() string {
	ca.answer(ca.ocsp)
	return "trust_pool file " + ca.file + "\n\t\t\tocsp " + ca.server.URL + "/ocsp"
}

// answer has the server answer otherwise from now on.
func (ca *operatorCA) answer(h http.HandlerFunc) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.handler = h
}

func (ca *operatorCA) list(c *x509.Certificate) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.revoked = append(ca.revoked, c.SerialNumber)
}

// revoke lists the certificate of a device.
func (ca *operatorCA) revoke(c *claimant.Claimant) {
	p, _ := pem.Decode([]byte(c.Chain[0]))
	certificate, err := x509.ParseCertificate(p.Bytes)
	fatal(ca.t, err)
	ca.list(certificate)
}

// crl answers with a fresh CRL, signed with key, that is good for life.
func (ca *operatorCA) crl(key *ecdsa.PrivateKey, life time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		now := time.Now()
		template := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(life)}
		ca.mu.Lock()
		for _, serial := range ca.revoked {
			template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: now.Add(-time.Minute)})
		}
		ca.mu.Unlock()
		signer := *ca.certificate // its name, whosever key it is
		signer.PublicKey = key.Public()
		der, err := x509.CreateRevocationList(rand.Reader, template, &signer, key)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(der)
	}
}

// ocsp answers as a responder that signs with the CA's own key.
func (ca *operatorCA) ocsp(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request, err := ocsp.ParseRequest(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	now := time.Now()
	template := ocsp.Response{Status: ocsp.Good, SerialNumber: request.SerialNumber, ThisUpdate: now.Add(-time.Minute), NextUpdate: now.Add(time.Minute)}
	ca.mu.Lock()
	if slices.ContainsFunc(ca.revoked, func(n *big.Int) bool { return n.Cmp(request.SerialNumber) == 0 }) {
		template.Status, template.RevokedAt = ocsp.Revoked, now.Add(-time.Minute)
	}
	ca.mu.Unlock()
	der, err := ocsp.CreateResponse(ca.certificate, ca.certificate, template, ca.key)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/ocsp-response")
	_, _ = w.Write(der)
}

// hang answers when the caller has given up.
func (ca *operatorCA) hang(_ http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-ca.ended:
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

// operatorDevice is a device with a certificate of that CA.
type operatorDevice struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func (ca *operatorCA) device(t *testing.T, name string) operatorDevice {
	t.Helper()
	return ca.certify(t, claimant.NewKey(), name)
}

func (ca *operatorCA) certify(t *testing.T, key *ecdsa.PrivateKey, name string) operatorDevice {
	t.Helper()
	return ca.certifyWith(t, key, func(c *x509.Certificate) { c.Subject.CommonName = name })
}

func (ca *operatorCA) certifyWith(t *testing.T, key *ecdsa.PrivateKey, change func(*x509.Certificate)) operatorDevice {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	change(template)
	return operatorDevice{key, ca.issue(t, template, key)}
}

func (d operatorDevice) chain() []string {
	return []string{string(block("CERTIFICATE", d.certificate.Raw))}
}

// enroll runs the program, with the certificate and key in files, and returns the device's folder.
func enroll(t *testing.T, e *env.Env, d operatorDevice) (dir string, err error) {
	t.Helper()
	files := t.TempDir()
	der, err := x509.MarshalPKCS8PrivateKey(d.key)
	fatal(t, err)
	certificate, key := filepath.Join(files, "device.pem"), filepath.Join(files, "device.key")
	fatal(t, os.WriteFile(certificate, []byte(d.chain()[0]), 0o600))
	fatal(t, os.WriteFile(key, block("PRIVATE KEY", der), 0o600))
	dir = filepath.Join(files, "device")
	_, err = e.Run(t.Context(), "regrant", "device", "enroll", "--issuer", e.Issuer, "--code", activationCode(t, e), "--dir", dir,
		"--label", "of the operator's CA", "--ca-file", e.CAFile, "--certificate", certificate, "--key", key)
	return dir, err
}

// enrolledWith is an enrolled device, request by request.
func enrolledWith(t *testing.T, e *env.Env, d operatorDevice) *claimant.Claimant {
	t.Helper()
	var dir string
	var err error
	until(t, 20*time.Second, "somebody can tell whether the certificate is revoked", func() bool {
		dir, err = enroll(t, e, d)
		return exitCode(err) != unavailable
	})
	fatal(t, err)
	c, err := claimant.FromDevice(e.Issuer, e.Client, dir)
	fatal(t, err)
	return c
}

func activationCode(t *testing.T, e *env.Env) string {
	t.Helper()
	var out struct {
		Code string `json:"code"`
	}
	fatal(t, e.Operator(t.Context(), &out, "activation-code", "alice@demo.example", "--as", "Demo Operator", "--subject", "alice-0001"))
	return out.Code
}

func tries(t *testing.T, c *claimant.Claimant) claimant.Answer {
	t.Helper()
	_, answer, err := c.Recover(t.Context(), "alice@demo.example")
	fatal(t, err)
	return answer
}

func attests(t *testing.T, c *claimant.Claimant, status int, code string) {
	t.Helper()
	isAnswer(t, tries(t, c), status, code)
}

// attestsHeld is attests as soon as a CRL holds.
func attestsHeld(t *testing.T, c *claimant.Claimant, status int, code string) {
	t.Helper()
	isAnswer(t, held(t, func() claimant.Answer { return tries(t, c) }), status, code)
}

// held asks again while the answer is that nobody can tell.
func held(t *testing.T, ask func() claimant.Answer) (a claimant.Answer) {
	t.Helper()
	until(t, 20*time.Second, "a CRL holds", func() bool {
		a = ask()
		return a.Status != http.StatusServiceUnavailable
	})
	return a
}

func isAnswer(t *testing.T, a claimant.Answer, status int, code string) {
	t.Helper()
	if a.Status != status || a.Code() != code {
		t.Errorf("answered %d %q, want %d %q", a.Status, a.Code(), status, code)
	}
}

// post sends an enrolment of a test's own making.
func post(t *testing.T, e *env.Env, body any) claimant.Answer {
	t.Helper()
	c := claimant.Claimant{Issuer: e.Issuer, Client: e.Client}
	answer, err := c.JSON(t.Context(), "/devices/enroll", body)
	fatal(t, err)
	return answer
}

func request(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	fatal(t, err)
	return string(block("CERTIFICATE REQUEST", der))
}

func block(kind string, der []byte) []byte {
	var out bytes.Buffer
	_ = pem.Encode(&out, &pem.Block{Type: kind, Bytes: der}) // into memory
	return out.Bytes()
}

// unavailable is the exit code of `regrant` where the gateway could not tell.
const unavailable = 3

// exitCode is how a program of ours ended.
func exitCode(err error) int {
	if exit, ok := errors.AsType[*env.ExitError](err); ok {
		return exit.Code
	}
	return 0
}
