package enrolment

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/journal/journaltest"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/notify"
	"github.com/regrant/regrant/internal/policy"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

const (
	issuer    = "https://id.example.com/recovery"
	aliceID   = "alice-0001"
	bobID     = "bob-0002"
	probation = 72 * time.Hour
)

// house is a Service on a real store. The identity provider and the formats are fakes.
type house struct {
	*Service
	t        *testing.T
	db       *faultyDB
	provider *provider
	ahead    atomic.Int64 // of every clock here
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	start := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	clock := func() time.Time { return start.Add(time.Duration(h.ahead.Load())) }
	store, err := badger.OpenInMemory(clock)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	h.db = &faultyDB{DB: store}
	ring, err := keys.Open(t.Context(), h.db, "main", bytes.Repeat([]byte{7}, 32))
	must(t, err)
	accounts := account.New("main", ring.Sealer(keys.Record))
	verifier, err := attest.NewVerifier(
		fakeFormat{attest.MethodRecoveryCode}, fakeFormat{attest.MethodSSHKey}, fakeFormat{attest.MethodPasskey}, fakeFormat{attest.MethodPassphrase},
		onlyVerifies{fakeFormat{attest.MethodDeviceCertificate}},
	)
	must(t, err)
	rules, err := policy.New(policy.Config{
		Methods: verifier.Methods(), RiskAnalysis: map[attest.Method]string{attest.MethodPassphrase: "RA-1"},
	})
	must(t, err)
	h.provider = &provider{}
	h.Service = New(Config{
		Namespace: "main", Issuer: issuer, DB: h.db, Ring: ring, Accounts: accounts, Verifier: verifier, Policy: rules,
		Logins: login.New(login.Config{
			Namespace: "main", Issuer: issuer, DB: h.db, Ring: ring, Accounts: accounts, Provider: h.provider, Clock: clock,
		}),
		Journal: journal.New("main"), Outbox: notify.New("main", h.db, nil, slog.New(slog.DiscardHandler)),
		Probation: func(attest.Method) time.Duration { return probation }, Clock: clock,
		Compute: func(ctx context.Context, work func()) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			work()
			return nil
		},
	})
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) wait(d time.Duration) { h.ahead.Add(int64(d)) }

// provider signs in who it is told to.
type provider struct {
	who     upstream.Principal
	earlier time.Duration // that they signed in there before
	best    upstream.Assurance
	asked   upstream.Login
}

func (*provider) Facts() upstream.Facts { return upstream.Facts{} }

func (p *provider) LoginURL(_ context.Context, l upstream.Login) (string, error) {
	p.asked = l
	return "https://idp.example.com/auth", nil
}

func (p *provider) LoginResult(context.Context, upstream.Answer, upstream.Login) (upstream.Principal, error) {
	return p.who, nil
}

// visit signs somebody in now, by these methods (RFC 8176).
func (h *house) visit(accountID string, amr ...string) Visitor {
	h.t.Helper()
	h.provider.who = upstream.Principal{
		AccountID: accountID, Identifiers: []string{accountID + "@example.com"}, AuthenticatedAt: h.Clock().Add(-h.provider.earlier), AMR: amr,
		Best: h.provider.best,
	}
	_, sealed, err := h.Logins.Start(h.t.Context(), login.Wish{})
	must(h.t, err)
	session, secret, err := h.Logins.Callback(h.t.Context(), sealed, url.Values{"state": {h.provider.asked.State}, "code": {"c"}}, nil)
	must(h.t, err)
	return Visitor{Session: session, Secret: secret, Network: netip.MustParsePrefix("203.0.113.0/24")}
}

// alice is alice, who signed in with her password just now: she has nothing better.
func (h *house) alice() Visitor { return h.visit(aliceID, "pwd") }

func (h *house) begun(v Visitor, m attest.Method) Begun {
	h.t.Helper()
	b, err := h.Begin(h.t.Context(), v, m, []byte("{}"))
	must(h.t, err)
	return b
}

// bind binds key, in both halves.
func (h *house) bind(v Visitor, m attest.Method, key string) Bound {
	h.t.Helper()
	b, err := h.Finish(h.t.Context(), v, m, Answer{State: h.begun(v, m).State, Label: "my " + key, Body: []byte(key)})
	must(h.t, err)
	return b
}

func (h *house) all(accountID string) (items []Item) {
	h.t.Helper()
	items, _, err := h.List(h.t.Context(), accountID)
	must(h.t, err)
	return items
}

func (h *house) get(id string) (a *account.Authenticator) {
	h.t.Helper()
	must(h.t, h.db.View(h.t.Context(), func(r storage.Reader) (err error) {
		a, err = h.Accounts.Get(r, id)
		return err
	}))
	return a
}

func (h *house) update(fn func(tx storage.Tx) error) {
	h.t.Helper()
	must(h.t, h.db.Update(h.t.Context(), fn))
}

func (h *house) entries(kind journal.Kind) []journal.Entry {
	h.t.Helper()
	return journaltest.Of(h.t, h.db, h.Journal, kind)
}

// stored is everything in the store.
func (h *house) stored() (all []storage.Entry) {
	h.t.Helper()
	must(h.t, h.db.View(h.t.Context(), func(r storage.Reader) error {
		all = nil
		for e, err := range r.Scan(nil, nil, 0) {
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return nil
	}))
	return all
}

// fakeFormat takes any body for a key, but for those that say what is to go wrong.
type fakeFormat struct{ method attest.Method }

func (f fakeFormat) Method() attest.Method { return f.method }
func (fakeFormat) Locate([]byte, string) ([]byte, error) {
	return nil, attest.Refuse(attest.ReasonMalformed, "none")
}
func (fakeFormat) Verify(attest.Input) (attest.Claims, error) { return attest.Claims{}, nil }

func (f fakeFormat) Begin(e attest.Enrolling, body []byte) (attest.Prompt, error) {
	if err := outcome(body); err != nil {
		return attest.Prompt{}, err
	}
	return attest.Prompt{Options: []byte(`{"method":"` + string(f.method) + `"}`), Keep: e.Challenge[:]}, nil
}

func (f fakeFormat) Finish(e attest.Enrolling, keep, body []byte) (attest.Enrolled, error) {
	if !bytes.Equal(keep, e.Challenge[:]) {
		return attest.Enrolled{}, errors.New("not what Begin left")
	}
	if err := outcome(body); err != nil {
		return attest.Enrolled{}, err
	}
	if f.method == attest.MethodRecoveryCode {
		return attest.Enrolled{Shown: []string{"code-a-" + string(body), "code-b-" + string(body)}, Handles: []attest.Handle{
			{Value: []byte("a of " + string(body)), OneTime: true}, {Value: []byte("b of " + string(body)), OneTime: true},
		}}, nil
	}
	if f.method == attest.MethodPassphrase { // one for an account, whatever it is
		body = []byte("passphrase of " + e.AccountID)
	}
	for _, bound := range e.Bound {
		if bytes.Equal(bound, body) {
			return attest.Enrolled{}, attest.Refuse(attest.ReasonPolicy, "bound before")
		}
	}
	return attest.Enrolled{
		Handles: []attest.Handle{{Value: body, Reference: []byte(`{"alg":"fake"}`), Counter: 7}}, Model: "model-of-" + string(body), Attested: true,
		NotAfter: e.Now.Add(365 * 24 * time.Hour), Detail: map[string]string{"key_fingerprint": "print-of-" + string(body)},
	}, nil
}

func outcome(body []byte) error {
	switch string(body) {
	case "refuse":
		return attest.Refuse(attest.ReasonSignature, "a detail for the operator")
	case "cannot tell whether it is revoked":
		return attest.Refuse(attest.ReasonRevocationUnknown, "no list")
	case "panic":
		panic("of a parser")
	case "cannot tell":
		return io.ErrUnexpectedEOF
	}
	return nil
}

// onlyVerifies hides that a format enrols.
type onlyVerifies struct{ attest.Format }

// faultyDB can be down.
type faultyDB struct {
	storage.DB
	down, writesDown atomic.Bool
}

func (d *faultyDB) View(ctx context.Context, fn func(storage.Reader) error) error {
	if d.down.Load() {
		return io.ErrClosedPipe
	}
	return d.DB.View(ctx, fn)
}

func (d *faultyDB) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if d.down.Load() || d.writesDown.Load() {
		return io.ErrClosedPipe
	}
	return d.DB.Update(ctx, fn)
}
