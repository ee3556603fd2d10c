package account

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
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

// testSealer is the least that is a MAC over key and value.
type testSealer struct{}

func (testSealer) tag(key, value []byte) []byte {
	h := hmac.New(sha256.New, []byte("test"))
	fmt.Fprintf(h, "%d:%s%s", len(key), key, value)
	return h.Sum(nil)
}

func (s testSealer) Seal(key, value []byte) []byte {
	return append(bytes.Clone(value), s.tag(key, value)...)
}

func (s testSealer) Open(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sha256.Size
	if n < 0 || !hmac.Equal(sealed[n:], s.tag(key, sealed[:n])) {
		return nil, errors.New("altered")
	}
	return sealed[:n], nil
}

type fixture struct {
	*Store
	db    storage.DB
	clock *testClock
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	clock := &testClock{now: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)}
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &fixture{New("main", testSealer{}), db, clock}
}

// good is an authenticator that can be bound now.
func (f *fixture) good() *Authenticator {
	return &Authenticator{
		Upstream: "main", AccountID: "alice-id", Identifiers: []string{"alice", "alice@example.com"},
		Method: attest.MethodDeviceCertificate, Handles: []Handle{{Value: []byte("handle")}}, Label: "laptop", DeviceID: "device-1", Serial: "1f",
		CertificateSHA256: []byte("hash"), BoundBy: "carol",
		NotAfter: f.clock.Now().Add(90 * 24 * time.Hour), EffectiveAt: f.clock.Now().Add(72 * time.Hour),
	}
}

func (f *fixture) update(t testing.TB, fn func(storage.Tx) error) error {
	t.Helper()
	return f.db.Update(t.Context(), fn)
}

func (f *fixture) bind(t testing.TB, a *Authenticator) *Authenticator {
	t.Helper()
	if err := f.update(t, func(tx storage.Tx) error { return f.Bind(tx, a) }); err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) revoke(t testing.TB, id string) {
	t.Helper()
	err := f.update(t, func(tx storage.Tx) error {
		_, err := f.Revoke(tx, id, "carol", "lost")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) view(t testing.TB, fn func(storage.Reader) error) error {
	t.Helper()
	return f.db.View(t.Context(), fn)
}

func (f *fixture) get(t testing.TB, id string) (a *Authenticator) {
	t.Helper()
	err := f.view(t, func(r storage.Reader) (err error) {
		a, err = f.Get(r, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) epoch(t testing.TB, accountID string) (epoch uint64) {
	t.Helper()
	err := f.view(t, func(r storage.Reader) (err error) {
		epoch, err = f.Epoch(r, accountID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

func TestUsableSaysWhyNot(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	good := Authenticator{NotAfter: now, EffectiveAt: now}
	for name, c := range map[string]struct {
		change func(*Authenticator)
		want   error
	}{
		"good":                         {func(*Authenticator) {}, nil},
		"without an end":               {func(a *Authenticator) { a.NotAfter = time.Time{} }, nil},
		"revoked":                      {func(a *Authenticator) { a.RevokedAt = now }, ErrRevoked},
		"revoked in the future":        {func(a *Authenticator) { a.RevokedAt = now.Add(time.Hour) }, ErrRevoked},
		"expired":                      {func(a *Authenticator) { a.NotAfter = now.Add(-time.Nanosecond) }, ErrExpired},
		"not confirmed":                {func(a *Authenticator) { a.Awaits = &Confirmation{Before: now.Add(-time.Hour)} }, ErrAwaited},
		"not confirmed, and expired":   {func(a *Authenticator) { a.Awaits, a.NotAfter = &Confirmation{}, now.Add(-time.Hour) }, ErrAwaited},
		"revoked before it was":        {func(a *Authenticator) { a.Awaits, a.RevokedAt = &Confirmation{}, now }, ErrRevoked},
		"on probation":                 {func(a *Authenticator) { a.EffectiveAt = now.Add(time.Nanosecond) }, ErrProbation},
		"revoked before its end":       {func(a *Authenticator) { a.RevokedAt, a.NotAfter = now, now.Add(-time.Hour) }, ErrRevoked},
		"expired before it was of use": {func(a *Authenticator) { a.NotAfter, a.EffectiveAt = now.Add(-time.Hour), now.Add(time.Hour) }, ErrExpired},
	} {
		a := good
		c.change(&a)
		if err := a.Usable(now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
