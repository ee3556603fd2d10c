package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// site is a gateway in which all is well, whose answers a test changes.
type site struct {
	answers map[string]http.HandlerFunc
	tls     func(*tls.Config)
}

func say(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

const ownCookie = "__Host-regrant=x; Path=/; Secure; HttpOnly; SameSite=Lax"

// start serves it, with an identity provider that nobody else reaches.
func (s *site) start(t *testing.T) *Site {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := s.answers[r.URL.Path]; ok {
			answer(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tls != nil {
		s.tls(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	plain := httptest.NewServer(http.RedirectHandler(server.URL, http.StatusMovedPermanently))
	t.Cleanup(plain.Close)
	issuer := server.URL + "/recovery"
	good := map[string]http.HandlerFunc{
		"/recovery": say(200, "recover", "Strict-Transport-Security", "max-age=31536000", "Set-Cookie", ownCookie),
		"/.well-known/oauth-authorization-server/recovery": say(200, `{"issuer":"`+issuer+`"}`),
		"/recovery/token":     say(400, `{"error":"invalid_grant"}`),
		"/recovery/jwks.json": say(200, `{"keys":[{"kid":"now"},{"kid":"soon"}]}`),
	}
	for path, answer := range s.answers {
		good[path] = answer
	}
	s.answers = good
	d := Deployment{Origin: server.URL, Path: "/recovery", Keys: []string{"now", "soon"}, Provider: Provider{URL: plain.URL, AdminURL: plain.URL}}
	made := NewSite(d, pool)
	made.Plain = strings.TrimPrefix(plain.URL, "http://")
	return made
}

func look(t *testing.T, s *Site, id string) Finding {
	t.Helper()
	i := slices.IndexFunc(SiteChecks, func(c Check[*Site]) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no check %s", id)
	}
	return Examine(t.Context(), s, SiteChecks[i:i+1])[0]
}

func TestAGoodSitePasses(t *testing.T) {
	for _, f := range Examine(t.Context(), new(site).start(t), SiteChecks) {
		if f.Status != StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultOfASiteIsFound(t *testing.T) {
	answer := func(path string, with http.HandlerFunc) *site {
		return &site{answers: map[string]http.HandlerFunc{path: with}}
	}
	const metadata = "/.well-known/oauth-authorization-server/recovery"
	for name, c := range map[string]struct {
		id     string
		want   Status
		site   *site
		change func(*Site)
	}{
		"old TLS":               {"tls-version", StatusFail, &site{tls: func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 }}, nil},
		"a stranger's root":     {"tls-certificate", StatusFail, new(site), func(s *Site) { s.Roots = x509.NewCertPool() }},
		"no HSTS":               {"hsts", StatusWarn, answer("/recovery", say(200, "")), nil},
		"HSTS taken back":       {"hsts", StatusWarn, answer("/recovery", say(200, "", "Strict-Transport-Security", "max-age=0")), nil},
		"no page":               {"recovery-page", StatusFail, answer("/recovery", say(503, "")), nil},
		"another issuer":        {"issuer", StatusFail, answer(metadata, say(200, `{"issuer":"https://other.example"}`)), nil},
		"no metadata":           {"issuer", StatusFail, answer(metadata, say(404, "")), nil},
		"a cookie in clear":     {"recovery-cookies", StatusFail, answer("/recovery", say(200, "", "Set-Cookie", strings.Replace(ownCookie, "Secure; ", "", 1))), nil},
		"a cookie for scripts":  {"recovery-cookies", StatusFail, answer("/recovery", say(200, "", "Set-Cookie", strings.Replace(ownCookie, "HttpOnly; ", "", 1))), nil},
		"a cookie for others":   {"recovery-cookies", StatusFail, answer("/recovery", say(200, "", "Set-Cookie", strings.Replace(ownCookie, "Lax", "None", 1))), nil},
		"a token for nothing":   {"token-endpoint", StatusFail, answer("/recovery/token", say(200, `{"access_token":"x"}`)), nil},
		"somebody else answers": {"token-endpoint", StatusFail, answer("/recovery/token", say(404, "")), nil},
		"a key is missing":      {"key-overlap", StatusFail, answer("/recovery/jwks.json", say(200, `{"keys":[{"kid":"now"}]}`)), nil},
		"no keys":               {"key-overlap", StatusFail, answer("/recovery/jwks.json", say(404, "")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.site.start(t)
			if c.change != nil {
				c.change(s)
			}
			if f := look(t, s, c.id); f.Status != c.want || f.Remedy == "" {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestPlainHTTPThatAnswersIsFound(t *testing.T) {
	s := new(site).start(t)
	plain := httptest.NewServer(say(200, "recover"))
	defer plain.Close()
	s.Plain = strings.TrimPrefix(plain.URL, "http://")
	if f := look(t, s, "http-redirect"); f.Status != StatusFail {
		t.Errorf("%+v", f)
	}
}

func TestPlainHTTPThatLeadsElsewhereIsFound(t *testing.T) {
	s := new(site).start(t)
	plain := httptest.NewServer(http.RedirectHandler("https://elsewhere.invalid/", http.StatusFound))
	defer plain.Close()
	s.Plain = strings.TrimPrefix(plain.URL, "http://")
	if f := look(t, s, "http-redirect"); f.Status != StatusFail {
		t.Errorf("%+v", f)
	}
	s.Plain = "nobody.invalid:80"
	if f := look(t, s, "http-redirect"); f.Status != StatusUnknown {
		t.Errorf("nobody has that name: %+v", f)
	}
}

// A second loopback address stands for one that others reach.
func TestAnIdentityProviderThatOthersReachIsFound(t *testing.T) {
	s := new(site).start(t)
	s.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.2")}
	if f := look(t, s, "idp-listens"); f.Status != StatusPass {
		t.Errorf("on loopback alone: %+v", f)
	}
	u, err := url.Parse(s.Provider.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.2:"+u.Port())
	if err != nil {
		t.Skip(err) // a system with one loopback address
	}
	defer l.Close()
	for id, want := range map[string]Status{"idp-listens": StatusWarn, "idp-admin-listens": StatusFail} { // a firewall may help, but no password does
		if f := look(t, s, id); f.Status != want {
			t.Errorf("everywhere: %+v", f)
		}
	}
	s.Provider.URL = "http://192.0.2.77:8080"
	if f := look(t, s, "idp-listens"); f.Status != StatusWarn {
		t.Errorf("elsewhere: %+v", f)
	}
	s.Provider.AdminURL, s.Provider.HydraURL = "http://192.0.2.77:8081", "http://192.0.2.78:8082"
	if f := look(t, s, "idp-admin-listens"); f.Status != StatusWarn || !strings.Contains(f.Seen, "192.0.2.77") || !strings.Contains(f.Seen, "192.0.2.78") {
		t.Errorf("two admin APIs elsewhere: %+v", f)
	}
	s.Provider.AdminURL, s.Provider.HydraURL = "", ""
	if f := look(t, s, "idp-admin-listens"); f.Status != StatusPass {
		t.Errorf("no admin API: %+v", f)
	}
}

func TestRawSendsATargetAsItIs(t *testing.T) {
	var got string
	s := (&site{}).start(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RequestURI }))
	server.StartTLS()
	defer server.Close()
	s.Origin, s.Roots = server.URL, x509.NewCertPool()
	s.Roots.AddCert(server.Certificate())
	for _, target := range []string{"//a/./b;c", "/%2e/a%2Fb", "/a?b"} {
		if _, err := s.Raw(t.Context(), target); err != nil || got != target {
			t.Errorf("%q came as %q: %v", target, got, err)
		}
	}
}

func TestVariantsAreDifferentAndKeepTheQuery(t *testing.T) {
	list := Variants("/realms/acme/login-actions/action-token?key=x")
	if len(list) < 20 || list[0] != "/realms/acme/login-actions/action-token?key=x" {
		t.Fatalf("%q", list)
	}
	for _, v := range list {
		if !strings.HasSuffix(v, "?key=x") {
			t.Errorf("%q", v)
		}
	}
	slices.Sort(list)
	if n := len(list); len(slices.Compact(list)) != n {
		t.Error("two are the same")
	}
}

// What is asked with no lie in it would pass at every server.
func TestALiarNamesAnotherHost(t *testing.T) {
	heard := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("X-Forwarded-Host"), " ", r.Header.Get("Forwarded"), " ", r.Header.Get("Accept"))
	}
	s := (&site{answers: map[string]http.HandlerFunc{"/heard": heard}}).start(t)
	a, err := s.GetForwarded(t.Context(), "/heard", "Accept", "application/json")
	if want := Elsewhere + " host=" + Elsewhere + " application/json"; err != nil || a.Body != want {
		t.Errorf("%q, %v", a.Body, err)
	}
}
