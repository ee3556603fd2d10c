package kratos

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/doctor"
)

// answers are those of a Kratos and of the site before it, by path. A real one is asked in the integration tests; this one
// can have faults that it is hard to give to a real one.
type answers map[string]http.HandlerFunc

func say(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

const csrf = "csrf_token_x=y; Path=/; Secure; HttpOnly; SameSite=Lax"

func (a answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if answer, ok := a[r.URL.Path]; ok {
		answer(w, r)
		return
	}
	http.NotFound(w, r)
}

// good is a server in which all is well; a test changes single answers of the server, or of the site.
func good(t *testing.T, server, site answers) *doctor.Server {
	t.Helper()
	itself := answers{
		"/admin/version": say(200, `{"version":"v1.3.1"}`), "/admin/health/alive": say(200, `{}`),
		"/self-service/recovery/api": say(400, `{}`), "/self-service/login/api": say(200, `{"ui":{"nodes":[{"group":"password"}]}}`),
		"/self-service/registration/api": say(400, `{}`), "/self-service/login/browser": say(400, `{}`),
	}
	maps.Copy(itself, server)
	own := httptest.NewServer(itself)
	t.Cleanup(own.Close)
	front := answers{}
	public := httptest.NewServer(front)
	t.Cleanup(public.Close)
	front["/self-service/login/browser"] = say(200, `{"ui":{"action":"`+public.URL+`/self-service/login"}}`, "Set-Cookie", csrf)
	maps.Copy(front, site)
	return doctor.NewSite(doctor.Deployment{
		Origin: public.URL, Path: "/recovery", Provider: doctor.Provider{Kind: "kratos", URL: own.URL, AdminURL: own.URL},
	}, nil).Bypass()
}

func TestAGoodKratosPasses(t *testing.T) {
	s := good(t, nil, nil)
	for _, f := range doctor.Examine(t.Context(), s, Checks) {
		if f.Status != doctor.StatusPass {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultOfAKratosIsFound(t *testing.T) {
	late := say(200, `{}`, "Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	form := func(action string) http.HandlerFunc {
		return say(200, `{"ui":{"action":"`+action+`"}}`, "Set-Cookie", csrf)
	}
	for name, c := range map[string]struct {
		id           string
		want         doctor.Status
		server, site answers
	}{
		"old":               {"kratos-version", doctor.StatusFail, answers{"/admin/version": say(200, `{"version":"v1.2.0"}`)}, nil},
		"without a version": {"kratos-version", doctor.StatusWarn, answers{"/admin/version": say(200, `{"version":"master"}`)}, nil},
		"silent about it":   {"kratos-version", doctor.StatusUnknown, answers{"/admin/version": say(500, ``)}, nil},
		"a clock behind":    {"clock-skew", doctor.StatusFail, answers{"/admin/health/alive": late}, nil},
		"recovery open":     {"kratos-recovery-closed", doctor.StatusFail, answers{"/self-service/recovery/api": say(200, `{}`)}, nil},
		"recovery nowhere":  {"kratos-recovery-closed", doctor.StatusUnknown, answers{"/self-service/recovery/api": say(404, ``)}, nil},
		"register nowhere":  {"kratos-registration", doctor.StatusUnknown, answers{"/self-service/registration/api": say(404, ``)}, nil},
		"sign-in nowhere":   {"kratos-mail-login", doctor.StatusUnknown, answers{"/self-service/login/api": say(404, ``)}, nil},
		"return nowhere":    {"kratos-returns", doctor.StatusUnknown, answers{"/self-service/login/browser": say(404, ``)}, nil},
		"recovery broken":   {"kratos-recovery-closed", doctor.StatusUnknown, answers{"/self-service/recovery/api": say(500, `{}`)}, nil},
		"a mailed code":     {"kratos-mail-login", doctor.StatusFail, answers{"/self-service/login/api": say(200, `{"ui":{"nodes":[{"group":"code"}]}}`)}, nil},
		"registration":      {"kratos-registration", doctor.StatusWarn, answers{"/self-service/registration/api": say(200, `{"ui":{}}`)}, nil},
		"other sites":       {"kratos-returns", doctor.StatusFail, answers{"/self-service/login/browser": say(200, `{}`)}, nil},
		"a cookie in clear": {"idp-cookies", doctor.StatusFail, nil, answers{"/self-service/login/browser": say(200, `{}`, "Set-Cookie", "csrf_token_x=y; Path=/")}},
		"no cookie":         {"idp-cookies", doctor.StatusUnknown, nil, answers{"/self-service/login/browser": say(200, `{}`)}},
		"a form elsewhere":  {"idp-forwarded-host", doctor.StatusFail, nil, answers{"/self-service/login/browser": form("https://other.example/login")}},
		"a form for a liar": {"idp-forwarded-host", doctor.StatusFail, nil, answers{"/self-service/login/browser": form("https://elsewhere.invalid/login")}},
		"the admin API":     {"idp-admin-paths", doctor.StatusFail, nil, answers{"/admin/identities": say(200, `[]`)}},
		"its address":       {"kratos-admin-leak", doctor.StatusFail, nil, answers{"/recovery/code": say(307, ``, "Location", "http://10.0.0.7:4434/admin/recovery/code")}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range doctor.Examine(t.Context(), good(t, c.server, c.site), Checks) {
				if f.Check == c.id && f.Status != c.want {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestPromisedSessionTokensAreNamed(t *testing.T) {
	s := good(t, nil, nil)
	s.Provider.SessionTokens = true
	for _, f := range doctor.Examine(t.Context(), s, Checks) {
		if f.Check == "kratos-session-tokens" && f.Status != doctor.StatusWarn {
			t.Errorf("%+v", f)
		}
	}
}
