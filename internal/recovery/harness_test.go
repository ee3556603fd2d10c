package recovery

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/attest/devicecert"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

const (
	testIssuer = "https://id.example.com/recovery"
	alice      = "alice@example.com"
	aliceID    = "alice-0001"
)

// house is a whole gateway but for HTTP, with an identity provider that can be made to fail.
type house struct {
	*Service
	t      *testing.T
	db     *countingDB
	idp    *fakeIdP
	ca     *attesttest.CA
	device *attesttest.Device
	bound  *account.Authenticator
	mu     sync.Mutex
	now    time.Time
	checks int // signature checks of statements
	format attest.Format
	grants *grant.Server
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseFor(t, policy.Config{
		Methods:      []attest.Method{attest.MethodDeviceCertificate},
		RiskAnalysis: map[attest.Method]string{attest.MethodDeviceCertificate: "RA-1"},
	})
}

// newHouseFor takes more methods than device certificates, see wordFormat.
func newHouseFor(t *testing.T, config policy.Config) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)}
	clock := func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.now
	}
	inner, err := badger.OpenInMemory(clock)
	must(t, err)
	t.Cleanup(func() { _ = inner.Close() })
	h.db = &countingDB{DB: inner}
	ring, err := keys.Open(t.Context(), h.db, "main", bytes.Repeat([]byte{7}, 32))
	must(t, err)
	h.ca = attesttest.NewCA(t)
	h.device = h.ca.Device(t, nil)
	h.format = devicecert.New(devicecert.Config{Anchors: func() []*x509.Certificate { return []*x509.Certificate{h.ca.Certificate} }})
	formats := []attest.Format{countingFormat{h.format, h}}
	for _, m := range config.Methods[1:] {
		formats = append(formats, &wordFormat{method: m, h: h})
	}
	verifier, err := attest.NewVerifier(formats...)
	must(t, err)
	rules, err := policy.New(config)
	must(t, err)
	h.idp = &fakeIdP{
		state: upstream.State{
			Account: upstream.Account{ID: aliceID, Identifiers: []string{"alice", "Alice@Example.com"}},
			Enabled: true, Privilege: upstream.PrivilegeOrdinary,
		},
		fail: map[string]error{},
	}
	logger := slog.New(slog.DiscardHandler)
	h.Service = New(Config{
		Namespace: "main", Issuer: testIssuer, DB: h.db, Adapter: h.idp, Verifier: verifier,
		Accounts: account.New("main", ring.Sealer(keys.Record)), Policy: rules, Journal: journal.New("main"),
		Outbox: notify.New("main", h.db, nil, logger), Ring: ring, Clock: clock, Logger: logger, Probation: 72 * time.Hour,
		Compute: func(_ context.Context, work func()) error { work(); return nil },
	})
	key := ring.Signing(keys.Grant)[0]
	h.grants, err = grant.New(grant.Config{
		Issuer: testIssuer, Keys: func() []grant.Key { return []grant.Key{{ID: key.ID, Private: key.Private}} }, Secret: ring.Secret(keys.GrantSecret),
		Clock: clock, Recoveries: h.Grants(),
	})
	must(t, err)
	h.SetMinter(h.grants)
	h.bound = &account.Authenticator{
		ID: "auth-1", Upstream: "main", AccountID: aliceID, Identifiers: []string{alice}, Method: attest.MethodDeviceCertificate,
		Handles: []account.Handle{{Value: h.device.Handle()}}, Label: "Alice's laptop", DeviceID: "device-1", NotAfter: attesttest.NotAfter,
		BoundAt: h.now, EffectiveAt: h.now, BoundBy: "test",
	}
	must(t, h.db.Update(t.Context(), func(tx storage.Tx) error { return h.Accounts.Bind(tx, h.bound) }))
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// program is the device's own holder.
func (h *house) program() Holder { return Holder{Value: h.device.Thumbprint(), Kind: HolderProgram} }

func browserHolder(secret string) Holder {
	return Holder{Value: attest.HolderOfSecret([]byte(secret)), Kind: HolderBrowser}
}

// ask is the good request; a test changes one thing.
func (h *house) ask() InitiateRequest {
	id, err := attest.ParseIdentifier(alice)
	must(h.t, err)
	return InitiateRequest{
		Account: id, Actions: []attest.Action{attest.ActionSignIn, attest.ActionResetPassword}, ClientID: grant.ClientDevice,
		Holder: h.program(), Network: netip.MustParsePrefix("203.0.113.0/24"),
	}
}

func (h *house) initiate(req InitiateRequest) Initiated {
	h.t.Helper()
	in, err := h.Initiate(h.t.Context(), req)
	must(h.t, err)
	return in
}

// proof is what the device answers to in.
func (h *house) proof(in Initiated) AttestRequest {
	return AttestRequest{
		RecoveryID: in.RecoveryID, Holder: h.program(), Network: netip.MustParsePrefix("203.0.113.0/24"),
		Evidence: []attest.Evidence{{Method: attest.MethodDeviceCertificate, Body: h.device.Evidence(in.Statement.Text())}},
	}
}

// granted is a good recovery as far as its token.
func (h *house) granted() Attested {
	h.t.Helper()
	g, err := h.Attest(h.t.Context(), h.proof(h.initiate(h.ask())))
	must(h.t, err)
	return g
}

// handoff is a good recovery as far as the browser's code.
func (h *house) handoff() string {
	h.t.Helper()
	out, err := h.Handoff(h.t.Context(), h.granted().Token, h.program())
	must(h.t, err)
	return out.Code
}

// redemption consumes the token of g as the token endpoint would.
func (h *house) redemption(g Attested) grant.Redemption {
	h.t.Helper()
	claims, err := h.grants.Verify(g.Token)
	must(h.t, err)
	return grant.Redemption{
		Txn: claims.Txn, JTI: claims.JTI, ClientID: claims.ClientID, Thumbprint: h.program().Value,
		AccessToken: grant.AccessToken{
			Signature: "sig-" + claims.Txn, Txn: claims.Txn, ClientID: claims.ClientID, Thumbprint: h.program().Value,
			Scope: claims.Scope, Subject: claims.Subject, ExpiresAt: h.Clock().Add(5 * time.Minute),
		},
	}
}

// inSession drives a recovery to where its browser has a code out, and returns the code's signature.
func (h *house) inSession(browser Holder) (txn, signature string) {
	h.t.Helper()
	ready, err := h.Continue(h.t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(h.t, err)
	_, err = h.Session(h.t.Context(), ready.Txn, browser)
	must(h.t, err)
	must(h.t, h.Logins().Issue(h.t.Context(), h.code(ready.Txn)))
	return ready.Txn, "code-" + ready.Txn
}

// code is one for whoever holds the lease of txn just now.
func (h *house) code(txn string) broker.Code {
	h.t.Helper()
	rec, err := h.view(h.t.Context(), txn)
	must(h.t, err)
	return broker.Code{Signature: "code-" + txn, Txn: txn, Lease: rec.Lease, Session: []byte("{}"), ExpiresAt: h.Clock().Add(time.Minute)}
}

func (h *house) state(txn string) State {
	h.t.Helper()
	rec, err := h.view(h.t.Context(), txn)
	must(h.t, err)
	return rec.State
}

func (h *house) only() *record {
	h.t.Helper()
	var found []*record
	must(h.t, h.db.View(h.t.Context(), func(r storage.Reader) error {
		for rec, err := range h.table.All(r, nil, 0) {
			if err != nil {
				return err
			}
			found = append(found, rec)
		}
		return nil
	}))
	if len(found) != 1 {
		h.t.Fatalf("%d records, want 1", len(found))
	}
	return found[0]
}

// sweep lets d pass and then everything that is due.
func (h *house) sweep(d time.Duration) {
	h.t.Helper()
	h.wait(d)
	var workers sync.WaitGroup
	slots := make(chan struct{}, sweepers)
	for n := 1; n > 0; workers.Wait() {
		var err error
		n, err = h.Service.sweep(h.t.Context(), &workers, slots)
		must(h.t, err)
	}
}

func (h *house) entries(kind journal.Kind) []journal.Entry {
	h.t.Helper()
	return journaltest.Of(h.t, h.db, h.Journal, kind)
}

// notices counts the messages of a kind that wait in the outbox.
func (h *house) notices(kind string) (n int) {
	h.t.Helper()
	must(h.t, h.db.View(h.t.Context(), func(r storage.Reader) error {
		n = 0
		for e, err := range r.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			if bytes.Contains(e.Value, []byte(`"message":`)) && bytes.Contains(e.Value, []byte(`"`+kind+`"`)) {
				n++
			}
		}
		return nil
	}))
	return n
}

func (h *house) revokeDevice() {
	h.t.Helper()
	must(h.t, h.db.Update(h.t.Context(), func(tx storage.Tx) error {
		_, err := h.Accounts.Revoke(tx, h.bound.ID, "test", "lost")
		return err
	}))
}
