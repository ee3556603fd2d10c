package login

import (
	"bytes"
	"context"
	"io"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/upstream"
)

const issuer = "https://id.example.com/recovery"

// house is a Service on a real store. Only the identity provider is a fake.
type house struct {
	*Service
	t        testing.TB
	provider *provider
	ahead    atomic.Int64 // of every clock here
}

// provider signs in who it is told to, and fails when told to.
type provider struct {
	acr   map[string]upstream.Assurance
	who   upstream.Principal
	err   error
	asked upstream.Login  // at LoginURL
	back  upstream.Answer // at LoginResult
	login upstream.Login  // at LoginResult
}

func (p *provider) Facts() upstream.Facts { return upstream.Facts{ACR: p.acr} }

func (p *provider) LoginURL(_ context.Context, l upstream.Login) (string, error) {
	p.asked = l
	return "https://idp.example.com/auth", p.err
}

func (p *provider) LoginResult(_ context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error) {
	p.back, p.login = back, l
	if p.err != nil {
		return upstream.Principal{}, p.err
	}
	return p.who, nil
}

func open(t testing.TB) *house {
	t.Helper()
	h := &house{t: t}
	h.provider = &provider{
		acr: map[string]upstream.Assurance{
			"silver": {AAL: upstream.AAL2}, "gold": {AAL: upstream.AAL2, PhishingResistant: true}, "black": {AAL: upstream.AAL3, PhishingResistant: true},
		},
		who: upstream.Principal{AccountID: "alice-1", Identifiers: []string{"alice", "alice@example.com"}, AuthenticatedAt: h.now(), AMR: []string{"pwd"}},
	}
	store, err := badger.OpenInMemory(h.now)
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	ring, err := keys.Open(t.Context(), store, "main", bytes.Repeat([]byte{7}, 32))
	must(t, err)
	h.Service = New(Config{
		Namespace: "main", Issuer: issuer, DB: store, Ring: ring, Accounts: account.New("main", ring.Sealer(keys.Record)),
		Provider: h.provider, Clock: h.now,
	})
	return h
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *house) wait(d time.Duration) { h.ahead.Add(int64(d)) }

// started is a login under way: what the browser keeps, and the good answer to it.
func (h *house) started(w Wish) (sealed string, answer url.Values) {
	h.t.Helper()
	_, sealed, err := h.Start(h.t.Context(), w)
	must(h.t, err)
	return sealed, url.Values{"state": {h.provider.asked.State}, "code": {"code"}}
}

// signedIn is a session and the cookie's secret.
func (h *house) signedIn(w Wish) (Session, string) {
	h.t.Helper()
	sealed, answer := h.started(w)
	s, secret, err := h.Callback(h.t.Context(), sealed, answer, nil)
	must(h.t, err)
	return s, secret
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// brokenDB cannot be read or written.
type brokenDB struct{ storage.DB }

func (brokenDB) View(context.Context, func(storage.Reader) error) error { return io.ErrUnexpectedEOF }

func (brokenDB) Update(context.Context, func(storage.Tx) error) error { return io.ErrUnexpectedEOF }
