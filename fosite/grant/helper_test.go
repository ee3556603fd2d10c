package grant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	issuer      = "https://id.example.com/recovery"
	proofKey    = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" // thumbprint of the holder's DPoP key
	certificate = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
)

// fixture is a server whose store, clock and keys a test can reach.
type fixture struct {
	*Server
	config Config
	store  *memory
	now    time.Time
	keys   []Key // may be changed at any time
}

func (f *fixture) signers() []Key { return f.keys }

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{store: newMemory(), now: time.Now(), keys: []Key{newKey(t, "key-1"), newKey(t, "key-0")}}
	f.config = Config{
		Issuer: issuer, Keys: f.signers, Secret: []byte(strings.Repeat("g", 32)),
		Clock: func() time.Time { return f.now }, Recoveries: f.store,
	}
	var err error
	if f.Server, err = New(f.config); err != nil {
		t.Fatal(err)
	}
	return f
}

// newKey always makes the same key of a name, since a fuzz target runs in several processes.
func newKey(t testing.TB, id string) Key {
	t.Helper()
	seed := sha256.Sum256([]byte(id))
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, Private: private}
}

// recovery is the good case.
func (f *fixture) recovery() Recovery {
	return Recovery{
		Subject: "4f3c6c1e-account", ClientID: ClientDevice, Txn: "01J8ZC5V6Y0QK3M8T2R4W7XN9B", JTI: "c29tZS1yYW5kb20tMTI4LWJpdHM",
		Scope: ScopeComplete, ACR: "urn:regrant:device", AMR: []string{"hwk", "pop"},
		AuthTime: f.now.Add(-time.Minute).Truncate(time.Second), IssuedAt: f.now.Truncate(time.Second),
		ExpiresAt: f.now.Add(120 * time.Second).Truncate(time.Second), Thumbprint: proofKey, CertificateSHA256: certificate,
	}
}

func (f *fixture) mint(t testing.TB, change func(*Recovery)) string {
	t.Helper()
	r := f.recovery()
	change(&r)
	token, err := f.Mint(r)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func good(*Recovery) {}

var proofs atomic.Int64

// held is a proof of the key with a thumbprint, which nobody brought before.
func held(thumbprint string) Proof {
	return Proof{Thumbprint: thumbprint, ID: fmt.Sprint("proof-", proofs.Add(1))}
}

func tokenForm(assertion string) url.Values {
	return url.Values{"grant_type": {GrantType}, "assertion": {assertion}, "client_id": {ClientDevice}}
}

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func wantInvalid(t testing.TB, got Recovery, err error) {
	t.Helper()
	if !errors.Is(err, ErrInvalid) {
		t.Errorf("got error %v, want ErrInvalid", err)
	}
	if got.Subject != "" || got.Txn != "" {
		t.Errorf("a refused token says %+v", got)
	}
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
