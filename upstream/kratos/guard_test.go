package kratos_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/kratos"
)

func guarded(t testing.TB, change ...func(*kratos.Config)) *kratos.Adapter {
	t.Helper()
	cfg := kratos.Config{
		URL: "http://127.0.0.1:4433", AdminURL: "http://127.0.0.1:4434", PublicURL: "https://id.example.com",
		EntryURL: "https://id.example.com/recovery", RecoveryUI: "/ui/recovery", Strict: true,
	}
	for _, c := range change {
		c(&cfg)
	}
	a, err := kratos.New(cfg)
	must(t, err)
	return a
}

func assisting(c *kratos.Config) { c.Strict = false }

func prefixed(c *kratos.Config) { c.PublicURL += "/public" }

// routes are the requests that the guard judges: the table is its contract. strict is the verdict on recoveries that
// Kratos mails out, assist the one where they stay.
var routes = []struct {
	method, target string
	strict, assist upstream.VerdictKind
}{
	{"GET", "/self-service/login/browser?return_to=https://app.example.com", upstream.Pass, upstream.Pass},
	{"GET", "/self-service/login/api", upstream.Pass, upstream.Pass},
	{"POST", "/self-service/login?flow=x", upstream.Pass, upstream.Pass},
	{"GET", "/self-service/settings/browser", upstream.Pass, upstream.Pass},
	{"POST", "/self-service/settings?flow=x", upstream.Pass, upstream.Pass},
	{"GET", "/self-service/recovery-codes", upstream.Pass, upstream.Pass},
	{"GET", "/self-service/errors?id=x", upstream.Pass, upstream.Pass},
	{"GET", "/sessions/whoami", upstream.Pass, upstream.Pass},
	{"DELETE", "/sessions", upstream.Pass, upstream.Pass},
	{"GET", "/schemas/default", upstream.Pass, upstream.Pass},
	{"GET", "/.well-known/ory/webauthn.js", upstream.Pass, upstream.Pass},
	{"GET", "/ui/recovery/help", upstream.Pass, upstream.Pass},
	{"GET", "/administrators", upstream.Pass, upstream.Pass},
	{"GET", "/recovery/help", upstream.Pass, upstream.Pass},
	{"GET", "/app//a;b/%2e%2e?x=/self-service/recovery", upstream.Pass, upstream.Pass}, // another application's

	// Recovery begins.
	{"GET", "/self-service/recovery/browser", upstream.Entrance, upstream.Pass},
	{"HEAD", "/self-service/recovery/browser", upstream.Entrance, upstream.Pass},
	{"GET", "/self-service/recovery/browser/", upstream.Entrance, upstream.Pass},
	{"GET", "/self-service/recovery?flow=x&token=y", upstream.Entrance, upstream.Pass},
	{"GET", "/ui/recovery?flow=x", upstream.Entrance, upstream.Pass},
	{"GET", "/ui/recovery/", upstream.Entrance, upstream.Pass},
	{"POST", "/ui/recovery", upstream.Entrance, upstream.Pass},

	// What follows is not offered.
	{"POST", "/self-service/recovery/browser", upstream.Recovery, upstream.Pass},
	{"POST", "/self-service/recovery?flow=x", upstream.Recovery, upstream.Pass},
	{"PUT", "/self-service/recovery", upstream.Recovery, upstream.Pass},
	{"GET", "/self-service/recovery/api", upstream.Recovery, upstream.Pass},
	{"GET", "/self-service/recovery/flows?id=x", upstream.Recovery, upstream.Pass},
	{"OPTIONS", "/self-service/recovery/browser", upstream.Recovery, upstream.Pass},
	{"GET", "/self-service/recovery/whatever/comes", upstream.Recovery, upstream.Pass},

	// Private.
	{"GET", "/admin/identities", upstream.Blocked, upstream.Blocked},
	{"GET", "/admin", upstream.Blocked, upstream.Blocked},
	{"GET", "/identities", upstream.Blocked, upstream.Blocked},
	{"DELETE", "/identities/x/sessions/", upstream.Blocked, upstream.Blocked},
	{"GET", "/courier/messages", upstream.Blocked, upstream.Blocked},
	{"POST", "/recovery/code", upstream.Blocked, upstream.Blocked},
	{"POST", "/recovery/link", upstream.Blocked, upstream.Blocked},

	// Disguises. Kratos has no route in capitals.
	{"GET", "/Self-Service/Recovery/Browser", upstream.Pass, upstream.Pass},
	{"GET", "//self-service/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service//recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery/browser//", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery/%62rowser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery/%2562rowser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self%2dservice/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/%2573elf-service/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery%2fbrowser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery%5cbrowser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", `/self-service\recovery/browser`, upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/x/../self-service/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/x/%2e%2e/self-service/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/./self-service/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery/browser;a=b", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service;a=b/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/x/..;/self-service/recovery/browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery/..;/../browser", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/self-service/recovery/browser%00", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/%61dmin/identities", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/x/..//recovery/code", upstream.NotCanonical, upstream.NotCanonical},
	{"GET", "/ui//recovery", upstream.NotCanonical, upstream.Pass},
	{"GET", "/ui/%72ecovery", upstream.NotCanonical, upstream.Pass},
}

// request is target as the server's own parser reads it from the wire.
func request(t testing.TB, method, target string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	must(t, err)
	return &http.Request{Method: method, URL: u, RequestURI: target, Header: http.Header{}, Host: "id.example.com"}
}

func TestGuardJudgesEachRouteAsTheTableSays(t *testing.T) {
	strict, assist := guarded(t), guarded(t, assisting)
	for _, c := range routes {
		if got := strict.Guard(request(t, c.method, c.target)); got.Kind != c.strict {
			t.Errorf("strict: %s %s: %v (%s), want %v", c.method, c.target, got.Kind, got.Reason, c.strict)
		}
		if got := assist.Guard(request(t, c.method, c.target)); got.Kind != c.assist {
			t.Errorf("assisting: %s %s: %v (%s), want %v", c.method, c.target, got.Kind, got.Reason, c.assist)
		}
	}
}

// Where the public API has a path, its routes are below that and nowhere else.
func TestGuardJudgesBelowThePathOfThePublicAPI(t *testing.T) {
	a := guarded(t, prefixed)
	for _, c := range routes {
		if strings.HasPrefix(c.target, "/ui/") || strings.HasPrefix(c.target, "/app/") {
			continue
		}
		if got := a.Guard(request(t, c.method, "/public"+c.target)); got.Kind != c.strict {
			t.Errorf("%s /public%s: %v (%s), want %v", c.method, c.target, got.Kind, got.Reason, c.strict)
		}
	}
	for target, want := range map[string]upstream.VerdictKind{
		"/self-service/recovery/browser":           upstream.Pass,
		"/admin/identities":                        upstream.Pass,
		"/public":                                  upstream.Pass,
		"/publicity/self-service/recovery/browser": upstream.Pass,
		"/PUBLIC/self-service/recovery/browser":    upstream.Entrance, // and what else Caddy takes for the prefix, where it strips it
		"/Public/self-service/recovery/api":        upstream.Recovery,
		"/publicself-service/recovery/api":         upstream.Recovery,
		"/public./self-service/recovery/api":       upstream.Recovery,
		"/public../self-service/recovery/api":      upstream.Recovery,
		"/Public/admin/identities":                 upstream.Blocked,
		"/publicadmin/identities":                  upstream.Blocked,
		"/%50UBLIC/self-service/recovery/browser":  upstream.NotCanonical,
		"/publi":                                    upstream.Pass,
		"/ui/recovery":                              upstream.Entrance,
		"/public/self-service/recovery/browser":     upstream.Entrance,
		"/x/../public/self-service/recovery/api":    upstream.NotCanonical,
		"/%70ublic/self-service/recovery/browser":   upstream.NotCanonical,
		"/public/x/../../self-service/recovery/api": upstream.Pass,
	} {
		if got := a.Guard(request(t, "GET", target)); got.Kind != want {
			t.Errorf("%s: %v (%s), want %v", target, got.Kind, got.Reason, want)
		}
	}
}

func TestWithoutAPageForRecoveryNoneIsAnEntrance(t *testing.T) {
	a := guarded(t, func(c *kratos.Config) { c.RecoveryUI = "" })
	for _, target := range []string{"/", "/ui/recovery"} {
		if got := a.Guard(request(t, "GET", target)); got.Kind != upstream.Pass {
			t.Errorf("%s: %v", target, got.Kind)
		}
	}
}

func TestAnEntranceKeepsWhereThePersonCameFromAndNothingElse(t *testing.T) {
	a := guarded(t)
	for query, want := range map[string]string{
		"":                       "",
		"return_to=":             "",
		"flow=x&token=secret":    "",
		"RETURN_TO=https://a.b":  "",
		"return_to=https://a.b/": "return_to=https%3A%2F%2Fa.b%2F",
		"login_challenge=c&flow=x&refresh=true&return_to=https://a.b/?x=1": "login_challenge=c&return_to=https%3A%2F%2Fa.b%2F%3Fx%3D1",
		"return_to=https://a.b/&return_to=https://c.d/":                    "return_to=https%3A%2F%2Fa.b%2F",
		"return_to=https://a.b/%26login_challenge%3Dc":                     "return_to=https%3A%2F%2Fa.b%2F%26login_challenge%3Dc",
	} {
		for _, path := range []string{"/self-service/recovery/browser", "/ui/recovery"} {
			if got := a.Guard(request(t, "GET", path+"?"+query)); got.Kind != upstream.Entrance || got.Entry != want {
				t.Errorf("%s?%s: %+v, want %q", path, query, got, want)
			}
		}
	}
	if got := a.Guard(request(t, "GET", "/self-service/recovery/api?return_to=https://a.b/")); got.Entry != "" {
		t.Errorf("no entrance, but entry %q", got.Entry)
	}
}

// The login app may lead there itself, which in mode assist is the only way.
func TestALinkToTheStartPageKeepsWhereThePersonCameFrom(t *testing.T) {
	for mode, a := range map[string]*kratos.Adapter{"strict": guarded(t), "assist": guarded(t, assisting), "below a path": guarded(t, prefixed)} {
		for target, want := range map[string]string{
			"/recovery?flow=x&return_to=https://a.b/": "return_to=https%3A%2F%2Fa.b%2F",
			"/recovery/?login_challenge=c":            "login_challenge=c",
			"/recovery?flow=x":                        "",
			"/recovery?login_challenge=&return_to=":   "",
			"/recovery/start?login_challenge=c":       "",
			"/public/recovery?login_challenge=c":      "",
		} {
			if got := a.Guard(request(t, "GET", target)); (got.Kind == upstream.Entrance) != (want != "") || got.Entry != want {
				t.Errorf("%s, %s: %+v, want %q", mode, target, got, want)
			}
		}
	}
}

func TestScriptsAreLedToTheGatewayInKratosOwnWords(t *testing.T) {
	a := guarded(t)
	const start = "https://id.example.com/recovery"
	for target, to := range map[string]string{
		"/self-service/recovery/browser":                                          start,
		"/self-service/recovery/api":                                              start,
		"/self-service/recovery?flow=x&code=123456":                               start,
		"/self-service/recovery/browser?return_to=https://a.b/%3Fc%26d&x=y":       start + "?return_to=https%3A%2F%2Fa.b%2F%3Fc%26d",
		"/self-service/recovery/browser?login_challenge=c&return_to=https://a.b/": start + "?login_challenge=c&return_to=https%3A%2F%2Fa.b%2F",
		"/ui/recovery":                        start,
		"/ui/recovery?return_to=https://a.b/": start + "?return_to=https%3A%2F%2Fa.b%2F",
	} {
		reply := a.Guard(request(t, "GET", target)).JSON
		var said struct {
			Error struct {
				ID   string `json:"id"`
				Code int    `json:"code"`
			} `json:"error"`
			To string `json:"redirect_browser_to"`
		}
		if reply == nil || json.Unmarshal(reply.Body, &said) != nil || reply.Status != http.StatusUnprocessableEntity ||
			said.Error.Code != reply.Status || said.Error.ID != "browser_location_change_required" || said.To != to {
			t.Errorf("%s: %+v, want %s", target, said, to)
		}
	}
	if reply := a.Guard(request(t, "GET", "/admin/identities")).JSON; reply != nil {
		t.Errorf("a private route has words of Kratos': %s", reply.Body)
	}
}

func TestAPassingPathCostsNoAllocation(t *testing.T) {
	plain, below := guarded(t), guarded(t, prefixed)
	for _, target := range []string{"/self-service/login/browser?return_to=x", "/sessions/whoami", "/app/style.css", "/public/sessions/whoami", "/"} {
		r := request(t, "GET", target)
		for _, a := range []*kratos.Adapter{plain, below} {
			if n := testing.AllocsPerRun(100, func() { a.Guard(r) }); n != 0 {
				t.Errorf("%s costs %v allocations", target, n)
			}
		}
	}
}

func FuzzGuardLetsNoDisguisePass(f *testing.F) {
	for _, c := range routes {
		f.Add(c.target)
		f.Add("/public" + c.target)
		f.Add("/PUBLIC." + c.target)
	}
	plain, below := guarded(f), guarded(f, prefixed)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: "POST", URL: u, RequestURI: target}
		for prefix, a := range map[string]*kratos.Adapter{"": plain, "/public": below} {
			if a.Guard(r).Kind != upstream.Pass {
				continue
			}
			// What passes is read alike by everybody, or is not Kratos'.
			for _, reading := range upstream.Readings(u) {
				if len(reading) < len(prefix) || !strings.EqualFold(reading[:len(prefix)], prefix) {
					continue
				}
				served := path.Clean("/" + reading[len(prefix):]) // where the site takes the prefix off, as Caddy does
				for _, route := range []string{"/admin", "/identities", "/courier", "/self-service/recovery"} {
					if served == route || strings.HasPrefix(served, route+"/") {
						t.Errorf("%q passes and can be read as %q", target, reading)
					}
				}
			}
		}
	})
}
