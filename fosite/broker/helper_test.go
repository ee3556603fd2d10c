package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	issuer      = "https://id.example.com/recovery/oidc"
	redirectURI = "https://id.example.com/realms/demo/broker/regrant/endpoint"
	clientID    = "keycloak-regrant"
	secret      = "q5vN1pX0cVYy8lq7mE3dT2wB9rK4sJ6hZ1fGgUuPoAc"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	nonce       = "n-0S6_WzA2Mj-keycloak"
)

// state is as long as Keycloak's, with characters that need escaping.
var state = strings.Repeat("aB9_-~.", 20) + ".tab=1&id;+ ü/" + strings.Repeat("x", 50)

// fixture is a server whose store, clock and keys a test can reach.
type fixture struct {
	*Server
	config Config
	store  *memory
	now    time.Time
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{store: newMemory(), now: time.Now()}
	f.config = Config{
		Issuer: issuer, Keys: func() []Key { return []Key{{ID: "oidc-1", Private: private}} }, Secret: []byte(strings.Repeat("b", 32)),
		Client: Client{ID: clientID, Secret: secret, RedirectURIs: []string{redirectURI, redirectURI + "?of=two", "http://127.0.0.1:8080/cb"}},
		Clock:  func() time.Time { return f.now }, Logins: f.store,
	}
	if f.Server, err = New(f.config); err != nil {
		t.Fatal(err)
	}
	return f
}

// query is the good authorization request, as Keycloak sends it.
func query() url.Values {
	challenge := sha256.Sum256([]byte(verifier))
	return url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid"},
		"state": {state}, "nonce": {nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
}

func (f *fixture) login() Login {
	return Login{
		Subject: "8d0d5f3a-random", Txn: "01J8ZC5V6Y0QK3M8T2R4W7XN9B", AuthTime: f.now.Add(-10 * time.Minute),
		ACR: "urn:regrant:device", AMR: []string{"hwk", "pop"},
	}
}

func (f *fixture) parse(t testing.TB, q url.Values) *AuthorizeRequest {
	t.Helper()
	a, err := f.ParseAuthorize(context.Background(), q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// code goes the way of the good case up to the code.
func (f *fixture) code(t testing.TB, q url.Values) string {
	t.Helper()
	redirect, err := f.Answer(context.Background(), f.parse(t, q), f.login())
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, redirect).Get("code")
}

// answer returns the parameters that a redirect carries to the client.
func answer(t testing.TB, redirect string) url.Values {
	t.Helper()
	query, ok := strings.CutPrefix(redirect, redirectURI+"?")
	if !ok {
		t.Fatalf("redirect goes to %q", redirect)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func tokenForm(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
	}
}

func post(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func basic(form url.Values) *http.Request {
	r := post(form)
	r.SetBasicAuth(clientID, secret)
	return r
}

func wantError(t testing.TB, err error, status int, code string) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want an *Error", err)
	}
	if refusal.Status != status || refusal.Code != code {
		t.Errorf("got %d %s (%v), want %d %s", refusal.Status, refusal.Code, err, status, code)
	}
}

// memory is a store of codes with the atomicity that the contract asks for.
type memory struct {
	mu       sync.Mutex
	codes    map[string]Code
	redeemed map[string]bool
	issued   map[string]bool // recoveries
	calls    int
	failure  error // what the next calls return instead of working
}

func newMemory() *memory {
	return &memory{codes: make(map[string]Code), redeemed: make(map[string]bool), issued: make(map[string]bool)}
}

func (m *memory) Issue(_ context.Context, c Code) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.failure != nil {
		return m.failure
	}
	if m.issued[c.Txn] {
		return ErrSpent
	}
	m.issued[c.Txn] = true
	m.codes[c.Signature] = c
	return nil
}

// Code also returns codes that were redeemed: so two calls race up to Redeem.
func (m *memory) Code(_ context.Context, signature string) (Code, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.failure != nil {
		return Code{}, m.failure
	}
	code, ok := m.codes[signature]
	if !ok {
		return Code{}, ErrSpent
	}
	return code, nil
}

func (m *memory) Redeem(_ context.Context, signature string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.failure != nil {
		return m.failure
	}
	if m.redeemed[signature] {
		return ErrSpent
	}
	m.redeemed[signature] = true
	return nil
}
