package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// world is a provider and the provider that it brokers to, which is another one of the same kind under another host.
type world struct {
	t       *testing.T
	idp, op *server
	origin  string
	http    *http.Client // reaches both, keeps no cookies
	ahead   atomic.Int64 // by how much the clock is ahead
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	idp, op := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	w.origin = "https://" + idp.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(op.Listener.Addr().String())
	opOrigin := "https://example.com:" + port

	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("broker-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.op = w.start(op, &config{Origin: opOrigin, Clients: []*client{
		{ID: "demo-idp", secret: "broker-secret", RedirectURIs: []string{w.origin + "/callback"}},
	}})
	transport := op.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "example.com:") {
			addr = op.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	w.http = &http.Client{Transport: transport}
	w.idp = w.start(idp, &config{
		Origin: w.origin,
		Broker: brokerConfig{Issuer: opOrigin, ClientID: "demo-idp", secret: "broker-secret", http: w.http},
		Clients: []*client{
			{ID: "demo-app", RedirectURIs: []string{w.origin + "/app"}},
			{ID: "regrant-gateway", secret: "gateway secret", RedirectURIs: []string{w.origin + "/landing"}},
		},
	})
	return w
}

func (w *world) start(h *httptest.Server, c *config) *server {
	s, err := newServer(c, func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	h.Config.Handler = s.handler()
	h.StartTLS()
	w.t.Cleanup(h.Close)
	return s
}

// person is somebody at a browser.
type person struct {
	*world
	client *http.Client
	url    *url.URL // where the browser is
	status int
	body   string
}

func (w *world) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &person{world: w, client: &http.Client{Transport: w.http.Transport, Jar: jar}}
}

func (p *person) do(method, address string, form url.Values) *person {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.url, p.status, p.body = res.Request.URL, res.StatusCode, string(body)
	return p
}

func (p *person) open(address string) *person { return p.do(http.MethodGet, address, nil) }

// submit sends the form of the page with its hidden value.
func (p *person) submit(path string, fields ...string) *person {
	p.t.Helper()
	form := url.Values{}
	if m := regexp.MustCompile(`name="request" value="([^"]*)"`).FindStringSubmatch(p.body); m != nil {
		form.Set("request", m[1])
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return p.do(http.MethodPost, p.url.Scheme+"://"+p.url.Host+path, form)
}

func (p *person) signIn(name, password string) *person {
	return p.submit("/login", "username", name, "password", password)
}

// forgot follows the link of the login page, up to the other provider's own login page.
func (p *person) forgot() *person {
	p.t.Helper()
	m := regexp.MustCompile(`href="(/forgot[^"]*)"`).FindStringSubmatch(p.body)
	if m == nil {
		p.t.Fatalf("no way to recover on\n%s", p.body)
	}
	return p.open(p.origin + m[1])
}

func (p *person) at(path string) *person {
	p.t.Helper()
	if p.url.Path != path {
		p.t.Fatalf("at %s (%d), want %s\n%s", p.url, p.status, path, p.body)
	}
	return p
}

const verifier = "a-verifier-of-more-than-forty-three-characters"

// app is the application's side of a login.
func (w *world) app() *oauth2.Config {
	return &oauth2.Config{ClientID: "demo-app", RedirectURL: w.origin + "/app", Scopes: []string{"openid"}, Endpoint: oauth2.Endpoint{
		AuthURL: w.origin + "/authorize", TokenURL: w.origin + "/token", AuthStyle: oauth2.AuthStyleInParams,
	}}
}

func (p *person) toApp(options ...oauth2.AuthCodeOption) *person {
	p.t.Helper()
	options = append(options, oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce-1"))
	return p.open(p.app().AuthCodeURL("state-1", options...))
}

// redeem exchanges the code that the browser came to the application with, and verifies the ID token.
func (p *person) redeem() map[string]any {
	p.t.Helper()
	q := p.at("/app").url.Query()
	if q.Get("state") != "state-1" || q.Get("iss") != p.origin {
		p.t.Errorf("answer %v", q)
	}
	ctx := oidc.ClientContext(p.t.Context(), p.http)
	token, err := p.app().Exchange(ctx, q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		p.t.Fatal(err)
	}
	provider, err := oidc.NewProvider(ctx, p.origin)
	if err != nil {
		p.t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: "demo-app"}).Verify(ctx, raw)
	if err != nil {
		p.t.Fatal(err)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		p.t.Fatal(err)
	}
	return claims
}

func (w *world) sessionsOf(user string) (sessions []map[string]any) {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, "/api/sessions?user="+user, nil)
	r.RemoteAddr = "127.0.0.1:5"
	rec := httptest.NewRecorder()
	w.idp.handler().ServeHTTP(rec, r)
	if err := json.Unmarshal(rec.Body.Bytes(), &sessions); err != nil {
		w.t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	return sessions
}

func TestApplicationLearnsWhoSignedIn(t *testing.T) {
	for _, name := range []string{"alice", "alice@demo.example"} {
		p := newWorld(t).person().toApp().at("/login").signIn(name, "alice-password")
		claims := p.redeem()
		if claims["sub"] != "alice-0001" || claims["nonce"] != "nonce-1" || claims["preferred_username"] != "alice" || claims["identity_provider"] != nil {
			t.Errorf("claims %v", claims)
		}
		if at, _ := claims["auth_time"].(float64); time.Since(time.Unix(int64(at), 0)).Abs() > time.Minute {
			t.Errorf("signed in at %v", claims["auth_time"])
		}
		p.toApp().at("/app") // from the session
		p.toApp(oauth2.SetAuthURLParam("prompt", "login")).at("/login").signIn(name, "alice-password").at("/app")
		p.open(p.origin + "/").at("/").submit("/logout").at("/login")
		p.toApp(oauth2.SetAuthURLParam("prompt", "none")).at("/app")
		if got := p.url.Query().Get("error"); got != "login_required" {
			t.Errorf("without a session: %q", got)
		}
	}
}

func TestWrongPasswordSignsNobodyIn(t *testing.T) {
	w := newWorld(t)
	for _, try := range [][2]string{{"alice", "bob-password"}, {"alice", ""}, {"nobody", "alice-password"}, {"", ""}} {
		p := w.person().toApp().signIn(try[0], try[1])
		if p.status != http.StatusUnauthorized || len(w.sessionsOf("alice")) != 0 {
			t.Errorf("%q: status %d, sessions %v", try, p.status, w.sessionsOf("alice"))
		}
	}
}

func TestRecoveredLoginEndsOlderSessionsAndDemandsANewPassword(t *testing.T) {
	w := newWorld(t)
	intruder := w.person().toApp().signIn("alice", "alice-password").at("/app")
	w.person().toApp().signIn("bob", "bob-password").at("/app")

	owner := w.person().toApp().at("/login").forgot().at("/login")
	if owner.url.Hostname() != "example.com" {
		t.Fatalf("recovery is not at the broker but at %s", owner.url)
	}
	owner.signIn("alice", "alice-password").at("/password")
	page := *owner

	// The session of the recovery is all there is, and opens nothing yet.
	if s := w.sessionsOf("alice"); len(s) != 1 || s[0]["brokered"] != true || s[0]["set_password"] != true {
		t.Errorf("sessions %v", s)
	}
	if len(w.sessionsOf("bob")) != 1 {
		t.Error("somebody else's session has ended")
	}
	intruder.toApp().at("/login")
	owner.toApp().at("/login")
	owner.open(w.origin + "/").at("/login")

	*owner = page
	for _, bad := range [][2]string{{"short", "short"}, {"long enough", "something else"}, {strings.Repeat("x", 73), strings.Repeat("x", 73)}} {
		if owner.submit("/password", "password-new", bad[0], "password-confirm", bad[1]); owner.status != http.StatusUnprocessableEntity {
			t.Errorf("password %q: status %d", bad, owner.status)
		}
	}
	claims := owner.submit("/password", "password-new", "brand new one", "password-confirm", "brand new one").redeem()
	if claims["sub"] != "alice-0001" || claims["identity_provider"] != "regrant" {
		t.Errorf("claims %v", claims)
	}
	if p := w.person().toApp().signIn("alice", "alice-password"); p.status != http.StatusUnauthorized {
		t.Error("the old password still works")
	}
	w.person().toApp().signIn("alice", "brand new one").at("/app")
	owner.open(w.origin + "/password").at("/login") // a password cannot be set again without another recovery
}

func TestBrokeredLoginIsRefusedUnlessItIsThisOne(t *testing.T) {
	// stop is a client that shows the broker's answer instead of following it.
	start := func(t *testing.T) (w *world, p *person, answer string) {
		w = newWorld(t)
		p = w.person().toApp().forgot()
		p.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			answer = r.URL.String()
			return http.ErrUseLastResponse
		}
		p.signIn("alice", "alice-password")
		p.client.CheckRedirect = nil
		if !strings.HasPrefix(answer, w.origin+"/callback?") {
			t.Fatalf("the broker answers to %s", answer)
		}
		return w, p, answer
	}
	t.Run("control", func(t *testing.T) {
		_, p, answer := start(t)
		p.open(answer).at("/password")
		if p.open(answer); p.status != http.StatusBadRequest {
			t.Errorf("twice: status %d", p.status)
		}
	})
	t.Run("other browser", func(t *testing.T) {
		w, _, answer := start(t)
		if p := w.person().open(answer); p.status != http.StatusBadRequest || len(w.sessionsOf("alice")) != 0 {
			t.Errorf("status %d", p.status)
		}
	})
	t.Run("other code", func(t *testing.T) {
		w, p, answer := start(t)
		p.open(regexp.MustCompile(`code=[^&]*`).ReplaceAllString(answer, "code=other"))
		if p.status != http.StatusForbidden || len(w.sessionsOf("alice")) != 0 {
			t.Errorf("status %d", p.status)
		}
	})
	t.Run("other nonce", func(t *testing.T) {
		w, p, answer := start(t)
		u, _ := url.Parse(answer)
		g, _ := w.op.codes.get(u.Query().Get("code"))
		g.nonce = "of another login"
		w.op.codes.set(u.Query().Get("code"), g)
		if p.open(answer); p.status != http.StatusForbidden || len(w.sessionsOf("alice")) != 0 {
			t.Errorf("status %d", p.status)
		}
	})
	t.Run("subject without a link", func(t *testing.T) {
		w, p, answer := start(t)
		u, _ := url.Parse(answer)
		g, _ := w.op.codes.get(u.Query().Get("code"))
		g.session.user.id = "alice" // a name that people know her by is no link
		w.op.codes.set(u.Query().Get("code"), g)
		if p.open(answer); p.status != http.StatusForbidden || len(w.sessionsOf("alice")) != 0 {
			t.Errorf("status %d", p.status)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		_, p, answer := start(t)
		p.open(regexp.MustCompile(`code=[^&]*`).ReplaceAllString(answer, "error=access_denied")).at("/login")
		p.signIn("alice", "alice-password").at("/app") // the application still waits
	})
}

func TestCodeIsGoodOnceForItsClientAndVerifier(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world, *oauth2.Config)
		param  string // verifier
	}{
		"other verifier":     {func(*world, *oauth2.Config) {}, "another-verifier-of-more-than-forty-three-characters"},
		"other redirect URI": {func(_ *world, c *oauth2.Config) { c.RedirectURL += "/other" }, verifier},
		"other client": {func(_ *world, c *oauth2.Config) {
			c.ClientID, c.ClientSecret, c.Endpoint.AuthStyle = "regrant-gateway", "gateway secret", oauth2.AuthStyleInHeader
		}, verifier},
		"wrong secret": {func(_ *world, c *oauth2.Config) {
			c.ClientID, c.ClientSecret, c.Endpoint.AuthStyle = "regrant-gateway", "wrong", oauth2.AuthStyleInHeader
		}, verifier},
		"no secret":      {func(_ *world, c *oauth2.Config) { c.ClientID = "regrant-gateway" }, verifier},
		"unknown client": {func(_ *world, c *oauth2.Config) { c.ClientID = "nobody" }, verifier},
		"too late":       {func(w *world, _ *oauth2.Config) { w.ahead.Store(int64(codeLife)) }, verifier},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.person().toApp().signIn("alice", "alice-password").at("/app")
			c := w.app()
			test.change(w, c)
			ctx := oidc.ClientContext(t.Context(), w.http)
			if _, err := c.Exchange(ctx, p.url.Query().Get("code"), oauth2.VerifierOption(test.param)); err == nil {
				t.Error("the code was accepted")
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		w := newWorld(t)
		p := w.person().toApp().signIn("alice", "alice-password")
		p.redeem()
		ctx := oidc.ClientContext(t.Context(), w.http)
		if _, err := w.app().Exchange(ctx, p.url.Query().Get("code"), oauth2.VerifierOption(verifier)); err == nil {
			t.Error("the code was accepted twice")
		}
	})
}

func TestNobodyIsRedirectedToWhereIsNotRegistered(t *testing.T) {
	w := newWorld(t)
	for _, change := range []func(*oauth2.Config){
		func(c *oauth2.Config) { c.ClientID = "nobody" },
		func(c *oauth2.Config) { c.RedirectURL = "https://elsewhere.example/" },
		func(c *oauth2.Config) { c.ClientID = "regrant-gateway" },
	} {
		c := w.app()
		change(c)
		p := w.person().open(c.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier))).at("/authorize")
		if p.status != http.StatusBadRequest {
			t.Errorf("status %d", p.status)
		}
	}
	p := w.person().open(w.app().AuthCodeURL("s")).at("/app") // without PKCE
	if got := p.url.Query().Get("error"); got != "invalid_request" {
		t.Errorf("without PKCE: %q", got)
	}
}

func TestSessionsAreListedOnThisMachineOnly(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*http.Request){
		"other machine": func(r *http.Request) { r.RemoteAddr = "203.0.113.7:5" },
		"through proxy": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") },
		"unknown user":  func(r *http.Request) { r.URL.RawQuery = "user=nobody" },
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/sessions?user=alice", nil)
		r.RemoteAddr = "127.0.0.1:5"
		change(r)
		rec := httptest.NewRecorder()
		if w.idp.handler().ServeHTTP(rec, r); rec.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", name, rec.Code)
		}
	}
	if got := w.sessionsOf("alice-0001"); len(got) != 0 {
		t.Errorf("sessions %v", got)
	}
}

func TestConfigurationIsReadStrictly(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	secret, empty := write("secret", "s3cret\n"), write("empty", "\n")
	good := `{"addr":"127.0.0.1:0","origin":"https://localhost:1","broker":{"issuer":"https://localhost:1/recovery/oidc","client_id":"demo-idp","client_secret_file":"` +
		secret + `"},"clients":[{"id":"demo-app","redirect_uris":["http://127.0.0.1:2/callback"]},{"id":"regrant-gateway","secret_file":"` + secret + `","redirect_uris":[]}]}`
	c, err := loadConfig(write("good", good))
	if err != nil || c.Broker.secret != "s3cret" || c.Clients[0].secret != "" || c.Clients[1].secret != "s3cret" {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, change := range map[string][2]string{
		"unknown member": {`"addr"`, `"address"`},
		"plain origin":   {`"https://localhost:1",`, `"http://localhost:1",`},
		"empty secret":   {`"secret_file":"` + secret, `"secret_file":"` + empty},
		"no secret":      {`"client_secret_file":"` + secret, `"client_secret_file":"/nowhere`},
		"no certificate": {`"client_id":"demo-idp"`, `"client_id":"demo-idp","ca_file":"` + empty + `"`},
	} {
		if _, err := loadConfig(write("bad", strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
