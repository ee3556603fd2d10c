package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
)

const issuer = "https://idp.example.com/tenant"

// provider is an OpenID provider, called at another address than its name. A
// test changes one thing of its answers.
type provider struct {
	*httptest.Server
	key       *ecdsa.PrivateKey
	metadata  map[string]any
	claims    map[string]any
	token     func(w http.ResponseWriter, idToken string)
	discovery atomic.Int64
	hangs     chan struct{} // if not nil, the metadata wait until it is closed
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p := &provider{key: key}
	mux := http.NewServeMux()
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	p.metadata = map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/auth",
		"token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"id_token_signing_alg_values_supported": []string{"ES256"},
	}
	now := time.Now()
	p.claims = map[string]any{
		"iss": issuer, "sub": "account-1", "aud": "gateway", "nonce": "nonce",
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "auth_time": now.Unix(),
	}
	p.token = func(w http.ResponseWriter, idToken string) {
		reply(w, map[string]any{"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": idToken})
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.discovery.Add(1)
		if p.hangs != nil {
			<-p.hangs
		}
		reply(w, p.metadata)
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if id != "gateway" || secret != "secret" || r.PostFormValue("code") != "code" || r.PostFormValue("code_verifier") != login.Verifier {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		p.token(w, p.sign(t))
	})
	return p
}

func (p *provider) sign(t *testing.T) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	must(t, err)
	token, err := jwt.Signed(signer).Claims(p.claims).Serialize()
	must(t, err)
	return token
}

func (p *provider) adapter(t *testing.T) *oidc.Adapter {
	t.Helper()
	a, err := oidc.New(oidc.Config{URL: p.URL, PublicURL: issuer, ClientID: "gateway", ClientSecret: "secret"})
	must(t, err)
	return a
}

// login began a minute ago.
var login = upstream.Login{
	Started: time.Now().Add(-time.Minute), RedirectURI: "https://id.example.com/recovery/login/callback", State: "state", Nonce: "nonce",
	Verifier: "verifier-verifier-verifier-verifier-verifier",
}

// back is what the provider sends through the browser.
var back = upstream.Answer{Code: "code"}

func TestALoginNamesWhoSignedIn(t *testing.T) {
	p := newProvider(t)
	a := p.adapter(t)
	who, err := a.LoginResult(t.Context(), back, login)
	must(t, err)
	if who.AccountID != "account-1" {
		t.Errorf("principal %+v", who)
	}
}

func TestALoginAsksForAFreshOneWithNonceAndPKCE(t *testing.T) {
	address, err := newProvider(t).adapter(t).LoginURL(t.Context(), login)
	must(t, err)
	u, err := url.Parse(address)
	must(t, err)
	q := u.Query()
	if u.Scheme+"://"+u.Host+u.Path != issuer+"/auth" {
		t.Errorf("login starts at %s", u)
	}
	for name, want := range map[string]string{
		"client_id": "gateway", "redirect_uri": login.RedirectURI, "response_type": "code", "scope": "openid profile email",
		"state": "state", "nonce": "nonce", "prompt": "login", "max_age": "300", "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if q.Has("code_verifier") || q.Get("code_challenge") == "" || q.Get("code_challenge") == login.Verifier {
		t.Error("the verifier is not hidden")
	}
}

func TestAnIDTokenThatAnswersSomethingElseIsRefused(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		claims map[string]any
		want   error
	}{
		"nonce of another login": {map[string]any{"nonce": "other"}, upstream.ErrRefused},
		"no nonce":               {map[string]any{"nonce": ""}, upstream.ErrRefused},
		"another client's":       {map[string]any{"azp": "other"}, upstream.ErrRefused},
		"old":                    {map[string]any{"iat": now.Add(-2 * time.Minute).Unix()}, upstream.ErrRefused},
		"of the future":          {map[string]any{"iat": now.Add(2 * time.Minute).Unix()}, upstream.ErrRefused},
		"without a time":         {map[string]any{"iat": 0}, upstream.ErrRefused},
		"for us and others":      {map[string]any{"aud": []string{"gateway", "other"}}, upstream.ErrRefused},
		"of an older session":    {map[string]any{"auth_time": login.Started.Add(-10 * time.Second).Unix()}, upstream.ErrRefused},
		"made before the login":  {map[string]any{"auth_time": now.Add(time.Minute).Unix()}, upstream.ErrRefused},
		"of an unknown time":     {map[string]any{"auth_time": nil}, upstream.ErrRefused},
		"about nobody":           {map[string]any{"sub": ""}, upstream.ErrRefused},
		"of another issuer":      {map[string]any{"iss": "https://elsewhere.example"}, upstream.ErrUnavailable},
		"for another audience":   {map[string]any{"aud": "other"}, upstream.ErrUnavailable},
		"expired":                {map[string]any{"exp": now.Add(-time.Second).Unix()}, upstream.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			maps.Copy(p.claims, c.claims)
			if who, err := p.adapter(t).LoginResult(t.Context(), back, login); !errors.Is(err, c.want) || who.AccountID != "" {
				t.Errorf("%+v, %v, want %v", who, err, c.want)
			}
		})
	}
}

func TestACodeThatIsNotTakenIsRefused(t *testing.T) {
	a := newProvider(t).adapter(t)
	other := login
	other.Verifier = "another"
	for name, try := range map[string]func() error{
		"code":     func() error { _, err := a.LoginResult(t.Context(), upstream.Answer{Code: "other"}, login); return err },
		"verifier": func() error { _, err := a.LoginResult(t.Context(), back, other); return err },
	} {
		if err := try(); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("another %s: %v, want refused", name, err)
		}
	}
}

func TestABrokenProviderCanNotTell(t *testing.T) {
	forged, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for name, sabotage := range map[string]func(*provider){
		"another issuer answers": func(p *provider) { p.metadata["issuer"] = "https://elsewhere.example" },
		"no key set":             func(p *provider) { p.metadata["jwks_uri"] = p.URL + "/nothing" },
		"another key signs":      func(p *provider) { p.key = forged },
		"no ID token": func(p *provider) {
			p.token = func(w http.ResponseWriter, _ string) {
				reply(w, map[string]any{"access_token": "x", "token_type": "Bearer"})
			}
		},
		"a page": func(p *provider) {
			p.token = func(w http.ResponseWriter, _ string) { _, _ = w.Write([]byte("<h1>Sign in</h1>")) }
		},
		"an error": func(p *provider) {
			p.token = func(w http.ResponseWriter, _ string) { http.Error(w, "down", http.StatusInternalServerError) }
		},
		"a redirect": func(p *provider) {
			p.token = func(w http.ResponseWriter, _ string) {
				w.Header().Set("Location", p.URL+"/elsewhere")
				w.WriteHeader(http.StatusTemporaryRedirect)
			}
		},
		"an endless answer": func(p *provider) {
			p.token = func(w http.ResponseWriter, _ string) { _, _ = w.Write(make([]byte, 2*upstream.MaxAnswer)) }
		},
		"nobody": func(p *provider) { p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			sabotage(p)
			if _, err := p.adapter(t).LoginResult(t.Context(), back, login); !errors.Is(err, upstream.ErrUnavailable) {
				t.Errorf("%v, want unavailable", err)
			}
		})
	}
}

// A recovery may have begun a while ago, and was the authentication.
func TestTheLoginOfARecoveryMayBeOfAnEarlierTime(t *testing.T) {
	p := newProvider(t)
	p.claims["auth_time"] = time.Now().Add(-time.Hour).Unix()
	recovery := login
	recovery.Recovery = true
	a := p.adapter(t)
	if address, err := a.LoginURL(t.Context(), recovery); err != nil || strings.Contains(address, "max_age") {
		t.Errorf("starts at %s, %v", address, err)
	}
	if _, err := a.LoginResult(t.Context(), back, recovery); err != nil {
		t.Error(err)
	}
}

func TestWithoutAnAdminInterfaceOnlySignInIsDone(t *testing.T) {
	a, ctx := newProvider(t).adapter(t), t.Context()
	if _, err := a.Resolve(ctx, "alice"); !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("resolve: %v", err)
	}
	if err := a.Revoke(ctx, "account-1"); !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("revoke: %v", err)
	}
	if err := a.Prepare(ctx, "account-1", []attest.Action{attest.ActionSignIn}); err != nil {
		t.Errorf("preparing to sign in: %v", err)
	}
	if err := a.Prepare(ctx, "account-1", []attest.Action{attest.ActionResetPassword}); !errors.Is(err, upstream.ErrUnsupported) {
		t.Errorf("preparing a new password: %v", err)
	}
	if state, err := a.State(ctx, "account-1"); err != nil || state.Privilege != upstream.PrivilegeUnknown {
		t.Errorf("state %+v, %v: nobody said that nobody is privileged", state, err)
	}
	s := upstream.Session{AccountID: "account-1", Subject: "random"}
	if outcome, err := a.Session(ctx, s); err != nil || outcome.BrokerSubject != "account-1" {
		t.Errorf("session %+v, %v", outcome, err)
	}
	if done, err := a.Finish(ctx, s); done || err != nil {
		t.Errorf("finished before the code was redeemed: %v, %v", done, err)
	}
	s.RedeemedAt = time.Now()
	if done, err := a.Finish(ctx, s); !done || err != nil {
		t.Errorf("not finished after the code was redeemed: %v, %v", done, err)
	}
}

func TestABadConfigurationIsRefused(t *testing.T) {
	good := oidc.Config{URL: "https://idp.example.com", ClientID: "gateway", ClientSecret: "secret"}
	if _, err := oidc.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*oidc.Config){
		"no URL":      func(c *oidc.Config) { c.URL = "" },
		"no scheme":   func(c *oidc.Config) { c.URL = "idp.example.com" },
		"a query":     func(c *oidc.Config) { c.PublicURL = "https://idp.example.com?x" },
		"credentials": func(c *oidc.Config) { c.URL = "https://user@idp.example.com" },
		"no client":   func(c *oidc.Config) { c.ClientID = "" },
		"no secret":   func(c *oidc.Config) { c.ClientSecret = "" },
	} {
		cfg := good
		change(&cfg)
		if _, err := oidc.New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
