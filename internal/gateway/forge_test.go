package gateway

// Where the rules for the authorization server are tested. R is a rule of the standards, F a gap of fosite's assertion
// grant that is closed here: F1 iat in the future, F2 further audiences, F3 scopes of the client, F4 alg and typ, F5 a jti
// that is checked and marked in two steps, F6 replay, F7 a jti of the issuer alone, F8 what a failing store burns, F9 client
// and holder, F10 size and clock, F11 which recovery, F12 errors that tell too much.
//
//	R-110… … … …, F1…F4, F9…F11   mistakes_test.go
//	of clients                 clients_test.go
//	…, F5, F6, F8, F12     mistakes_test.go, at its end
//	R-118 (kept to exp and skew), R-147, R-151, R-156, F7                       fosite/grant/client_test.go
//	R-135                                                                      crossfeed_test.go, fosite/crossfeed_test.go
//	R-142… …R-155                                                   nonce_test.go, internal/wire
//	R-147                                                                      also caddymodule, error_client_like_a_user
//	R-148                                                                      browser_test.go: location demands a 303
//	R-149…R-152                                                                certificate_test.go, tokens_test.go
//	tokens_test.go
//	R-165                                                                      fosite/internal/oauth/keyset_test.go
//
// do not apply: no assertion of ours goes to another authorization server. Of R-152 the endpoint aliases
// do not: there is no second site for certificates. R-122 ends in a refusal and not in a revocation; docs/architecture.md
// says why.

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/wire"
)

// forgery is a good request to the token endpoint of which a test changes one thing. Its recovery token is real; changed,
// it is signed again with the gateway's own key, so that the signature is not what it fails for.
type forgery struct {
	t       testing.TB
	p       *program
	good    string // as it was granted
	header  map[string]any
	claims  map[string]any
	key     *ecdsa.PrivateKey
	literal func(header, claims string) (string, string) // last change to the texts before signing
	mangle  func(token string) string                    // last change to the token
	form    url.Values
	headers []string
	proof   func() string // DPoP header; "" for none
	request func(*http.Request)
}

func (p *program) forgery() *forgery {
	p.h.t.Helper()
	f := &forgery{t: p.h.t, p: p, good: p.granted("revoke-sessions"), key: grantKey(p.h)}
	parts := strings.Split(f.good, ".")
	for i, into := range []*map[string]any{&f.header, &f.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		must(f.t, err)
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		must(f.t, d.Decode(into))
	}
	f.form = url.Values{"grant_type": {grant.GrantType}, "client_id": {grant.ClientDevice}}
	f.proof = func() string { return p.proof("/recovery/token", "") }
	return f
}

// grantKey is the key with which the gateway signs recovery tokens.
func grantKey(h *house) *ecdsa.PrivateKey { return h.Ring.Signing(keys.Grant)[0].Private }

func (f *forgery) token() string {
	f.t.Helper()
	token := signJWT(f.t, f.key, f.header, f.claims, f.literal)
	if f.mangle != nil {
		token = f.mangle(token)
	}
	return token
}

// send posts the forgery as it now is.
func (f *forgery) send() *httptest.ResponseRecorder {
	f.t.Helper()
	form := maps.Clone(f.form)
	if !form.Has("assertion") {
		form.Set("assertion", f.token())
	}
	headers := append([]string{"Content-Type", formType}, f.headers...)
	if proof := f.proof(); proof != "" {
		headers = append(headers, "DPoP", proof)
	}
	r := request(f.t, http.MethodPost, "/recovery/token", strings.NewReader(form.Encode()), headers...)
	if f.request != nil {
		f.request(r)
	}
	return f.p.h.serve(r)
}

func signJWT(t testing.TB, key *ecdsa.PrivateKey, header, claims map[string]any, change func(h, c string) (string, string)) string {
	t.Helper()
	h, err := json.Marshal(header)
	must(t, err)
	c, err := json.Marshal(claims)
	must(t, err)
	first, second := string(h), string(c)
	if change != nil {
		first, second = change(first, second)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(first)) + "." + base64.RawURLEncoding.EncodeToString([]byte(second))
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	must(t, err)
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// application is a confidential client with a key of its own.
type application struct {
	id  string
	key *ecdsa.PrivateKey
}

func (a application) jwks(t testing.TB) []byte {
	t.Helper()
	point, err := a.key.PublicKey.Bytes()
	must(t, err)
	b64 := base64.RawURLEncoding.EncodeToString
	text, err := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]), "kid": "app-1", "use": "sig", "alg": "ES256",
	}}})
	must(t, err)
	return text
}

func (a application) client(t testing.TB) grant.Client {
	t.Helper()
	keys, err := grant.ParseAssertionKeys(a.jwks(t))
	must(t, err)
	return grant.Client{ID: a.id, Credential: keys}
}

// assertionOf is what an application signs to authenticate.
func (a application) claims() map[string]any {
	now := time.Now().Unix()
	return map[string]any{"iss": a.id, "sub": a.id, "aud": issuer, "iat": now, "exp": now + 60, "jti": rand.Text()}
}

func (a application) assertion(t testing.TB, change ...func(header, claims map[string]any)) string {
	t.Helper()
	header, claims := map[string]any{"alg": "ES256", "kid": "app-1", "typ": "client-authentication+jwt"}, a.claims()
	for _, c := range change {
		c(header, claims)
	}
	return signJWT(t, a.key, header, claims, nil)
}

// as makes the forgery come from an application that authenticates with a client assertion.
func (f *forgery) as(a application, assertion string) {
	f.form.Set("client_id", a.id)
	f.form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	f.form.Set("client_assertion", assertion)
}

// grantedTo is granted for a configured client.
func (p *program) grantedTo(client string, actions ...string) string {
	p.h.t.Helper()
	begun := answer[wire.InitiateResponse](p.h.t, p.post("/recovery/initiate",
		wire.InitiateRequest{AccountIdentifier: alice, Actions: actions, ClientID: client}))
	return answer[wire.AttestResponse](p.h.t, p.post("/recovery/attest", p.evidence(begun))).RecoveryToken
}
