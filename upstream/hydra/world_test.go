package hydra_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/regrant/regrant/integration/browser"
	server "github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
	"github.com/regrant/regrant/integration/selfservice"
	"github.com/regrant/regrant/upstream/hydra"
)

const (
	password = "correct horse of a person"
	gateway  = "gateway"
	callback = "/recovery/login/callback"
	secret   = "a-secret-of-the-gateway"
	verifier = "a-verifier-of-pkce-that-is-long-enough-for-rfc-7636"
)

// people are the login app's users, of whom Hydra knows the ids alone.
var people = []selfservice.User{{ID: "alice-1", Name: "alice", Password: password}, {ID: "bob-1", Name: "bob", Password: password}}

// world is a real Hydra with a login app, on one origin, whose two APIs are also behind one address.
type world struct {
	*server.Server
	site, both *httptest.Server
	app        *selfservice.App
	pg         *postgres.Server
	log        bytes.Buffer

	programs, programsSecret string // client for programs
}

var (
	theWorld *world
	errStart error
	start    sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if theWorld != nil {
		theWorld.stop()
	}
	os.Exit(code)
}

func (w *world) stop() {
	w.site.Close()
	w.both.Close()
	w.app.Stop()
	w.Stop()
	w.pg.Stop()
}

// realHydra starts the server at the first use. The quick tests and a machine
// without one skip; continuous integration must have one.
func realHydra(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Hydra")
	}
	program, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("REGRANT_BIN"), "../../bin"), "hydra"))
	must(t, err)
	for _, missing := range []error{ory.Missing(program), postgres.Missing()} {
		if missing != nil && os.Getenv("CI") == "true" {
			t.Fatal(missing)
		} else if missing != nil {
			t.Skip(missing)
		}
	}
	start.Do(func() { theWorld, errStart = startWorld(context.WithoutCancel(t.Context()), program) })
	if errStart != nil {
		t.Fatal(errStart)
	}
	return theWorld
}

func startWorld(ctx context.Context, program string) (*world, error) {
	w, mux := &world{}, http.NewServeMux()
	var ports [4]int
	for i := range ports {
		var err error
		if ports[i], err = keycloak.FreePort(); err != nil {
			return nil, err
		}
	}
	w.site = httptest.NewTLSServer(mux)
	for _, path := range []string{"/app/callback", callback} {
		mux.HandleFunc(path, func(http.ResponseWriter, *http.Request) {})
	}
	mux.Handle("/oauth2/", proxy(ports[1]))
	mux.Handle("/ui/", proxy(ports[3]))
	dir, err := os.MkdirTemp("", "regrant-hydra")
	if err != nil {
		return nil, err
	}
	if w.pg, err = postgres.Start(ctx, ports[0], nil, "hydra"); err != nil {
		return nil, err
	}
	w.Server, err = server.Start(ctx, server.Options{
		Program: program, Dir: dir, DSN: w.pg.URL("hydra"), Ports: [2]int{ports[1], ports[2]}, Issuer: w.site.URL, Log: &w.log,
		Login: w.site.URL + "/ui/login", Consent: w.site.URL + "/ui/consent", Logout: w.site.URL + "/ui/logout",
	})
	if err != nil {
		w.pg.Stop()
		return nil, fmt.Errorf("%v\n%s", err, w.log.Bytes())
	}
	w.both = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/admin/") || r.URL.Path == "/version" {
			proxy(ports[2]).ServeHTTP(rw, r)
			return
		}
		proxy(ports[1]).ServeHTTP(rw, r)
	}))
	w.app, err = selfservice.Start(selfservice.Options{
		Address: fmt.Sprintf("127.0.0.1:%d", ports[3]), Origin: w.site.URL, Hydra: w.AdminURL, Clients: []string{"app", "other", gateway}, Users: people,
	})
	for _, id := range []string{"app", "other"} {
		if err == nil {
			err = w.Register(ctx, id, w.site.URL+"/app/callback")
		}
	}
	if err == nil {
		err = w.RegisterGateway(ctx, gateway, secret, w.site.URL+callback)
	}
	if err == nil {
		w.programs, w.programsSecret, err = w.SecretClient(ctx, "urn:ietf:params:oauth:grant-type:jwt-bearer")
	}
	return w, err
}

func proxy(port int) http.Handler {
	to := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded(); r.Out.Host = r.In.Host }}
}

func (w *world) adapter(t testing.TB, address string, change ...func(*hydra.Config)) *hydra.Adapter {
	t.Helper()
	cfg := hydra.Config{
		URL: address, AdminURL: address, PublicURL: w.site.URL, EntryURL: w.site.URL + "/recovery", RecoveryUI: "/ui/recovery",
		ClientID: gateway, ClientSecret: secret, GrantClientID: w.programs, GrantClientSecret: w.programsSecret, GrantScope: []string{"recover"}, AssumeUnprivileged: true, HTTPClient: &http.Client{Transport: &http.Transport{}},
	}
	for _, c := range change {
		c(&cfg)
	}
	a, err := hydra.New(cfg)
	must(t, err)
	return a
}

func (w *world) browser() *browser.Browser {
	roots := x509.NewCertPool()
	roots.AddCert(w.site.Certificate())
	return browser.New(roots)
}

// authorize is where a login at an application begins.
func (w *world) authorize(client string) string {
	return w.site.URL + "/oauth2/auth?" + url.Values{
		"client_id": {client}, "redirect_uri": {w.site.URL + "/app/callback"}, "response_type": {"code"}, "scope": {"openid offline"},
		"state": {"a-state-of-the-application"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
}

// begin begins a login and returns the challenge with which the login app got it.
func (w *world) begin(t testing.TB, b *browser.Browser, client string) string {
	t.Helper()
	p, err := b.Open(t.Context(), w.authorize(client))
	must(t, err)
	challenge := p.URL.Query().Get("login_challenge")
	if challenge == "" {
		t.Fatalf("the browser is at %s: %s", p.URL, p.Text())
	}
	return challenge
}

// signIn fills in the form of the login app.
func (w *world) signIn(t testing.TB, b *browser.Browser, at, name string) *browser.Page {
	t.Helper()
	p, err := b.Open(t.Context(), at)
	must(t, err)
	p, err = b.Submit(t.Context(), p, "/ui/login", url.Values{"username": {name}, "password": {password}})
	must(t, err)
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// claimsOf reads a token that came straight from the server.
func claimsOf(t testing.TB, token string, into any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %q", token)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, err)
	must(t, json.Unmarshal(payload, into))
}
