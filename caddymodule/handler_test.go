package caddymodule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/regrant/regrant/storage/badger"
)

// serve sends one request through the handler. next records the writer that it got.
func serve(t *testing.T, app *App, method, path string) (w *httptest.ResponseRecorder, passed http.ResponseWriter, err error) {
	t.Helper()
	w = httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, testOrigin+path, nil)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		passed = w
		return nil
	})
	return w, passed, directive(t, app).ServeHTTP(w, r, next)
}

// A wrapped writer would take away what streams and upgrades need.
func TestPassingRequestsKeepTheirResponseWriter(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	mustOpen(t, app)
	w, passed, err := serve(t, app, http.MethodGet, "/realms/acme/account")
	if err != nil || passed != http.ResponseWriter(w) {
		t.Errorf("next got %T, error %v", passed, err)
	}
}

func TestOwnPathsAreAnswered(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	mustOpen(t, app)
	for _, path := range []string{
		"/recovery/jwks.json", "/recovery/ca.pem", "/recovery/oidc/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server/recovery",
	} {
		w, passed, err := serve(t, app, http.MethodGet, path)
		if err != nil || passed != nil || w.Code != http.StatusOK {
			t.Errorf("%s: status %d, passed %v, error %v", path, w.Code, passed != nil, err)
		}
	}
}

func TestWithoutStoreRecoveryIsUnavailableAndTrafficPasses(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	other, err := badger.Open(badger.Config{Dir: app.storeDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	w, passed, err := serve(t, app, http.MethodGet, "/realms/acme/account")
	if err != nil || passed != http.ResponseWriter(w) {
		t.Errorf("traffic: next got %T, error %v", passed, err)
	}
	for _, path := range []string{"/recovery", "/recovery/initiate", "/.well-known/oauth-authorization-server/recovery"} {
		w, passed, err := serve(t, app, http.MethodPost, path)
		if err != nil || w.Code != http.StatusServiceUnavailable || passed != nil || w.Body.Len() == 0 {
			t.Errorf("%s: %d %q, error %v, passed %v", path, w.Code, w.Body, err, passed != nil)
		}
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
}

func TestLimitsCountTheClientThatCaddyFound(t *testing.T) {
	for text, want := range map[string]string{
		"203.0.113.9":        "203.0.113.9",
		"::ffff:203.0.113.9": "203.0.113.9",
		"2001:db8::1":        "2001:db8::1",
		"fe80::1%eth0":       "fe80::1",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Forwarded-For", "198.51.100.1") // anybody can send this
		vars := map[string]any{caddyhttp.ClientIPVarKey: text}
		r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
		if got := clientIP(r); got != netip.MustParseAddr(want) {
			t.Errorf("%s: got %v", text, got)
		}
	}
	if got := clientIP(httptest.NewRequest(http.MethodGet, "/", nil)); got.IsValid() {
		t.Errorf("outside Caddy: got %v", got)
	}
}

func TestProxiesThatAreBelievedTooMuchAreFoundOut(t *testing.T) {
	for _, c := range []struct {
		trusted bool
		strict  int
		want    bool
	}{{false, 0, false}, {false, 1, false}, {true, 1, false}, {true, 0, true}} {
		ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: c.trusted})
		ctx = context.WithValue(ctx, caddyhttp.ServerCtxKey, &caddyhttp.Server{TrustedProxiesStrict: c.strict})
		if got := loose(httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestDirectiveNeedsTheApp(t *testing.T) {
	privateData(t)
	err := validate(t, mustAdapt(t, "id.example.com {\n\tregrant\n}\n"))
	if err == nil {
		t.Error("valid without the app")
	}
}
