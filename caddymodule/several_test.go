package caddymodule

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The upstreams of severalCaddyfile.
const (
	acme     = "keycloak-acme"  // testOrigin/recovery
	other    = "keycloak-other" // testOrigin/other
	partners = "partners"       // partnersOrigin/recovery

	partnersOrigin = "https://partners.example.com"
)

// severalCaddyfile has two realms of one Keycloak at one origin, and a provider at another. Nothing of it need run.
func severalCaddyfile(t testing.TB) string {
	t.Helper()
	before, rest, _ := strings.Cut(goodCaddyfile(t, testOrigin), "\t\tupstream ")
	_, after, _ := strings.Cut(rest, "\t\tmethod ")
	return before + strings.ReplaceAll(`		upstream keycloak http://127.0.0.1:9 {
			realm acme
			client regrant SECRET
			broker_client acme SECRET
		}
		upstream keycloak http://127.0.0.1:9 {
			realm other
			path /other
			client regrant SECRET
			broker_client other SECRET
		}
		upstream oidc https://idp.example {
			name partners
			issuer https://partners.example.com
			client regrant SECRET
			broker_client idp SECRET
			broker_redirect https://idp.example/callback
			assume_unprivileged risk_analysis RA-2026-015
		}
		method `, "SECRET", testSecret) + after
}

// loadText provisions the app of a Caddyfile.
func loadText(t testing.TB, text string) (app *App, unload func()) {
	t.Helper()
	app, unload, err := load(t, appJSON(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return app, unload
}

// severalApp is the running app of severalCaddyfile after edits.
func severalApp(t testing.TB, edits ...string) *App {
	t.Helper()
	privateData(t)
	app, _ := loadText(t, strings.NewReplacer(edits...).Replace(severalCaddyfile(t)))
	mustOpen(t, app)
	return app
}

// send sends one request through a directive, and says whether it passed.
func send(t testing.TB, h *Handler, method, url string) (w *httptest.ResponseRecorder, passed bool, err error) {
	t.Helper()
	w = httptest.NewRecorder()
	err = h.ServeHTTP(w, httptest.NewRequest(method, url, http.NoBody), caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		passed = true
		return nil
	}))
	return w, passed, err
}

// outcome is what came of a request, in a word.
func outcome(t testing.TB, h *Handler, url string) string {
	t.Helper()
	w, passed, err := send(t, h, http.MethodGet, url)
	var refused caddyhttp.HandlerError
	switch {
	case errors.As(err, &refused) && refused.StatusCode == http.StatusMisdirectedRequest && !passed:
		return "misdirected"
	case err != nil:
		return err.Error()
	case passed:
		return "passes"
	case w.Code == http.StatusOK:
		return strings.TrimSpace(w.Body.String())
	default:
		return http.StatusText(w.Code)
	}
}

const jwks, discovery = "/recovery/jwks.json", "/oidc/.well-known/openid-configuration"

func TestEachUpstreamAnswersBelowItsOwnOriginAndPath(t *testing.T) {
	h := directive(t, severalApp(t))
	for _, issuer := range []string{testOrigin + "/recovery", testOrigin + "/other", partnersOrigin + "/recovery"} {
		origin, path := issuer[:strings.LastIndex(issuer, "/")], issuer[strings.LastIndex(issuer, "/"):]
		for _, url := range []string{issuer + discovery, origin + "/.well-known/oauth-authorization-server" + path} {
			if got := outcome(t, h, url); !strings.Contains(got, `"issuer":"`+issuer) {
				t.Errorf("%s: %s", url, got)
			}
		}
	}
}

// The host chooses among what is configured, in every form in which it names the same origin, and in no other.
func TestTheHostChoosesTheUpstream(t *testing.T) {
	app := severalApp(t)
	for url, want := range map[string]string{
		"https://id.example.com" + jwks:           acme,
		"https://ID.Example.COM" + jwks:           acme,
		"https://id.example.com:443" + jwks:       acme,
		"https://partners.example.com" + jwks:     partners,
		"https://id.example.com/other/jwks.json":  other,
		"https://id.example.com:8443" + jwks:      "misdirected",
		"https://id.example.com." + jwks:          "misdirected",
		"https://elsewhere.example.com" + jwks:    "misdirected",
		"https://partners.example.com/other/":     "misdirected",
		"https://partners.example.com/other":      "misdirected",
		"https://127.0.0.1/recovery/initiate":     "misdirected",
		"https://elsewhere.example.com/otherwise": "",
		"https://partners.example.com/others/":    "",
	} {
		t.Run(url, func(t *testing.T) {
			f, err := app.front(nil)
			if err != nil {
				t.Fatal(err)
			}
			owner, err := f.owner(httptest.NewRequest(http.MethodGet, url, http.NoBody))
			switch {
			case want == "misdirected" && (owner != nil || err == nil):
				t.Errorf("it is answered")
			case want == "" && (owner != nil || err != nil):
				t.Errorf("owner %v, error %v", owner, err)
			case want != "misdirected" && want != "" && (err != nil || owner == nil || owner.name != want):
				t.Errorf("owner %v, error %v", owner, err)
			}
		})
	}
}

// Two realms may be behind one server: a site is no way around what guards the other's.
func TestEveryUpstreamJudgesWhatPasses(t *testing.T) {
	app := severalApp(t)
	const mailed = "/login-actions/action-token?key=x"
	for _, host := range []string{testOrigin, partnersOrigin, "https://elsewhere.example.com"} {
		for path, want := range map[string]string{
			"/realms/acme/account":     "passes",
			"/realms/other/account":    "passes",
			"/realms/third" + mailed:   "passes",
			"/realms/acme" + mailed:    "Forbidden",
			"/realms/other" + mailed:   "Forbidden",
			"/realms/master/account":   "Not Found",
			"/realms/acme/%61ccount":   "Bad Request",
			"/realms/other/./account/": "Bad Request",
		} {
			if got := outcome(t, directive(t, app), host+path); got != want {
				t.Errorf("%s%s: %s, want %s", host, path, got, want)
			}
		}
	}
}

func TestOnlyTheUpstreamsThatAreNamedAreServed(t *testing.T) {
	app := severalApp(t)
	for _, c := range []struct {
		names []string
		url   string
		want  string
	}{
		{[]string{partners}, partnersOrigin + "/", "passes"}, // which a guard of Keycloak refuses
		{nil, partnersOrigin + "/", "Not Found"},
		{[]string{acme}, testOrigin + "/realms/acme/login-actions/action-token", "Forbidden"},
		{[]string{acme}, testOrigin + "/realms/other/login-actions/action-token", "passes"},
		{[]string{acme}, testOrigin + "/other/jwks.json", "passes"},
		{[]string{other}, testOrigin + "/realms/other/login-actions/action-token", "Forbidden"},
	} {
		if got := outcome(t, directive(t, app, c.names...), c.url); got != c.want {
			t.Errorf("%q, %s: %s, want %s", c.names, c.url, got, c.want)
		}
	}
}

// A site for devices has a host of its own: who is named there answers, if the path says who.
func TestANamedUpstreamAnswersAtAnotherHost(t *testing.T) {
	app := severalApp(t)
	const site = "https://devices.example.com"
	for _, c := range []struct {
		names []string
		path  string
		want  string // issuer, or what comes of it
	}{
		{[]string{acme}, "/recovery", testOrigin + "/recovery"},
		{[]string{partners}, "/recovery", partnersOrigin + "/recovery"},
		{[]string{acme, other}, "/recovery", testOrigin + "/recovery"},
		{[]string{acme, other}, "/other", testOrigin + "/other"},
		{[]string{acme, partners}, "/recovery", "misdirected"},
		{nil, "/recovery", "misdirected"},
		{nil, "/other", "misdirected"},
	} {
		if got := outcome(t, directive(t, app, c.names...), site+c.path+discovery); !strings.Contains(got, c.want) {
			t.Errorf("%q, %s: %s, want %s", c.names, c.path, got, c.want)
		}
	}
}

func TestTheOnlyUpstreamAnswersAtEveryHost(t *testing.T) {
	privateData(t)
	app, _ := mustLoad(t)
	mustOpen(t, app)
	if got := outcome(t, directive(t, app), "https://devices.example.com/recovery"+discovery); !strings.Contains(got, testOrigin) {
		t.Error(got)
	}
}

func TestNamesOfADirectiveAreThoseOfUpstreams(t *testing.T) {
	app := severalApp(t)
	for name, names := range map[string][]string{
		"unknown": {acme, "keycloak-third"},
		"twice":   {acme, other, acme},
		"empty":   {""},
	} {
		if _, err := app.front(names); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := app.devicePool(names); err == nil {
			t.Errorf("%s: accepted by the pool", name)
		}
	}
	if _, err := app.front([]string{"keycloak-third"}); err == nil || !strings.Contains(err.Error(), acme+", "+other+", "+partners) {
		t.Errorf("the error names no choice: %v", err)
	}
}

func TestWhileClosedEachUpstreamIsUnavailableAndTrafficPasses(t *testing.T) {
	privateData(t)
	app, _ := loadText(t, severalCaddyfile(t)) // and not started
	if err := app.opener.close(); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		testOrigin + "/realms/acme/account":                            "passes",
		partnersOrigin + "/realms/acme/account":                        "passes",
		testOrigin + jwks:                                              "Service Unavailable",
		testOrigin + "/other/initiate":                                 "Service Unavailable",
		partnersOrigin + jwks:                                          "Service Unavailable",
		partnersOrigin + "/other/initiate":                             "misdirected",
		partnersOrigin + "/realms/other/login-actions/action-token":    "Service Unavailable",
		"https://elsewhere.example.com/realms/master/account":          "Service Unavailable",
		testOrigin + "/.well-known/oauth-authorization-server/other":   "Service Unavailable",
		testOrigin + "/.well-known/oauth-authorization-server/another": "passes",
	} {
		if got := outcome(t, directive(t, app), url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
