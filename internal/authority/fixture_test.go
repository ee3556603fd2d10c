package authority

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fakeAdapter answers for one account, alice. Verbs that a device CA has no use for are not there: they would panic.
type fakeAdapter struct {
	upstream.Adapter
	admin    bool
	state    upstream.State
	resolve  error
	stateErr error
}

func (f *fakeAdapter) Facts() upstream.Facts {
	return upstream.Facts{Name: "fake", Admin: f.admin}
}

func (f *fakeAdapter) Resolve(_ context.Context, identifier string) (upstream.Account, error) {
	if f.resolve != nil {
		return upstream.Account{}, f.resolve
	}
	for _, known := range f.state.Identifiers {
		if known == identifier {
			return f.state.Account, nil
		}
	}
	return upstream.Account{}, upstream.ErrNoAccount
}

func (f *fakeAdapter) State(_ context.Context, id string) (upstream.State, error) {
	if f.stateErr != nil {
		return upstream.State{}, f.stateErr
	}
	if id != f.state.ID {
		return upstream.State{}, upstream.ErrNoAccount
	}
	return f.state, nil
}

// gateway is all that a device CA stands on.
type gateway struct {
	*Authority
	clock   *testClock
	adapter *fakeAdapter
	config  Config
	log     *bytes.Buffer // of everything
}

func newGateway(t testing.TB) *gateway {
	t.Helper()
	clock := &testClock{now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)}
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ring, err := keys.Open(t.Context(), db, "main", bytes.Repeat([]byte{1}, keys.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{clock: clock, log: new(bytes.Buffer), adapter: &fakeAdapter{
		admin: true,
		state: upstream.State{Account: upstream.Account{ID: "alice-id", Identifiers: []string{"alice", "alice@example.com"}}, Enabled: true},
	}}
	g.config = Config{
		Namespace: "main", DB: db, Accounts: account.New("main", ring.Sealer(keys.Record)), Journal: journal.New("main"),
		Outbox: notify.New("main", db, nil, slog.New(slog.NewTextHandler(g.log, nil))), Ring: ring,
		Root:      newRoot(t, clock.Now().Add(10*365*24*time.Hour), nil),
		Probation: 72 * time.Hour, Upstream: "main", Issuer: "https://id.example.com/recovery", Adapter: g.adapter,
		Compute: func(_ context.Context, work func()) error { work(); return nil },
	}
	g.Authority = g.open(t)
	return g
}

// open is another node on the same store.
func (g *gateway) open(t testing.TB) *Authority {
	t.Helper()
	a, err := Open(t.Context(), g.config)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRoot(t testing.TB, notAfter time.Time, change func(*x509.Certificate)) Root {
	t.Helper()
	key := newKey(t, elliptic.P256())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Root"},
		NotBefore: notAfter.Add(-20 * 365 * 24 * time.Hour), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true, MaxPathLen: 1,
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return Root{Certificate: c, Key: key}
}

func csr(t testing.TB, key crypto.Signer, template *x509.CertificateRequest) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// freshCSR is a good request for a key of its own.
func freshCSR(t testing.TB) []byte {
	t.Helper()
	return csr(t, newKey(t, elliptic.P256()), &x509.CertificateRequest{})
}

func (g *gateway) code(t testing.TB) string {
	t.Helper()
	code, err := g.NewCode(t.Context(), CodeRequest{Identifier: "alice", As: "carol"})
	if err != nil {
		t.Fatal(err)
	}
	return code.Text
}

func (g *gateway) enrol(t testing.TB) Enrolled {
	t.Helper()
	e, err := g.Enroll(t.Context(), g.code(t), freshCSR(t), "laptop")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func certificate(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(rest) != 0 {
		t.Fatalf("not one PEM block: %q", text)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (g *gateway) bound(t testing.TB, id string) (a *account.Authenticator) {
	t.Helper()
	err := g.DB.View(t.Context(), func(r storage.Reader) (err error) {
		a, err = g.Accounts.Get(r, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// journalled returns the newest entries, newest first.
func (g *gateway) journalled(t testing.TB) []journal.Entry {
	t.Helper()
	return journaltest.All(t, g.DB, g.Journal)
}

// told returns what waits in the outbox, as a sender gets it, by type.
func (g *gateway) told(t testing.TB) map[string]notify.Message {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &collector{more: make(chan notify.Message)}
	done := make(chan error)
	go func() { done <- notify.New("main", g.DB, []notify.Sender{s}, slog.New(slog.DiscardHandler)).Run(ctx) }()
	got := map[string]notify.Message{}
	for range g.journalled(t) { // each entry here has its notice
		select {
		case m := <-s.more:
			got[m.Type] = m
		case <-time.After(10 * time.Second):
			t.Fatalf("a notice is missing, got %v", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return got
}

type collector struct{ more chan notify.Message }

func (c *collector) Name() string { return "collector" }

func (c *collector) Send(_ context.Context, m notify.Message) error {
	c.more <- m
	return nil
}

// everything is all that the store holds, as bytes.
func (g *gateway) everything(t testing.TB) []byte {
	t.Helper()
	var all []byte
	err := g.DB.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan([]byte("main/"), nil, 0) {
			if err != nil {
				return err
			}
			all = append(append(append(all, e.Key...), e.Value...), '\n')
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
