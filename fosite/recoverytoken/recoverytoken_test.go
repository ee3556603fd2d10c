package recoverytoken

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/compact"
)

var now = time.Date(2026, 11, 21, 20, 20, 0, 0, time.UTC)

// fixture is a verifier and the private key of the one token signer that it trusts.
type fixture struct {
	Verifier
	key *ecdsa.PrivateKey
}

func newFixture(t testing.TB) fixture {
	t.Helper()
	key := newKey(t, "key-1")
	return fixture{Verifier{
		Issuer: "https://id.example.com/recovery", Audience: "https://id.example.com/recovery/token", ClientID: "kiosk",
		Keys: KeySet{"key-1": &key.PublicKey, "key-0": &newKey(t, "key-0").PublicKey},
	}, key}
}

// newKey always makes the same key of a name, since a fuzz target runs in several processes.
func newKey(t testing.TB, name string) *ecdsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func good() Claims {
	return Claims{
		Subject: "4f3c6c1e-account", ClientID: "kiosk", Txn: "01J8ZC5V6Y0QK3M8T2R4W7XN9B", JTI: "c29tZS1yYW5kb20tMTI4LWJpdHM",
		Scope: Scope, ACR: "urn:regrant:device", AMR: []string{"hwk", "pop"},
		AuthTime: now.Add(-time.Minute), IssuedAt: now, ExpiresAt: now.Add(2 * time.Minute),
		Thumbprint: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
	}
}

const goodHeader = `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt"}`

func (f fixture) payload(t testing.TB) string {
	t.Helper()
	payload, err := f.Payload(good(), now)
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

// with returns the good payload with one claim set, or removed if value is nil.
func (f fixture) with(t testing.TB, claim string, value any) string {
	t.Helper()
	var claims map[string]any
	if err := json.Unmarshal([]byte(f.payload(t)), &claims); err != nil {
		t.Fatal(err)
	}
	claims[claim] = value
	if value == nil {
		delete(claims, claim)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

func (f fixture) sign(t testing.TB, header, payload string) string {
	t.Helper()
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, f.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + b64(signature)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// refusal returns the reason for which a token is refused.
func (f fixture) refusal(t testing.TB, token string) Reason {
	t.Helper()
	got, err := f.Verify(token, now)
	var refusal *Error
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want an *Error", err)
	}
	if got.Subject != "" || got.Txn != "" {
		t.Errorf("a refused token says %+v", got)
	}
	return refusal.Reason
}

func (f fixture) mustRefuse(t testing.TB, token string, want Reason) {
	t.Helper()
	if got := f.refusal(t, token); got != want {
		t.Errorf("refused as %s, want %s", got, want)
	}
}

func TestGoodTokenIsAcceptedTwice(t *testing.T) { // nothing is remembered
	f := newFixture(t)
	token := f.sign(t, goodHeader, f.payload(t))
	for range 2 {
		got, err := f.Verify(token, now)
		if err != nil || got.Subject != good().Subject || !got.ExpiresAt.Equal(good().ExpiresAt) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestRefusalsSayTheirReason(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*testing.T, *fixture) string
		want Reason
	}{
		{"oversized", func(t *testing.T, f *fixture) string {
			return f.sign(t, goodHeader, f.payload(t)+strings.Repeat(" ", compact.MaxSize))
		}, Malformed},
		{"no signature", func(t *testing.T, f *fixture) string {
			return b64([]byte(goodHeader)) + "." + b64([]byte(f.payload(t))) + "."
		}, Malformed},
		{"JWE", func(*testing.T, *fixture) string { return "a.b.c.d.e" }, Malformed},
		{"crit", func(t *testing.T, f *fixture) string {
			return f.sign(t, `{"alg":"ES256","kid":"key-1","typ":"recovery+jwt","crit":["exp"]}`, f.payload(t))
		}, Malformed},
		{"nested too deeply", func(t *testing.T, f *fixture) string {
			return f.sign(t, goodHeader, strings.TrimSuffix(f.payload(t), "}")+`,"x":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+"}")
		}, Malformed},
		{"a claim twice", func(t *testing.T, f *fixture) string {
			return f.sign(t, goodHeader, `{"sub":"somebody-else",`+f.payload(t)[1:])
		}, Malformed},
		{"alg none", func(t *testing.T, f *fixture) string {
			return f.sign(t, `{"alg":"none","kid":"key-1","typ":"recovery+jwt"}`, f.payload(t))
		}, Unsupported},
		{"alg HS256", func(t *testing.T, f *fixture) string {
			return f.sign(t, `{"alg":"HS256","kid":"key-1","typ":"recovery+jwt"}`, f.payload(t))
		}, Unsupported},
		{"another type", func(t *testing.T, f *fixture) string {
			return f.sign(t, `{"alg":"ES256","kid":"key-1","typ":"at+jwt"}`, f.payload(t))
		}, Purpose},
		{"unknown key", func(t *testing.T, f *fixture) string {
			return f.sign(t, `{"alg":"ES256","kid":"key-9","typ":"recovery+jwt"}`, f.payload(t))
		}, Untrusted},
		{"no key at all", func(t *testing.T, f *fixture) string { f.Keys = nil; return f.sign(t, goodHeader, f.payload(t)) }, Untrusted},
		{"another signer", func(t *testing.T, f *fixture) string {
			f.key = newKey(t, "stranger")
			return f.sign(t, goodHeader, f.payload(t))
		}, Signature},
		{"signature of zeros", func(t *testing.T, f *fixture) string { // CVE-2022-21449
			token := f.sign(t, goodHeader, f.payload(t))
			return token[:strings.LastIndexByte(token, '.')+1] + b64(make([]byte, 64))
		}, Signature},
		{"another issuer", func(t *testing.T, f *fixture) string {
			return f.sign(t, goodHeader, f.with(t, "iss", "https://id.example.net/recovery"))
		}, Untrusted},
		{"another audience", func(t *testing.T, f *fixture) string { return f.sign(t, goodHeader, f.with(t, "aud", f.Issuer)) }, Purpose},
		{"another scope", func(t *testing.T, f *fixture) string { return f.sign(t, goodHeader, f.with(t, "scope", "admin")) }, Purpose},
		{"another client", func(t *testing.T, f *fixture) string { return f.sign(t, goodHeader, f.with(t, "client_id", "other")) }, Identity},
		{"expired", func(t *testing.T, f *fixture) string { return f.sign(t, goodHeader, f.with(t, "exp", now.Unix())) }, Expired},
		{"too long a life", func(t *testing.T, f *fixture) string {
			return f.sign(t, goodHeader, f.with(t, "exp", now.Unix()+maxAge+1))
		}, Expired},
		{"no holder", func(t *testing.T, f *fixture) string {
			return f.sign(t, goodHeader, f.with(t, "cnf", map[string]string{}))
		}, Key},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.mustRefuse(t, c.make(t, &f), c.want)
		})
	}
}

func TestAnyClientIsTakenWhereNoneIsNamed(t *testing.T) {
	f := newFixture(t)
	f.ClientID = ""
	if _, err := f.Verify(f.sign(t, goodHeader, f.payload(t)), now); err != nil {
		t.Error(err)
	}
}

// The zero verifier trusts nothing: an issuer that was left out is not the issuer "".
func TestZeroVerifierRefuses(t *testing.T) {
	f := newFixture(t)
	for claim, forget := range map[string]func(*Verifier){"iss": func(v *Verifier) { v.Issuer = "" }, "aud": func(v *Verifier) { v.Audience = "" }} {
		v := f.Verifier
		forget(&v)
		if _, err := v.Verify(f.sign(t, goodHeader, f.with(t, claim, "")), now); err == nil {
			t.Errorf("empty %s is accepted", claim)
		}
	}
}
