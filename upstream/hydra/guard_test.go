package hydra

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func good() Config {
	return Config{
		URL: "http://127.0.0.1:4444", AdminURL: "http://127.0.0.1:4445", PublicURL: "https://id.example.com",
		EntryURL: "https://id.example.com/recovery", RecoveryUI: "/ui/recovery", ClientID: "gateway", ClientSecret: "secret",
	}
}

func TestRoutes(t *testing.T) {
	below := good()
	below.PublicURL += "/hydra"
	plain := good()
	plain.RecoveryUI = ""
	for _, c := range []struct {
		cfg  Config
		to   string
		want upstream.VerdictKind
	}{
		{good(), "/oauth2/auth?client_id=app&state=x", upstream.Pass},
		{good(), "/oauth2/token", upstream.Pass},
		{good(), "/userinfo", upstream.Pass},
		{good(), "/.well-known/openid-configuration", upstream.Pass},
		{good(), "/.well-known/jwks.json", upstream.Pass},
		{good(), "/ui/login?login_challenge=c", upstream.Pass},
		{good(), "/administration", upstream.Pass},
		{good(), "/recovery", upstream.Pass},
		{good(), "/recovery?other=c", upstream.Pass},
		{good(), "/recovery?login_challenge=", upstream.Pass},
		{good(), "/recovery?login_challenge=c", upstream.Entrance},
		{good(), "/recovery/?login_challenge=c", upstream.Entrance},
		{good(), "/ui/recovery", upstream.Entrance},
		{good(), "/ui/recovery/?login_challenge=c", upstream.Entrance},
		{good(), "/ui//recovery", upstream.NotCanonical},
		{good(), "/ui/%72ecovery", upstream.NotCanonical},
		{plain, "/ui/recovery", upstream.Pass},
		{plain, "/ui//recovery", upstream.Pass},
		{good(), "/admin", upstream.Blocked},
		{good(), "/admin/", upstream.Blocked},
		{good(), "/admin/clients", upstream.Blocked},
		{good(), "/admin/oauth2/auth/requests/login/accept?login_challenge=c", upstream.Blocked},
		{good(), "//admin/clients", upstream.NotCanonical},
		{good(), "/oauth2/../admin/clients", upstream.NotCanonical},
		{good(), "/%61dmin/clients", upstream.NotCanonical},
		{good(), "/oauth2//auth", upstream.NotCanonical},
		{good(), "/oauth2/auth;x=y", upstream.NotCanonical},
		{good(), "/userinfo/.", upstream.NotCanonical},
		{good(), "/.well-known//openid-configuration", upstream.NotCanonical},
		{good(), "/app//style.css", upstream.Pass},
		{below, "/hydra/admin/clients", upstream.Blocked},
		{below, "/HYDRA/admin/clients", upstream.Blocked}, // what Caddy takes for the prefix
		{below, "/hydraadmin/clients", upstream.Blocked},
		{below, "/hydra./admin/clients", upstream.Blocked},
		{below, "/hydra//oauth2/auth", upstream.NotCanonical},
		{below, "/admin/clients", upstream.Pass},
		{below, "/oauth2//auth", upstream.Pass},
	} {
		g := newGuard(c.cfg)
		if got := g.judge(httptest.NewRequest(http.MethodGet, c.to, http.NoBody)); got.Kind != c.want {
			t.Errorf("%s: %+v, want %d", c.to, got, c.want)
		}
	}
}

func TestAPassingRequestCostsNoAllocation(t *testing.T) {
	below := good()
	below.PublicURL += "/a-path-that-is-longer-than-a-small-buffer"
	for _, cfg := range []Config{good(), below} {
		g := newGuard(cfg)
		for _, to := range []string{"/oauth2/auth?client_id=app&scope=openid%20offline&state=x", "/ui/login?login_challenge=c", "/app/style.css?v=1"} {
			r := httptest.NewRequest(http.MethodGet, to, http.NoBody)
			if n := testing.AllocsPerRun(100, func() { g.judge(r) }); n != 0 {
				t.Errorf("%s costs %v allocations", to, n)
			}
		}
	}
}

func TestAnEntryIsTheChallengeAlone(t *testing.T) {
	g := newGuard(good())
	for to, want := range map[string]string{
		"/ui/recovery?login_challenge=a%2Bb&return_to=x": "login_challenge=a%2Bb",
		"/recovery?x=y&login_challenge=c":                "login_challenge=c",
		"/ui/recovery?return_to=x":                       "",
	} {
		if got := g.judge(httptest.NewRequest(http.MethodGet, to, http.NoBody)); got.Entry != want {
			t.Errorf("%s: %q, want %q", to, got.Entry, want)
		}
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no URL":                    func(c *Config) { c.URL = "" },
		"a slash at the end":        func(c *Config) { c.AdminURL += "/" },
		"a query":                   func(c *Config) { c.PublicURL += "?x" },
		"another scheme":            func(c *Config) { c.AdminURL = "ftp://127.0.0.1" },
		"a page that is no path":    func(c *Config) { c.RecoveryUI = "recovery" },
		"a page that is the site's": func(c *Config) { c.RecoveryUI = "/" },
		"a page in another reading": func(c *Config) { c.RecoveryUI = "/ui//recovery" },
		"no client":                 func(c *Config) { c.ClientID = "" },
		"no secret":                 func(c *Config) { c.ClientSecret = "" },
		"programs without a secret": func(c *Config) { c.GrantClientID, c.GrantScope = "programs", []string{"recover"} },
		"programs without a client": func(c *Config) { c.GrantClientSecret, c.GrantScope = "secret", []string{"recover"} },
		"programs without a scope":  func(c *Config) { c.GrantClientID, c.GrantClientSecret = "programs", "secret" },
		"a scope of nobody":         func(c *Config) { c.GrantScope = []string{"recover"} },
	} {
		cfg := good()
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestTheGatewaysOwnLoginCallsNobodyElse(t *testing.T) {
	var called []string
	internal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = append(called, r.Host+" "+r.URL.Path+" "+r.Header.Get("X-Forwarded-Proto"))
	}))
	defer internal.Close()
	client := &http.Client{Transport: inward{public: "https://id.example.com", internal: internal.URL, next: http.DefaultTransport}}
	resp, err := client.Get("https://id.example.com/oauth2/token")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for _, other := range []string{"https://id.example.com.evil.example/oauth2/token", "http://id.example.com/oauth2/token", "https://other.example/"} {
		if resp, err := client.Get(other); err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s was called", other)
		}
	}
	if len(called) != 1 || called[0] != "id.example.com /oauth2/token https" {
		t.Errorf("called %q", called)
	}
}
