package grant

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const appID = "app"

// jwksOf is a client's document with one key.
func jwksOf(t testing.TB, key any, change func(map[string]any)) []byte {
	t.Helper()
	member, err := json.Marshal(jose.JSONWebKey{Key: key, KeyID: "app-1"})
	if err != nil {
		t.Fatal(err)
	}
	var jwk map[string]any
	if err := json.Unmarshal(member, &jwk); err != nil {
		t.Fatal(err)
	}
	change(jwk)
	text, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func asIs(map[string]any) {}

func TestAssertionKeysAreRefusedUnlessEachServes(t *testing.T) {
	key := newKey(t, "app").Private.Public()
	good := string(jwksOf(t, key, asIs))
	if _, err := ParseAssertionKeys([]byte(good)); err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty":              nil,
		"no keys":            []byte(`{"keys":[]}`),
		"another member":     []byte(`{"issuer":"x",` + good[1:]),
		"a member twice":     []byte(strings.Replace(good, `"kid"`, `"kid":"x","kid"`, 1)),
		"two of one name":    []byte(strings.Replace(good, `[{`, `[`+good[9:len(good)-2]+`,{`, 1)),
		"a private key":      jwksOf(t, newKey(t, "app").Private, asIs),
		"a symmetric key":    []byte(`{"keys":[{"kty":"oct","k":"AQAB","kid":"1"}]}`),
		"RSA of 1024 bits":   jwksOf(t, short.Public(), asIs),
		"for another alg":    jwksOf(t, key, func(k map[string]any) { k["alg"] = "ES384" }),
		"for encryption":     jwksOf(t, key, func(k map[string]any) { k["use"] = "enc" }),
		"not on the curve":   jwksOf(t, key, func(k map[string]any) { k["y"] = k["x"] }),
		"no coordinate":      jwksOf(t, key, func(k map[string]any) { delete(k, "y") }),
		"a type of tomorrow": jwksOf(t, key, func(k map[string]any) { k["kty"] = "AKP" }),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseAssertionKeys(bad); err == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// an RSA key is for PS256, also if it could do more.
func TestTheKeySaysTheAlgorithm(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.withApp(t, jwksOf(t, key.Public(), asIs))
	for algorithm, want := range map[jose.SignatureAlgorithm]string{jose.PS256: "", jose.RS256: "invalid_client", jose.PS384: "invalid_client"} {
		t.Run(string(algorithm), func(t *testing.T) {
			form := tokenForm(f.mint(t, func(r *Recovery) { r.ClientID, r.Txn = appID, "recovery-"+string(algorithm) }))
			f.assert(t, form, jose.SigningKey{Algorithm: algorithm, Key: key})
			_, err := f.Exchange(t.Context(), post(form.Encode()), held(proofKey))
			if want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, 401, want)
		})
	}
}

// an assertion is remembered until no node takes it any more.
func TestAnAssertionIsRememberedBeyondItsEnd(t *testing.T) {
	f := newFixture(t)
	key := newKey(t, "app").Private
	f.withApp(t, jwksOf(t, key.Public(), asIs))
	form := tokenForm(f.mint(t, func(r *Recovery) { r.ClientID = appID }))
	f.assert(t, form, jose.SigningKey{Algorithm: jose.ES256, Key: key})
	if _, err := f.Exchange(t.Context(), post(form.Encode()), held(proofKey)); err != nil {
		t.Fatal(err)
	}
	want := time.Unix(f.now.Unix()+60, 0).Add(30 * time.Second) // its exp, and the skew
	if len(f.store.used) != 1 {
		t.Fatalf("remembered %v", f.store.used)
	}
	for _, used := range f.store.used {
		if !used.Expires.Equal(want) || len(used.ID) != 43 {
			t.Errorf("remembered %+v, want until %s", used, want)
		}
	}
}

// F7: a jti is unique for its issuer only.
func TestTwoClientsMayUseOneJTI(t *testing.T) {
	of := func(client string) string {
		return clientAssertion{claims: assertionClaims{Issuer: client, JTI: "0123456789abcdef"}}.used().ID
	}
	if of("app") == of("other") {
		t.Error("an assertion is named by its jti alone")
	}
}

func (f *fixture) withApp(t testing.TB, jwks []byte) {
	t.Helper()
	keys, err := ParseAssertionKeys(jwks)
	if err != nil {
		t.Fatal(err)
	}
	f.config.Clients = []Client{{ID: appID, Credential: keys}}
	if f.Server, err = New(f.config); err != nil {
		t.Fatal(err)
	}
}

// assert adds a fresh client assertion to a form.
func (f *fixture) assert(t testing.TB, form url.Values, key jose.SigningKey) {
	t.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": appID, "sub": appID, "aud": issuer, "jti": rand.Text(), "iat": f.now.Unix(), "exp": f.now.Unix() + 60,
	})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithHeader("kid", "app-1"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	form.Set("client_id", appID)
	form.Set("client_assertion_type", clientAssertionType)
	form.Set("client_assertion", text)
}

// what a client must not be called, and keys that are somebody else's.
func TestClientsThatCouldBeTakenForAnotherAreRefused(t *testing.T) {
	f := newFixture(t)
	key := newKey(t, "key-1")
	keys := func(jwks []byte) Credential {
		c, err := ParseAssertionKeys(jwks)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	app := keys(jwksOf(t, key.Private.Public(), asIs))
	thumbprint := app.(*AssertionKeys).Thumbprints()[0]
	f.keys = []Key{{ID: thumbprint, Private: newKey(t, "own").Private}}
	for name, clients := range map[string][]Client{
		"like an account":      {{ID: "6f1c3c52-8d0e-4d3e-9f0a-4a1b1c2d3e4f", Public: true}},
		"like a recovery":      {{ID: "01J8ZC5V6Y0QK3M8T2R4W7XN9B", Public: true}},
		"like a subject":       {{ID: proofKey, Public: true}},
		"too long":             {{ID: strings.Repeat("a", 129), Public: true}},
		"the server's own key": {{ID: appID, Credential: app}},
	} {
		t.Run(name, func(t *testing.T) {
			f.config.Clients = clients
			if _, err := New(f.config); err == nil {
				t.Error("taken")
			}
		})
	}
	f.keys = []Key{newKey(t, "own")}
	f.config.Clients = []Client{{ID: appID, Credential: app}, {ID: "other", Credential: app}}
	if _, err := New(f.config); err == nil {
		t.Error("two clients share a key")
	}
	f.config.Clients = f.config.Clients[:1]
	if _, err := New(f.config); err != nil {
		t.Error(err)
	}
	f.config.OtherKeys = func() []string { return []string{thumbprint} }
	if _, err := New(f.config); err == nil {
		t.Error("the broker's key is a client's")
	}
}

// keys rotate while the server runs, so what was true at its start says nothing.
func TestNoHolderHasAKeyThatCameByRotation(t *testing.T) {
	f := newFixture(t)
	var later []string
	f.config.OtherKeys = func() []string { return later }
	var err error
	if f.Server, err = New(f.config); err != nil {
		t.Fatal(err)
	}
	own := f.keys
	for name, rotate := range map[string]func(){
		"own key":   func() { f.keys = append([]Key{{ID: proofKey, Private: newKey(t, "next").Private}}, own...) },
		"other key": func() { f.keys, later = own, []string{proofKey} },
	} {
		t.Run(name, func(t *testing.T) {
			rotate()
			_, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), held(proofKey))
			wantError(t, err, 400, "invalid_dpop_proof")
			f.keys, later = own, nil
		})
	}
	if _, err := f.Exchange(t.Context(), post(tokenForm(f.mint(t, good)).Encode()), held(proofKey)); err != nil {
		t.Errorf("without: %v", err)
	}
}

func TestSecretsMustBeHardToGuess(t *testing.T) {
	if _, err := NewSecret(strings.Repeat("s", 31)); err == nil || strings.Contains(err.Error(), "sss") {
		t.Errorf("got %v", err)
	}
	if err := (Secret{}).accepts(nil, "", presented{}); err == nil {
		t.Error("the zero secret is taken")
	}
}

func FuzzParseAssertionKeys(f *testing.F) {
	f.Add(jwksOf(f, newKey(f, "app").Private.Public(), asIs))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"1"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AQAB"}]}`))
	f.Fuzz(func(t *testing.T, jwks []byte) {
		keys, err := ParseAssertionKeys(jwks)
		if err != nil {
			return
		}
		for _, key := range keys.keys {
			if key.algorithm != jose.ES256 && key.algorithm != jose.PS256 || len(key.thumbprint) != 43 {
				t.Errorf("took %+v", key)
			}
		}
	})
}

func FuzzClientAssertion(f *testing.F) {
	x := newFixture(f)
	key := newKey(f, "app").Private
	x.withApp(f, jwksOf(f, key.Public(), asIs))
	form := url.Values{}
	x.assert(f, form, jose.SigningKey{Algorithm: jose.ES256, Key: key})
	good := form.Get("client_assertion")
	for _, seed := range []string{good, good + ".", "a.b.c", "e30.e30.AA", strings.Replace(good, ".", "..", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := post(url.Values{"token": {"x"}, "client_assertion_type": {clientAssertionType}, "client_assertion": {text}}.Encode())
		if _, err := x.Introspect(t.Context(), r); err != nil {
			return
		}
		// What was accepted is what the client's key signed.
		a, err := parseClientAssertion(text)
		if err != nil || a.claims.Subject != appID || a.jws.Verify(jose.ES256, key.Public()) != nil {
			t.Errorf("accepted %q: %+v, %v", text, a.claims, err)
		}
	})
}
