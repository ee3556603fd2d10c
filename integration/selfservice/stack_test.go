package selfservice_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
	"github.com/regrant/regrant/integration/selfservice"
)

const (
	alice    = "alice@example.test"
	password = "correct horse of alice"
	client   = "app"
	verifier = "a-verifier-of-pkce-that-is-long-enough-for-rfc-7636"
)

// stack is one origin with the app at /ui, Kratos and Hydra.
type stack struct {
	origin string
	site   *httptest.Server
	kratos *kratos.Server
	hydra  *hydra.Server
	alice  string // id of the identity, or of the app's own user
}

func port(t *testing.T) int {
	t.Helper()
	p, err := keycloak.FreePort()
	fatal(t, err)
	return p
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is a built one. Where it is missing the test is skipped, or fails with CI=true.
func program(t *testing.T, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	path, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("REGRANT_BIN"), "../../bin"), name))
	fatal(t, err)
	if missing := cmp.Or(ory.Missing(path), postgres.Missing()); missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return path
}

// begin opens the origin, which routes as the reverse proxy in front of such a deployment does.
func begin(t *testing.T) (*stack, func(path string, to int)) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/app/callback", func(http.ResponseWriter, *http.Request) {})
	s := &stack{site: httptest.NewTLSServer(mux)}
	s.origin = s.site.URL
	t.Cleanup(s.site.Close)
	return s, func(path string, to int) {
		target, _ := url.Parse(fmt.Sprintf("http://127.0.0.1:%d", to))
		mux.Handle(path, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded(); r.Out.Host = r.In.Host }})
	}
}

// withKratos starts the app over Kratos, with Hydra if asked.
func withKratos(t *testing.T, o kratos.Options, oauth2 bool) *stack {
	t.Helper()
	o.Program = program(t, "kratos")
	s, route := begin(t)
	state, log := database(t)
	app := port(t)
	o.Dir, o.DSN, o.Ports, o.Origin, o.Log = t.TempDir(), state.URL("kratos"), [2]int{port(t), port(t)}, s.origin, log
	for _, path := range []string{"/self-service/", "/sessions/", "/schemas/", "/.well-known/ory/"} {
		route(path, o.Ports[0])
	}
	route("/ui/", app)
	page := selfservice.Options{Address: fmt.Sprintf("127.0.0.1:%d", app), Origin: s.origin, Kratos: fmt.Sprintf("http://127.0.0.1:%d", o.Ports[0])}
	if oauth2 {
		s.startHydra(t, state, log, route)
		o.Hydra, page.Hydra, page.Clients = s.hydra.AdminURL, s.hydra.AdminURL, []string{client}
	}
	var err error
	s.kratos, err = kratos.Start(t.Context(), o)
	fatal(t, err)
	t.Cleanup(s.kratos.Stop)
	s.alice, err = s.kratos.Create(t.Context(), alice, password)
	fatal(t, err)
	serve(t, page)
	return s
}

// withUsers starts the app over Hydra alone.
func withUsers(t *testing.T) *stack {
	t.Helper()
	s, route := begin(t)
	program(t, "hydra")
	state, log := database(t)
	app := port(t)
	s.startHydra(t, state, log, route)
	route("/ui/", app)
	s.alice = "user-1"
	serve(t, selfservice.Options{
		Address: fmt.Sprintf("127.0.0.1:%d", app), Origin: s.origin, Hydra: s.hydra.AdminURL, Clients: []string{client},
		Users: []selfservice.User{{ID: s.alice, Name: alice, Password: password}},
	})
	return s
}

// database starts PostgreSQL, and a log that is shown when the test fails.
func database(t *testing.T) (*postgres.Server, *os.File) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "programs.log"))
	fatal(t, err)
	state, err := postgres.Start(t.Context(), port(t), nil, "kratos", "hydra")
	fatal(t, err)
	t.Cleanup(state.Stop)
	t.Cleanup(func() {
		if text, err := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s, %v", text, err)
		}
		log.Close()
	})
	return state, log
}

func (s *stack) startHydra(t *testing.T, state *postgres.Server, log *os.File, route func(string, int)) {
	t.Helper()
	ports := [2]int{port(t), port(t)}
	var err error
	s.hydra, err = hydra.Start(t.Context(), hydra.Options{
		Program: program(t, "hydra"), Dir: t.TempDir(), DSN: state.URL("hydra"), Ports: ports, Issuer: s.origin,
		Login: s.origin + "/ui/login", Consent: s.origin + "/ui/consent", Logout: s.origin + "/ui/logout", Log: log,
	})
	fatal(t, err)
	t.Cleanup(s.hydra.Stop)
	route("/oauth2/", ports[0])
	fatal(t, s.hydra.Register(t.Context(), client, s.origin+"/app/callback"))
}

func serve(t *testing.T, o selfservice.Options) {
	t.Helper()
	app, err := selfservice.Start(o)
	fatal(t, err)
	t.Cleanup(app.Stop)
}

func (s *stack) browser() *browser.Browser {
	roots := x509.NewCertPool()
	roots.AddCert(s.site.Certificate())
	return browser.New(roots)
}

// authorize is where the application sends a browser (RFC 6749 §4.1.1, RFC 7636).
func (s *stack) authorize(client string) string {
	sum := sha256.Sum256([]byte(verifier))
	return s.origin + "/oauth2/auth?" + url.Values{
		"client_id": {client}, "redirect_uri": {s.origin + "/app/callback"}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"a state of the application"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

// redeem exchanges the code with which the browser came back for an access token.
func (s *stack) redeem(ctx context.Context, at *browser.Page) (token string, err error) {
	var answer struct {
		Token string `json:"access_token"`
	}
	err = ory.API(s.hydra.PublicURL).Form(ctx, "/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "redirect_uri": {s.origin + "/app/callback"},
		"code": {at.URL.Query().Get("code")}, "code_verifier": {verifier},
	}, &answer)
	return answer.Token, err
}
