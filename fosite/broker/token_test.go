package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
)

func TestTokenRedeemsCode(t *testing.T) {
	for name, request := range map[string]func(url.Values) *http.Request{
		"client_secret_basic": basic,
		"client_secret_post": func(form url.Values) *http.Request {
			form.Set("client_id", clientID)
			form.Set("client_secret", secret)
			return post(form)
		},
		"client_secret_basic and client_id": func(form url.Values) *http.Request {
			form.Set("client_id", clientID)
			return basic(form)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			got, err := f.Token(t.Context(), request(tokenForm(f.code(t, query()))))
			if err != nil {
				t.Fatal(err)
			}
			if got.TokenType != "Bearer" || got.ExpiresIn != 60 || got.Scope != "openid" || got.AccessToken == "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestIDTokenSaysWhatKeycloakChecksAndNoMore(t *testing.T) {
	f := newFixture(t)
	q := query()
	q.Set("prompt", "login")
	q.Set("max_age", "3600")
	response, err := f.Token(t.Context(), basic(tokenForm(f.code(t, q))))
	if err != nil {
		t.Fatal(err)
	}
	got := claims(t, f, response.IDToken)
	want := map[string]any{
		"iss": issuer, "sub": f.login().Subject, "aud": clientID, "azp": clientID, "nonce": nonce,
		"iat": float64(f.now.Unix()), "exp": float64(f.now.Unix() + 60), "auth_time": float64(f.login().AuthTime.Unix()),
		"acr": "urn:regrant:device", "amr": []any{"hwk", "pop"},
		"recovery_id": f.login().Txn, "preferred_username": "account-recovery",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// claims verifies a token with the published keys and returns what it says.
func claims(t *testing.T, f *fixture, token string) map[string]any {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(f.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSigned(token)
	if err != nil {
		t.Fatal(err)
	}
	header := signed.Signatures[0].Header
	if header.Algorithm != "ES256" || header.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("header %+v", header)
	}
	payload, err := signed.Verify(set.Key(header.KeyID)[0])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTokenRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(url.Values)
		status int
		code   string
	}{
		{"no grant type", func(v url.Values) { v.Del("grant_type") }, 400, "invalid_request"},
		{"another grant type", func(v url.Values) { v.Set("grant_type", "refresh_token") }, 400, "unsupported_grant_type"},
		{"the other server's grant type", func(v url.Values) { v.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer") }, 400, "unsupported_grant_type"},
		{"no code", func(v url.Values) { v.Del("code") }, 400, "invalid_request"},
		{"code twice", func(v url.Values) { v.Add("code", "x") }, 400, "invalid_request"},
		{"another code", func(v url.Values) { v.Set("code", "abc.def") }, 400, "invalid_grant"},
		{"code with line break", func(v url.Values) { v.Set("code", v.Get("code")+"\n") }, 400, "invalid_grant"},
		{"no redirect URI", func(v url.Values) { v.Del("redirect_uri") }, 400, "invalid_request"},
		{"another redirect URI", func(v url.Values) { v.Set("redirect_uri", redirectURI+"?of=two") }, 400, "invalid_grant"},
		{"no verifier", func(v url.Values) { v.Del("code_verifier") }, 400, "invalid_request"},
		{"another verifier", func(v url.Values) { v.Set("code_verifier", strings.Repeat("a", 43)) }, 400, "invalid_grant"},
		{"short verifier", func(v url.Values) { v.Set("code_verifier", "short") }, 400, "invalid_grant"},
		{"another client", func(v url.Values) { v.Set("client_id", "evil") }, 401, "invalid_client"},
		{"two ways to authenticate", func(v url.Values) { v.Set("client_secret", secret) }, 400, "invalid_request"},
		{"client assertion", func(v url.Values) { v.Set("client_assertion", "a.b.c") }, 401, "invalid_client"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			good := tokenForm(f.code(t, query()))
			bad := url.Values{}
			for name, values := range good {
				bad[name] = append([]string(nil), values...)
			}
			c.change(bad)
			got, err := f.Token(t.Context(), basic(bad))
			wantError(t, err, c.status, c.code)
			if got != (Response{}) {
				t.Errorf("a refusal answered %+v", got)
			}
			if _, err := f.Token(t.Context(), basic(good)); err != nil {
				t.Errorf("a wrong request consumed the code: %v", err)
			}
		})
	}
}

func TestTokenRefusesOtherClients(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.code(t, query()))
	before := f.store.calls
	for name, change := range map[string]func(*http.Request){
		"no credentials":    func(r *http.Request) { r.Header.Del("Authorization") },
		"wrong secret":      func(r *http.Request) { r.SetBasicAuth(clientID, secret[:42]+"x") },
		"shortened secret":  func(r *http.Request) { r.SetBasicAuth(clientID, secret[:42]) },
		"empty secret":      func(r *http.Request) { r.SetBasicAuth(clientID, "") },
		"wrong client":      func(r *http.Request) { r.SetBasicAuth("evil", secret) },
		"bad escape":        func(r *http.Request) { r.SetBasicAuth(clientID, secret+"%zz") },
		"bearer":            func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) },
		"two Authorization": func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") },
	} {
		t.Run(name, func(t *testing.T) {
			r := basic(form)
			change(r)
			_, err := f.Token(t.Context(), r)
			wantError(t, err, 401, "invalid_client")
		})
	}
	if f.store.calls != before {
		t.Error("the store was asked for a client that did not authenticate")
	}
}

func TestTokenRefusesMultipart(t *testing.T) { // fosite would take it, with files
	f := newFixture(t)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range tokenForm(f.code(t, query())) {
		if err := w.WriteField(name, values[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.SetBasicAuth(clientID, secret)
	_, err := f.Token(t.Context(), r)
	wantError(t, err, 400, "invalid_request")
}

func TestTokenRefusesReusedCode(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.code(t, query()))
	if _, err := f.Token(t.Context(), basic(form)); err != nil {
		t.Fatal(err)
	}
	_, err := f.Token(t.Context(), basic(form))
	wantError(t, err, 400, "invalid_grant")
}

func TestTokenJudgesExpiryByInjectedClock(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.code(t, query()))
	start := f.now
	f.now = start.Add(CodeLifetime)
	_, err := f.Token(t.Context(), basic(form))
	wantError(t, err, 400, "invalid_grant")
	f.now = start.Add(CodeLifetime - time.Second)
	if _, err := f.Token(t.Context(), basic(form)); err != nil {
		t.Errorf("one second before: %v", err)
	}
}

func TestTokenRefusesCodeOfAnotherSecret(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.code(t, query()))
	f.config.Secret = []byte(strings.Repeat("c", 32))
	other, err := New(f.config) // the same store
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Token(t.Context(), basic(form))
	wantError(t, err, 400, "invalid_grant")
}

func TestTokenTellsFailureFromRefusal(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.code(t, query()))
	f.store.failure = errors.New("disk gone")
	_, err := f.Token(t.Context(), basic(form))
	var refusal *Error
	if !errors.Is(err, ErrUnavailable) || errors.As(err, &refusal) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	f.store.failure = nil
	if _, err := f.Token(t.Context(), basic(form)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTokenRefusesDamagedRecord(t *testing.T) {
	f := newFixture(t)
	code := f.code(t, query())
	signature := strings.Split(code, ".")[1]
	for name, change := range map[string]func(*Code){
		"no JSON": func(c *Code) { c.Session = []byte("{") },
		"empty":   func(c *Code) { c.Session = []byte("{}") },
		"without challenge": func(c *Code) {
			c.Session = bytes.Replace(c.Session, []byte("code_challenge"), []byte("xxxx_challenge"), 2)
		},
		"of another code": func(c *Code) { c.Signature = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			stored := f.store.codes[signature]
			defer func() { f.store.codes[signature] = stored }()
			damaged := stored
			change(&damaged)
			f.store.codes[signature] = damaged
			if got, err := f.Token(t.Context(), basic(tokenForm(code))); err == nil || got != (Response{}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestTokenRaceHasOneWinner(t *testing.T) {
	f := newFixture(t)
	form := tokenForm(f.code(t, query()))
	const calls = 100
	results := make([]error, calls)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { _, results[i] = f.Token(t.Context(), basic(form)) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		wantError(t, err, 400, "invalid_grant")
	}
	if won != 1 {
		t.Errorf("%d calls won, want one", won)
	}
}

func FuzzToken(f *testing.F) {
	x := newFixture(f)
	f.Add(tokenForm(x.code(f, query())).Encode())
	f.Add("grant_type=authorization_code&code=a.b&redirect_uri=x&code_verifier=y")
	f.Add("grant_type=password")
	f.Add("%")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(clientID, secret)
		_, err := x.Token(t.Context(), r)
		var refusal *Error
		if err != nil && (!errors.As(err, &refusal) || refusal.Status >= 500) {
			t.Errorf("got %v", err)
		}
	})
}
