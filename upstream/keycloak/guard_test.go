package keycloak_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/keycloak"
)

func newGuarded(t testing.TB, strict bool) *keycloak.Adapter {
	t.Helper()
	a, err := keycloak.New(keycloak.Config{
		URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "acme",
		ClientID: "gateway", ClientSecret: "secret", Strict: strict,
	})
	must(t, err)
	return a
}

// actionToken is a mailed token of one type. Keycloak checks its signature.
func actionToken(claims string) string {
	return "eyJhbGciOiJIUzUxMiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

// routes are the requests that the guard judges: the table is its contract.
var routes = []struct {
	method, target string
	want           upstream.VerdictKind
}{
	{"GET", "/realms/acme/protocol/openid-connect/auth?client_id=app", upstream.Pass},
	{"POST", "/realms/acme/protocol/openid-connect/token", upstream.Pass},
	{"GET", "/realms/acme/login-actions/reset-credentials?client_id=app&tab_id=x", upstream.Pass},
	{"GET", "/realms/acme/protocol/openid-connect/forgot-credentials", upstream.Pass},
	{"GET", "/realms/acme/broker/regrant/login?session_code=x", upstream.Pass},
	{"GET", "/realms/acme/broker/regrant/endpoint?code=x", upstream.Pass},
	{"GET", "/realms/acme/account/", upstream.Pass},
	{"GET", "/realms/masterful/account/", upstream.Pass},
	{"GET", "/realms/other/broker/regrant/link", upstream.Pass},
	{"GET", "/resources/abcde/login/theme/a%20b%C3%A4.css", upstream.Pass},
	{"GET", "/administrators", upstream.Pass},
	{"GET", "/app//a;b/%2e%2e?x=/realms/", upstream.Pass}, // another application's

	// Private.
	{"GET", "/", upstream.Blocked},
	{"GET", "/admin", upstream.Blocked},
	{"GET", "/admin/", upstream.Blocked},
	{"GET", "/admin/realms/acme/users", upstream.Blocked},
	{"GET", "/metrics", upstream.Blocked},
	{"GET", "/health/ready", upstream.Blocked},
	{"GET", "/realms/master", upstream.Blocked},
	{"POST", "/realms/master/protocol/openid-connect/token", upstream.Blocked},

	// The gateway's own link.
	{"GET", "/realms/acme/broker/regrant/link?nonce=x", upstream.Blocked},
	{"GET", "/realms/acme/broker/regrant/link/", upstream.Blocked},
	{"GET", "/realms/acme/broker/google/link", upstream.Pass},
	{"DELETE", "/realms/acme/account/linked-accounts/regrant", upstream.Blocked},
	{"DELETE", "/realms/acme/account/linked-accounts/regrant/", upstream.Blocked},
	{"DELETE", "/realms/acme/account/v1alpha1/linked-accounts/regrant", upstream.Blocked},
	{"DELETE", "/realms/acme/account/v1alpha1/linked-accounts/regrant/", upstream.Blocked},
	{"DELETE", "/realms/acme/account/v1alpha1/linked-accounts/google", upstream.Pass},
	{"GET", "/realms/acme/account/v1alpha1/linked-accounts/regrant", upstream.Pass},
	{"GET", "/realms/acme/account/linked-accounts/regrant", upstream.Pass},
	{"DELETE", "/realms/acme/account/linked-accounts/google", upstream.Pass},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc_action=idp_link:regrant", upstream.Blocked},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc_action=idp_link%3Aregrant", upstream.Blocked},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc%5Faction=x&kc_action=idp_link:regrant", upstream.Blocked},
	{"GET", "/realms/acme/protocol/openid-connect/auth/?a=1;kc_action=idp_link:regrant", upstream.Blocked},
	{"GET", "/realms/acme/protocol/openid-connect/registrations?kc_action=idp_link:regrant", upstream.Blocked},
	{"GET", "/realms/acme/protocol/openid-connect/auth?KC_Action=idp_link:regrant", upstream.Blocked},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc_action=idp_link:google", upstream.Pass},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc_action=UPDATE_PASSWORD", upstream.Pass},

	// Mailed recovery.
	{"GET", "/realms/acme/login-actions/action-token?key=" + actionToken(`{"typ":"verify-email"}`), upstream.Pass},
	{"GET", "/realms/acme/login-actions/action-token?key=" + actionToken(`{"typ":"reset-credentials"}`), upstream.Recovery},
	{"HEAD", "/realms/acme/login-actions/action-token/?key=" + actionToken(`{"typ":"execute-actions"}`), upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?a=1;key=" + actionToken(`{"typ":"execute-actions"}`), upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?key=" + actionToken(`{"typ":"verify-email"}`) + "&key=" + actionToken(`{"typ":"reset-credentials"}`), upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?key=" + actionToken(`{"typ":"verify-email","typ":"reset-credentials"}`), upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?key=" + actionToken(`{}`), upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?key=x", upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?k%65y=" + actionToken(`{"typ":"reset-credentials"}`), upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token", upstream.Recovery},
	{"GET", "/realms/acme/login-actions/action-token?KEY=" + actionToken(`{"typ":"verify-email"}`), upstream.Pass},
	{"GET", "/realms/acme/login-actions/action-token?key=" + actionToken(`{"typ":"verify-email"}`) + "&Key=" + actionToken(`{"typ":"execute-actions"}`), upstream.Recovery},
	{"POST", "/realms/acme/login-actions/reset-credentials?session_code=x&key=" + actionToken(`{"typ":"execute-actions"}`), upstream.Recovery},
	{"POST", "/realms/acme/login-actions/reset-credentials/?KEY=" + actionToken(`{"typ":"reset-credentials"}`), upstream.Recovery},
	{"POST", "/realms/acme/login-actions/reset-credentials?key=x", upstream.Recovery},
	{"POST", "/realms/acme/login-actions/reset-credentials?key=" + actionToken(`{"typ":"verify-email"}`), upstream.Pass},
	{"POST", "/realms/acme/login-actions/reset-credentials?session_code=x", upstream.Pass},
	{"POST", "/realms/acme/login-actions/authenticate?key=" + actionToken(`{"typ":"execute-actions"}`), upstream.Recovery},

	// Not canonical.
	{"GET", "//realms/acme/login-actions/reset-credentials", upstream.NotCanonical},
	{"GET", "/realms//acme/", upstream.NotCanonical},
	{"GET", "/realms/acme//", upstream.NotCanonical},
	{"GET", "/realms/./acme/", upstream.NotCanonical},
	{"GET", "/app/../realms/acme/", upstream.NotCanonical},
	{"GET", "/app/%2e%2e/realms/acme/", upstream.NotCanonical},
	{"GET", "/app/..;x/realms/acme/", upstream.NotCanonical},
	{"GET", "/;/realms/acme/", upstream.NotCanonical},
	{"GET", "/realms;x=y/acme/", upstream.NotCanonical},
	{"GET", "/realms/acme/login-actions/reset-credentials;jsessionid=1", upstream.NotCanonical},
	{"GET", "/%72ealms/acme/", upstream.NotCanonical},
	{"GET", "/realms/acme/login-actions/%72eset-credentials", upstream.NotCanonical},
	{"GET", "/realms/acme/login-actions/reset%2dcredentials", upstream.NotCanonical},
	{"GET", "/realms/acme/login-actions%2freset-credentials", upstream.NotCanonical},
	{"GET", "/realms/acme/login-actions%5creset-credentials", upstream.NotCanonical},
	{"GET", `/realms\acme/`, upstream.NotCanonical},
	{"GET", "/realms/acme/%2572eset", upstream.NotCanonical},
	{"GET", "/realms/acme/%3bx", upstream.NotCanonical},
	{"GET", "/realms/acme/%00", upstream.NotCanonical},
	{"GET", "/realms/acme/%09", upstream.NotCanonical},
	{"GET", "/realms/acme/%7f", upstream.NotCanonical},
	{"GET", "/realms/acme/%ff", upstream.NotCanonical},
	{"GET", "/realms/acme/%c0%ae%c0%ae/", upstream.NotCanonical},
	{"GET", "/realms/acme/ä", upstream.NotCanonical},
	{"GET", "/%61dmin/", upstream.NotCanonical},
	{"GET", "/x/../", upstream.NotCanonical},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc_action=idp_link:regrant#x", upstream.NotCanonical},
	{"GET", "/realms/acme/protocol/openid-connect/auth?kc_action=x%23y", upstream.Pass},
	{"GET", "/realms/master/..;/../x", upstream.NotCanonical},
	{"GET", `/admin/a\..\..\../../x`, upstream.NotCanonical},
	{"GET", "/a/%252e%252e/admin/x", upstream.NotCanonical},
}

// request is target as the server's own parser reads it from the wire.
func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	must(t, err)
	return &http.Request{Method: method, URL: u, RequestURI: target, Header: http.Header{}, Host: "id.example.com"}
}

func TestGuardJudgesEachRouteAsTheTableSays(t *testing.T) {
	a := newGuarded(t, true)
	for _, c := range routes {
		if got := a.Guard(request(t, c.method, c.target)); got.Kind != c.want {
			t.Errorf("%s %s: %v (%s), want %v", c.method, c.target, got.Kind, got.Reason, c.want)
		}
	}
}

func TestAbsoluteFormIsJudgedByItsPath(t *testing.T) {
	a := newGuarded(t, true)
	for target, want := range map[string]upstream.VerdictKind{
		"http://elsewhere.example/admin/":               upstream.Blocked,
		"http://elsewhere.example/realms/acme/%72":      upstream.NotCanonical,
		"http://elsewhere.example/realms/acme/account/": upstream.Pass,
		"http://elsewhere.example":                      upstream.NotCanonical,
		"https:realms/acme":                             upstream.NotCanonical,
	} {
		if got := a.Guard(request(t, "GET", target)); got.Kind != want {
			t.Errorf("%s: %v, want %v", target, got.Kind, want)
		}
	}
}

func TestWithoutStrictMailedLinksPass(t *testing.T) {
	a := newGuarded(t, false)
	for _, route := range []string{"action-token", "reset-credentials"} {
		target := "/realms/acme/login-actions/" + route + "?key=" + actionToken(`{"typ":"reset-credentials"}`)
		if got := a.Guard(request(t, "POST", target)); got.Kind != upstream.Pass {
			t.Errorf("%s is judged %+v, want pass", route, got)
		}
	}
}

func TestOnlyALoginThroughTheBrokerLosesTheOldSession(t *testing.T) {
	a := newGuarded(t, true)
	for query, dropped := range map[string]bool{
		"kc_idp_hint=regrant":                     true,
		"client_id=app&kc%5Fidp%5Fhint=regran%74": true,
		"kc_idp_hint=google":                      false,
		"kc_idp_hint=":                            false,
		"x=kc_idp_hint%3Dregrant":                 false,
	} {
		got := a.Guard(request(t, "GET", "/realms/acme/protocol/openid-connect/auth?"+query))
		if got.Kind != upstream.Pass || slices.Contains(got.DropCookies, "KEYCLOAK_IDENTITY") != dropped ||
			slices.Contains(got.DropCookies, "KEYCLOAK_SESSION") != dropped || slices.Contains(got.DropCookies, "AUTH_SESSION_ID") {
			t.Errorf("%s: %+v, want cookies dropped: %v", query, got, dropped)
		}
	}
}

func FuzzGuardLetsNoDisguisePass(f *testing.F) {
	for _, c := range routes {
		f.Add(c.target)
	}
	a := newGuarded(f, true)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		got := a.Guard(&http.Request{Method: "DELETE", URL: u, RequestURI: target})
		if got.Kind != upstream.Pass {
			return
		}
		// What passes is read alike by everybody, or is not Keycloak's.
		for _, reading := range upstream.Readings(u) {
			if strings.HasPrefix(reading, "/realms/acme/account/") && strings.HasSuffix(reading, "/linked-accounts/regrant") {
				t.Errorf("%q passes and can be read as %q", target, reading)
			}
			for _, private := range []string{"/admin", "/metrics", "/health", "/realms/master", "/realms/acme/broker/regrant/link", "/realms/acme/account/linked-accounts/regrant"} {
				if reading == private || strings.HasPrefix(reading, private+"/") && !strings.Contains(private, "regrant") {
					t.Errorf("%q passes and can be read as %q", target, reading)
				}
			}
		}
	})
}

func TestAPassingPathCostsNoAllocation(t *testing.T) {
	a := newGuarded(t, true)
	for _, target := range []string{
		"/realms/acme/protocol/openid-connect/auth?client_id=app&kc_idp_hint=regrant&state=x",
		"/realms/acme/protocol/openid-connect/token",
		"/realms/acme/login-actions/authenticate?session_code=x&execution=x&client_id=app&tab_id=x&client_data=x",
		"/resources/abcde/login/theme/style.css",
	} {
		r := request(t, "GET", target)
		if n := testing.AllocsPerRun(100, func() { a.Guard(r) }); n != 0 {
			t.Errorf("%s costs %v allocations", target, n)
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	a := newGuarded(b, true)
	r := request(b, "GET", "/realms/acme/protocol/openid-connect/auth?client_id=app&redirect_uri=https%3A%2F%2Fapp.example.com&state=x")
	b.ReportAllocs()
	for b.Loop() {
		a.Guard(r)
	}
}

func TestGuardReadsRequestsAsTheyCameOverTheWire(t *testing.T) {
	a := newGuarded(t, true)
	verdicts := make(chan upstream.VerdictKind, 1)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { verdicts <- a.Guard(r).Kind }))
	t.Cleanup(s.Close)
	for target, want := range map[string]upstream.VerdictKind{
		"/realms/acme/%72eset":            upstream.NotCanonical,
		"/realms/acme/x%2fy":              upstream.NotCanonical,
		"/realms/acme/a/../b":             upstream.NotCanonical,
		"/realms/acme/login-actions/auth": upstream.Pass,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL, nil)
		must(t, err)
		r.URL.Opaque = target // sent as it is
		resp, err := s.Client().Do(r)
		must(t, err)
		resp.Body.Close()
		if got := <-verdicts; got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
}
