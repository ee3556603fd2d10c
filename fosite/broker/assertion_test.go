package broker

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
)

const realm = "https://id.example.com/realms/demo"

// asserting is a fixture whose identity provider takes assertions.
func asserting(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.config.Audience = realm
	var err error
	if f.Server, err = New(f.config); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAnAssertionSaysWhoForWhomAndForHowLong(t *testing.T) {
	f := asserting(t)
	assertion, err := f.Assertion("8d0d5f3a-random")
	if err != nil {
		t.Fatal(err)
	}
	header, claims := opened(t, assertion, f.config.Keys()[0])
	if !maps.Equal(header, map[string]any{"alg": "ES256", "typ": "JWT", "kid": "oidc-1"}) {
		t.Errorf("header %v", header)
	}
	now := f.now.Unix()
	for name, want := range map[string]any{
		"iss": issuer, "sub": "8d0d5f3a-random", "aud": realm, "iat": float64(now), "exp": float64(now + 30),
	} {
		if claims[name] != want {
			t.Errorf("%s: %v, want %v", name, claims[name], want)
		}
	}
	if names := slices.Sorted(maps.Keys(claims)); !slices.Equal(names, []string{"aud", "exp", "iat", "iss", "jti", "sub"}) {
		t.Errorf("claims %v", names)
	}
	again, err := f.Assertion("8d0d5f3a-random")
	if err != nil {
		t.Fatal(err)
	}
	if _, other := opened(t, again, f.config.Keys()[0]); other["jti"] == claims["jti"] || len(claims["jti"].(string)) < 26 { // 5 bits a character
		t.Errorf("jti %v after %v", other["jti"], claims["jti"])
	}
}

func TestNothingIsAssertedAboutNobodyOrToNobody(t *testing.T) {
	if assertion, err := asserting(t).Assertion(""); err == nil {
		t.Errorf("about nobody: %s", assertion)
	}
	if assertion, err := newFixture(t).Assertion("8d0d5f3a-random"); err == nil {
		t.Errorf("to nobody: %s", assertion)
	}
}

func TestAnAudienceThatHasAnotherUseIsRefused(t *testing.T) {
	for name, audience := range map[string]string{
		"the client": clientID, "the issuer": issuer, "no address": "realm", "a query": realm + "?x", "a fragment": realm + "#x", "a user": "https://u@id.example.com",
	} {
		c := asserting(t).config
		c.Audience = audience
		if _, err := New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// An assertion is no code and no ID token, and neither is an assertion.
func TestAnAssertionOpensNothingHere(t *testing.T) {
	f := asserting(t)
	assertion, err := f.Assertion("8d0d5f3a-random")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Token(t.Context(), basic(tokenForm(assertion)))
	wantError(t, err, 400, "invalid_grant")
	form := tokenForm(assertion)
	form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
	form.Set("assertion", assertion)
	_, err = f.Token(t.Context(), basic(form))
	wantError(t, err, 400, "unsupported_grant_type")
}

// opened verifies a compact JWS with ES256 and returns header and claims.
func opened(t *testing.T, jws string, key Key) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(jws, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes: %v", len(signature), err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&key.Private.PublicKey, digest[:], r, s) {
		t.Error("it is not signed by the first key")
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			t.Fatalf("part %d of %s", i, jws)
		}
	}
	return header, claims
}
