package gateway

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/wire"
)

const (
	batchSecret = "a-secret-of-the-batch-client-made-at-random"
	basic       = "Basic "
)

// staffed is a house with a client of every kind, and a device.
func staffed(t *testing.T) (*program, application, application) {
	t.Helper()
	app, other := application{"app", attesttest.NewKey(t)}, application{"other-app", attesttest.NewKey(t)}
	secret, err := grant.NewSecret(batchSecret)
	must(t, err)
	h := open(t, func(h *house) {
		h.clients = []grant.Client{
			app.client(t), other.client(t),
			{ID: "batch", Credential: secret},
			{ID: "kiosk", Public: true},
			{ID: "payroll", Credential: grant.CertificateField{DNS: "payroll.example.com"}},
		}
	})
	return h.enrolled(), app, other
}

// forgeryFor is a good request of a client that does not authenticate yet.
func (p *program) forgeryFor(client string) *forgery {
	f := p.forgeryOf(p.grantedTo(client, "revoke-sessions"))
	f.form.Set("client_id", client)
	return f
}

func (p *program) forgeryOf(token string) *forgery {
	return &forgery{
		t: p.h.t, p: p, good: token, proof: p.tokenProof,
		form: url.Values{"grant_type": {grant.GrantType}, "assertion": {token}},
	}
}

func basicOf(id, secret string) []string {
	return []string{"Authorization", basic + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))}
}

// each client redeems in its own way.
func TestEveryKindOfClientRedeems(t *testing.T) {
	p, app, _ := staffed(t)
	for name, prepare := range map[string]func() *forgery{
		"private_key_jwt": func() *forgery {
			f := p.forgeryFor(app.id)
			f.as(app, app.assertion(t))
			return f
		},
		"private_key_jwt without client_id, type and kid": func() *forgery {
			f := p.forgeryFor(app.id)
			f.as(app, app.assertion(t, func(h, _ map[string]any) { delete(h, "typ"); delete(h, "kid") }))
			f.form.Del("client_id")
			return f
		},
		"client_secret_basic": func() *forgery {
			f := p.forgeryFor("batch")
			f.headers = basicOf("batch", batchSecret)
			return f
		},
		"tls_client_auth": func() *forgery {
			f := p.forgeryFor("payroll")
			f.request = over(certificate(t, asIs))
			return f
		},
		"none": func() *forgery { return p.forgeryFor("kiosk") },
	} {
		t.Run(name, func(t *testing.T) { answer[wire.TokenResponse](t, prepare().send()) })
	}
}

// mistakes of a client assertion (RFC 7523 §3, its successor's rules for client authentication, RFC 8725).
func TestEveryMistakeInAClientAssertionIsRefused(t *testing.T) {
	p, app, other := staffed(t)
	token := p.grantedTo(app.id, "revoke-sessions")
	for _, m := range []struct {
		rule, name string
		change     func(header, claims map[string]any)
	}{
		{"R-114", "aud is the token endpoint", func(_, c map[string]any) { c["aud"] = issuer + "/token" }},
		{"R-114", "aud is a list", func(_, c map[string]any) { c["aud"] = []string{issuer} }},
		{"R-114", "aud has one more", func(_, c map[string]any) { c["aud"] = []string{issuer, "https://api.example.com"} }},
		{"R-114", "aud with a slash", func(_, c map[string]any) { c["aud"] = issuer + "/" }},
		{"R-114", "no aud", func(_, c map[string]any) { delete(c, "aud") }},
		{"R-134", "typ JWT", func(h, _ map[string]any) { h["typ"] = "JWT" }},
		{"R-134", "typ of a recovery token", func(h, _ map[string]any) { h["typ"] = "recovery+jwt" }},
		{"R-134", "typ of a DPoP proof", func(h, _ map[string]any) { h["typ"] = "dpop+jwt" }},
		{"R-111", "another iss", func(_, c map[string]any) { c["iss"] = other.id }},
		{"R-111", "no iss", func(_, c map[string]any) { delete(c, "iss") }},
		{"R-112", "another client's sub", func(_, c map[string]any) { c["sub"] = other.id }},
		{"R-112", "no sub", func(_, c map[string]any) { delete(c, "sub") }},
		{"R-116", "no exp", func(_, c map[string]any) { delete(c, "exp") }},
		{"R-116", "exp now", func(_, c map[string]any) { c["exp"] = after(0) }},
		{"R-116", "exp over 300 s after iat", func(_, c map[string]any) { c["exp"] = after(302 * time.Second) }},
		{"R-117", "no iat", func(_, c map[string]any) { delete(c, "iat") }},
		{"R-117", "iat in the future", func(_, c map[string]any) { c["iat"] = after(40 * time.Second) }},
		{"R-117", "iat too old", func(_, c map[string]any) { c["iat"] = after(-340 * time.Second) }},
		{"R-117", "nbf in the future", func(_, c map[string]any) { c["nbf"] = after(40 * time.Second) }},
		{"R-118", "no jti", func(_, c map[string]any) { delete(c, "jti") }},
		{"R-118", "short jti", func(_, c map[string]any) { c["jti"] = "1" }},
		{"R-128", "alg none", func(h, _ map[string]any) { h["alg"] = "none" }},
		{"R-128", "alg HS256", func(h, _ map[string]any) { h["alg"] = "HS256" }},
		{"R-128", "alg of another kind of key", func(h, _ map[string]any) { h["alg"] = "PS256" }},
		{"R-133", "unknown kid", func(h, _ map[string]any) { h["kid"] = "app-2" }},
		{"R-133", "jku", func(h, _ map[string]any) { h["jku"] = "https://evil.example" }},
		{"R-138", "crit", func(h, _ map[string]any) { h["crit"] = []string{"exp"} }},
		{"R-139", "a claim that is not known", func(_, c map[string]any) { c["admin"] = true }},
	} {
		t.Run(m.rule+" "+m.name, func(t *testing.T) {
			f := p.forgeryOf(token)
			f.as(app, app.assertion(t, m.change))
			w := f.send()
			wantOAuth(t, w, http.StatusUnauthorized, "invalid_client")
			if w.Header().Get("WWW-Authenticate") == "" {
				t.Error("no challenge")
			}
		})
	}
	for name, change := range map[string]func(*forgery){
		"R-131 another client's key": func(f *forgery) { f.as(app, application{app.id, other.key}.assertion(t)) },
		"R-119 flipped": func(f *forgery) {
			a := app.assertion(t)
			f.as(app, flip(a, len(a)-20))
		},
		"R-120 another client":        func(f *forgery) { f.as(app, app.assertion(t)); f.form.Set("client_id", other.id) },
		"another type of assertion":   func(f *forgery) { f.as(app, app.assertion(t)); f.form.Set("client_assertion_type", "x") },
		"no type of assertion":        func(f *forgery) { f.as(app, app.assertion(t)); f.form.Del("client_assertion_type") },
		"a type and no assertion":     func(f *forgery) { f.as(app, app.assertion(t)); f.form.Del("client_assertion") },
		"no assertion at all":         func(f *forgery) { f.form.Set("client_id", app.id) },
		"a secret instead":            func(f *forgery) { f.headers = basicOf(app.id, batchSecret) },
		"a public client's name":      func(f *forgery) { f.as(application{"kiosk", app.key}, application{"kiosk", app.key}.assertion(t)) },
		"R-137 an assertion too long": func(f *forgery) { f.as(app, app.assertion(t)+strings.Repeat("A", 9<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := p.forgeryOf(token)
			change(f)
			wantOAuth(t, f.send(), http.StatusUnauthorized, "invalid_client")
		})
	}
	t.Run("two ways at once", func(t *testing.T) {
		f := p.forgeryOf(token)
		f.as(app, app.assertion(t))
		f.headers = basicOf("batch", batchSecret)
		wantOAuth(t, f.send(), http.StatusBadRequest, "invalid_request")
	})
	f := p.forgeryOf(token)
	f.as(app, app.assertion(t))
	answer[wire.TokenResponse](t, f.send()) // the token was good all along
}

// an assertion is good once, also where the request that it came with was refused, and at any endpoint.
func TestAClientAssertionIsGoodOnce(t *testing.T) {
	p, app, _ := staffed(t)
	token, another := p.grantedTo(app.id, "revoke-sessions"), p.grantedTo(app.id, "revoke-sessions")
	used := app.assertion(t)
	f := p.forgeryOf(token + "x")
	f.as(app, used)
	wantOAuth(t, f.send(), http.StatusBadRequest, "invalid_grant")
	f = p.forgeryOf(token)
	f.as(app, used)
	wantOAuth(t, f.send(), http.StatusUnauthorized, "invalid_client")

	fresh := app.assertion(t)
	f.as(app, fresh)
	answer[wire.TokenResponse](t, f.send())
	f = p.forgeryOf(another)
	f.as(app, fresh)
	wantOAuth(t, f.send(), http.StatusUnauthorized, "invalid_client")
	wantOAuth(t, p.about("introspect", app, fresh, token), http.StatusUnauthorized, "invalid_client")
	wantOAuth(t, p.about("revoke", app, fresh, another), http.StatusUnauthorized, "invalid_client")
}

// another client's token, and wrong secrets.
func TestAClientRedeemsItsOwnTokensOnly(t *testing.T) {
	p, _, other := staffed(t)
	token := p.grantedTo("batch", "revoke-sessions")
	f := p.forgeryOf(token)
	f.as(other, other.assertion(t))
	wantOAuth(t, f.send(), http.StatusBadRequest, "invalid_grant")
	for name, headers := range map[string][]string{
		"wrong secret":       basicOf("batch", batchSecret+"x"),
		"empty secret":       basicOf("batch", ""),
		"another client":     basicOf("payroll", batchSecret),
		"unknown client":     basicOf("nobody", batchSecret),
		"not base64":         {"Authorization", basic + "!"},
		"another scheme":     {"Authorization", "Digest x"},
		"two headers":        append(basicOf("batch", batchSecret), basicOf("batch", batchSecret)...),
		"bad escape":         {"Authorization", basic + base64.StdEncoding.EncodeToString([]byte("batch:%zz"))},
		"nothing but a name": {},
	} {
		t.Run(name, func(t *testing.T) {
			f := p.forgeryOf(token)
			f.headers = headers
			if len(headers) == 0 {
				f.form.Set("client_id", "batch")
			}
			w := f.send()
			wantOAuth(t, w, http.StatusUnauthorized, "invalid_client")
			if !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), basic) {
				t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
	f = p.forgeryOf(token)
	f.headers = basicOf("batch", batchSecret)
	f.form.Set("client_id", "kiosk")
	wantOAuth(t, f.send(), http.StatusUnauthorized, "invalid_client")
	f.form.Set("client_secret", batchSecret)
	wantOAuth(t, f.send(), http.StatusUnauthorized, "invalid_client")
}

// a key that signs client assertions holds no recovery.
func TestTheClientsKeyIsNobodysDPoPKey(t *testing.T) {
	p, app, _ := staffed(t)
	p = p.h.enrolledWith(app.key)
	f := p.forgeryFor(app.id)
	f.as(app, app.assertion(t))
	wantOAuth(t, f.send(), http.StatusBadRequest, "invalid_dpop_proof")
}

func TestARecoveryIsStartedForAKnownClientOnly(t *testing.T) {
	p, _, _ := staffed(t)
	for _, client := range []string{"nobody", grant.ClientBrowser} {
		w := p.post("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"sign-in"}, ClientID: client})
		wantProblem(t, w, http.StatusBadRequest, wire.ProblemMalformed, "/client_id")
	}
	b := p.h.browser()
	w := b.send(jsonRequest(t, "/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"sign-in"}, ClientID: "kiosk"}), "same-origin")
	wantProblem(t, w, http.StatusBadRequest, wire.ProblemMalformed, "/client_id")
}
