package revocation

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/certpath"
)

// start is in the future, because the library that makes OCSP responses writes the real time into them.
var start = time.Date(2100, 11, 21, 20, 0, 0, 0, time.UTC)

// world is a CA with a server, and the source that fetches from it at a time that the test sets.
type world struct {
	t      testing.TB
	ca     *attesttest.CA
	path   certpath.Path
	server *httptest.Server
	source *Source
	asked  atomic.Int32

	mu      sync.Mutex
	now     time.Time
	handler http.HandlerFunc
}

func newWorld(t testing.TB, config func(url string) Config) *world {
	t.Helper()
	w := &world{t: t, ca: attesttest.NewCA(t), now: start}
	device := w.ca.Device(t, nil)
	w.path = certpath.Path{parsed(t, device.Certificate), parsed(t, w.ca.Certificate)}
	w.server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		w.mu.Lock()
		handler := w.handler
		w.mu.Unlock()
		handler(out, r)
	}))
	t.Cleanup(w.server.Close)
	c := config(w.server.URL)
	c.Anchors, c.Clock, c.Logger = []*x509.Certificate{w.ca.Certificate}, w.clock, slog.New(slog.DiscardHandler)
	var err error
	if w.source, err = New(c); err != nil {
		t.Fatal(err)
	}
	return w
}

func parsed(t testing.TB, c *x509.Certificate) *certpath.Certificate {
	t.Helper()
	p, err := certpath.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) at(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

func (w *world) answer(h http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handler = h
}

func body(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }
}

// crl makes a CRL of the world's CA, whosever key signs it.
func (w *world) crl(thisUpdate, nextUpdate time.Time, key crypto.Signer) []byte {
	w.t.Helper()
	return crlOf(w.t, w.ca.Certificate, thisUpdate, nextUpdate, key)
}

func crlOf(t testing.TB, issuer *x509.Certificate, thisUpdate, nextUpdate time.Time, key crypto.Signer) []byte {
	t.Helper()
	signer := *issuer
	signer.PublicKey = key.Public()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: thisUpdate, NextUpdate: nextUpdate,
	}, &signer, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// newQuiet is a world without a server, whose source does not run.
func newQuiet(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ca: attesttest.NewCA(t), now: start}
	device := w.ca.Device(t, nil)
	w.path = append(w.path, parsed(t, device.Certificate), parsed(t, w.ca.Certificate))
	w.source = &Source{clock: w.clock, patience: patience, responder: newResponder("", nil, w.clock, slog.New(slog.DiscardHandler))}
	return w
}
