package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

func TestPassingRequestsAreHandedOnUntouched(t *testing.T) {
	h := open(t)
	w, r := httptest.NewRecorder(), request(t, http.MethodGet, "/realms/acme/account?x=1", nil, "Cookie", "A=1; B=2")
	called := false
	err := h.ServeHTTP(w, r, func(gotW http.ResponseWriter, gotR *http.Request) error {
		called = gotW == http.ResponseWriter(w) && gotR == r
		return errDown
	})
	if !called || !errors.Is(err, errDown) || len(w.Header()) > 0 {
		t.Fatalf("not handed on as it came: called %v, err %v, headers %v", called, err, w.Header())
	}
}

func TestOnlyPathsUnderThePrefixAreOurs(t *testing.T) {
	h := open(t)
	for _, route := range []string{"/", "/recoveryx", "/Recovery/initiate", "/x/recovery/initiate", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		if w := h.get(route); w.Code != 299 {
			t.Errorf("%s: %d, want it passed on", route, w.Code)
		}
	}
}

func TestWithoutRelatedOriginsTheirPathIsNotOurs(t *testing.T) {
	h := open(t)
	h.RelatedOrigins = nil
	if w := h.get("/.well-known/webauthn"); w.Code != 299 {
		t.Errorf("%d, want it passed on", w.Code)
	}
}

func TestDroppedCookiesAreMissingFromTheForwardedRequestOnly(t *testing.T) {
	h := open(t)
	h.idp.verdict = upstream.Verdict{DropCookies: []string{"SESSION", "IDENTITY"}}
	for sent, want := range map[string]string{"SESSION=s; KEEP=k; IDENTITY=i": "KEEP=k", "SESSION=s": ""} {
		r := request(t, http.MethodGet, "/realms/acme/auth", nil, "Cookie", sent)
		var forwarded string
		must(t, h.ServeHTTP(httptest.NewRecorder(), r, func(_ http.ResponseWriter, r *http.Request) error {
			forwarded = r.Header.Get("Cookie")
			return nil
		}))
		if forwarded != want || r.Header.Get("Cookie") != sent {
			t.Errorf("forwarded %q, want %q; the request now has %q", forwarded, want, r.Header.Get("Cookie"))
		}
	}
}

func TestGuardedRoutesAreAnsweredWithPages(t *testing.T) {
	h := open(t)
	for kind, want := range map[upstream.VerdictKind]int{upstream.NotCanonical: 400, upstream.Blocked: 404, upstream.Recovery: 403, 99: 503} {
		h.idp.verdict = upstream.Verdict{Kind: kind, Reason: "test"}
		w := h.get("/realms/acme/login-actions/reset-credentials")
		wantPage(t, w, want, "<h1>")
		if kind == upstream.Recovery && !strings.Contains(w.Body.String(), `<p><a href="`+issuer+`/">Recover your account</a>`) {
			t.Error("the page does not name the way to recovery")
		}
	}
}

func TestWhatIsNotCanonicalUnderThePrefixIsRefused(t *testing.T) {
	h := open(t)
	for _, route := range []string{
		"/recovery//initiate", "/recovery/./initiate", "/recovery/x/../initiate", "/recovery/initiate%2f", "/recovery/%69nitiate",
		"/%72ecovery/initiate", "/recovery/initiate;x=1", "/recovery/%2e%2e/x", "/recovery/initiate%00", "/recovery/%c3%a4", "/recovery/..", "/recovery/a%5cb",
	} {
		wantProblem(t, h.postJSON(route, "{}"), http.StatusBadRequest, wire.ProblemMalformed, "")
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	h := open(t)
	for _, route := range []string{"/recovery/initiate/", "/recovery/Initiate", "/recovery/x", "/recovery/oidc"} {
		wantProblem(t, h.get(route), http.StatusNotFound, wire.ProblemNotFound, "")
	}
	wantPage(t, h.get("/recovery/x", "Accept", "text/html,*/*"), http.StatusNotFound, "no such page")
}

func TestEveryRouteNamesItsMethods(t *testing.T) {
	h := open(t)
	for route, rt := range h.routes {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"} {
			w := h.serve(request(t, method, spelled(route), nil))
			if allowed := strings.Contains(", "+rt.allow()+",", " "+method+","); allowed == (w.Code == http.StatusMethodNotAllowed) {
				t.Errorf("%s %s: %d", method, route, w.Code)
			} else if !allowed && w.Header().Get("Allow") != rt.allow() {
				t.Errorf("%s %s: Allow is %q", method, route, w.Header().Get("Allow"))
			}
		}
	}
}

// spelled is a path of a route, whose placeholders stand for something.
func spelled(route string) string {
	return strings.NewReplacer("{id}", "AAAA", "{method}", "recovery-code", "{name}", "regrant").Replace(route)
}

func TestOnlyWhatIsBoundIsAddressedByItsName(t *testing.T) {
	h := open(t)
	for path, want := range map[string]string{
		"/recovery/authenticators/AAAA": "{id}", "/recovery/authenticators/begin": "{id}", "/recovery/authenticators/ssh-key/begin": "{method}/begin",
		"/recovery/authenticators/": "", "/recovery/authenticators/a/b": "", "/recovery/authenticators/a/begin/x": "",
		"/recovery/authenticators/a/{id}": "",
	} {
		rt := h.route(path)
		if want == "" && rt != nil || want != "" && (rt == nil || rt.path != "/recovery/authenticators/"+want) {
			t.Errorf("%s: %+v, want %q", path, rt, want)
		}
	}
	// What stands in a path never gets into a metric or a log.
	if line := record(t, h, request(t, "POST", "/recovery/authenticators/alice/begin", nil)); line["event.action"] != "authenticators/{method}/begin" {
		t.Errorf("%v", line)
	}
	wantPage(t, h.get("/recovery/authenticators/{id}"), http.StatusBadRequest, "<h1>")
}

func TestPostTakesNoQuery(t *testing.T) {
	h := open(t)
	for route, rt := range h.routes {
		if rt.post == nil {
			continue
		}
		if w := h.serve(request(t, http.MethodPost, spelled(route)+"?code=x", nil)); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", route, w.Code)
		}
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	h := open(t)
	for route, rt := range h.routes {
		for _, method := range []string{"GET", "POST"} {
			w := h.serve(request(t, method, spelled(route), nil))
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s %s: %s is %q", method, route, name, got)
				}
			}
			csp := w.Header().Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("%s %s: policy is %q", method, route, csp)
			}
			cached := rt.kind == document && method == "GET"
			if got := w.Header().Get("Cache-Control"); (got == "no-store") == cached {
				t.Errorf("%s %s: Cache-Control is %q", method, route, got)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: open to other origins", method, route)
			}
		}
	}
}

func TestPagesAllowTheirOwnStyleAndNothingElse(t *testing.T) {
	h := open(t)
	w := h.get("/recovery/")
	body := w.Body.String()
	_, rest, _ := strings.Cut(body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
	if got := w.Header().Get("Content-Security-Policy"); got != want {
		t.Errorf("policy is %q, want %q", got, want)
	}
	if w.Header().Get("Cross-Origin-Opener-Policy") != "same-origin" {
		t.Error("other windows may reach this one")
	}
	if strings.Contains(body, "<script") {
		t.Error("there is a script")
	}
}

func TestDocumentsAreServed(t *testing.T) {
	h := open(t)
	for route, want := range map[string]string{
		"/recovery/jwks.json":                              `"keys"`,
		"/recovery/oidc/jwks":                              `"keys"`,
		"/recovery/oidc/.well-known/openid-configuration":  `"issuer":"` + issuer + `/oidc"`,
		"/.well-known/oauth-authorization-server/recovery": `"issuer":"` + issuer + `"`,
		"/recovery/ca.pem":                                 "BEGIN CERTIFICATE",
		"/.well-known/webauthn":                            `{"origins":["https://shop.example.net"]}`,
	} {
		if w := h.get(route); w.Code != http.StatusOK || !strings.Contains(strings.ReplaceAll(w.Body.String(), `": "`, `":"`), want) {
			t.Errorf("%s: %d %s", route, w.Code, w.Body)
		}
	}
}

func TestPanicsAreOneFailedRequestAndTellNothing(t *testing.T) {
	h := open(t)
	h.idp.panics = true
	w := h.postJSON("/recovery/initiate", wire.InitiateRequest{AccountIdentifier: alice, Actions: []string{"sign-in"}}, "Origin", origin)
	wantProblem(t, w, http.StatusInternalServerError, "", "")
	if strings.Contains(w.Body.String()+h.log.String(), "alice") || !strings.Contains(h.log.String(), "error.stack_trace=") || strings.Count(h.log.String(), "\n") != 1 {
		t.Errorf("told %s, logged %s", w.Body, h.log)
	}
}

func TestAbortedHandlersStayAborted(t *testing.T) {
	h := open(t)
	h.routes["/recovery/"].get = func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // the very value
			t.Error("the server does not learn that the handler gave up")
		}
	}()
	h.get("/recovery/")
}

func TestNewRefusesAnAddressThatIsNotOurs(t *testing.T) {
	good := open(t).Config
	for name, change := range map[string]func(*Config){
		"path in origin":    func(c *Config) { c.Origin += "/" },
		"no origin":         func(c *Config) { c.Origin = "" },
		"no path":           func(c *Config) { c.Path = "" },
		"root":              func(c *Config) { c.Path = "/" },
		"trailing slash":    func(c *Config) { c.Path = "/recovery/" },
		"dot segment":       func(c *Config) { c.Path = "/a/../b" },
		"escape":            func(c *Config) { c.Path = "/a%20b" },
		"no client address": func(c *Config) { c.ClientIP = nil },
	} {
		bad := good
		change(&bad)
		if _, err := New(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What is canonical has one spelling, and whoever cleans it up finds nothing to do.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"/recovery/initiate", "/recovery/", "/a//b", "/a/./b", "/a/../b", "/%61", "/a%2fb", "/a;b", "/\u00e4", "/a b", "/a\x00", "/", "/...", "/a?b#c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(u.Path, "/") || !canonical(u) {
			return
		}
		if cleaned := path.Clean(u.Path); u.EscapedPath() != u.Path || cleaned != u.Path && cleaned+"/" != u.Path {
			t.Errorf("%q is taken for canonical", target)
		}
	})
}

func BenchmarkPassing(b *testing.B) {
	h := open(b)
	r := httptest.NewRequest(http.MethodGet, "/realms/acme/protocol/openid-connect/userinfo", bytes.NewReader(nil))
	w := httptest.NewRecorder()
	next := func(http.ResponseWriter, *http.Request) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		_ = h.ServeHTTP(w, r, next)
	}
}

// A connection that outlives a restart of ours would cost a person the sign-in.
func TestTheIdentityProviderKeepsNoConnectionToUs(t *testing.T) {
	h := open(t)
	for name := range backChannel {
		path := h.prefix + name
		if h.routes[path] == nil {
			t.Errorf("%s is no endpoint", path)
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} { // one of them is refused
			r := request(t, method, path, nil)
			if got := h.serve(r).Header().Get("Connection"); got != "close" {
				t.Errorf("%s %s: Connection is %q", method, path, got)
			}
			r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/3.0", 3, 0
			if got, there := h.serve(r).Header()["Connection"]; there {
				t.Errorf("%s %s over HTTP/3: Connection is %q, which makes the answer malformed", method, path, got)
			}
		}
	}
	if got, there := h.get("/recovery/").Header()["Connection"]; there {
		t.Errorf("a person's page: Connection is %q", got)
	}
}
