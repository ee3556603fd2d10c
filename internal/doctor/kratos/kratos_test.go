package kratos

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/doctor/doctortest"
)

const csrf = "csrf_token_x=y; Path=/; Secure; HttpOnly; SameSite=Lax"

// good is a server in which all is well, in mode assist; a test changes single answers of the server, or of the site.
func good(t *testing.T, server, site doctortest.Answers) *doctor.Server {
	t.Helper()
	itself := doctortest.Answers{
		"/admin/version": doctortest.Say(200, `{"version":"v26.2.0"}`), "/admin/health/alive": doctortest.Say(200, `{}`),
		"/self-service/recovery/api": doctortest.Say(400, `{}`), "/self-service/login/api": doctortest.Say(200, `{"ui":{"nodes":[{"group":"password"}]}}`),
		"/self-service/registration/api": doctortest.Say(400, `{}`), "/self-service/login/browser": doctortest.Say(400, `{}`),
	}
	maps.Copy(itself, server)
	own := httptest.NewServer(itself)
	t.Cleanup(own.Close)
	front := doctortest.Answers{}
	public := httptest.NewServer(front)
	t.Cleanup(public.Close)
	front["/self-service/login/browser"] = doctortest.Say(200, `{"ui":{"action":"`+public.URL+`/self-service/login"}}`, "Set-Cookie", csrf)
	front["/ui/recovery"] = doctortest.Say(303, "", "Location", "/recovery")
	maps.Copy(front, site)
	return doctor.NewSite(doctor.Deployment{
		Origin: public.URL, Path: "/recovery", Provider: doctor.Provider{Kind: "kratos", URL: own.URL, AdminURL: own.URL, RecoveryUI: "/ui/recovery"},
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
	late := doctortest.Say(200, `{}`, "Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	form := func(action string) http.HandlerFunc {
		return doctortest.Say(200, `{"ui":{"action":"`+action+`"}}`, "Set-Cookie", csrf)
	}
	for name, c := range map[string]struct {
		id           string
		want         doctor.Status
		server, site doctortest.Answers
	}{
		"old":               {"kratos-version", doctor.StatusFail, doctortest.Answers{"/admin/version": doctortest.Say(200, `{"version":"v1.2.0"}`)}, nil},
		"with a known hole": {"kratos-version", doctor.StatusWarn, doctortest.Answers{"/admin/version": doctortest.Say(200, `{"version":"v25.4.0"}`)}, nil},
		"without a version": {"kratos-version", doctor.StatusWarn, doctortest.Answers{"/admin/version": doctortest.Say(200, `{"version":"master"}`)}, nil},
		"silent about it":   {"kratos-version", doctor.StatusUnknown, doctortest.Answers{"/admin/version": doctortest.Say(500, ``)}, nil},
		"a clock behind":    {"clock-skew", doctor.StatusFail, doctortest.Answers{"/admin/health/alive": late}, nil},
		"recovery open":     {"kratos-recovery-closed", doctor.StatusFail, doctortest.Answers{"/self-service/recovery/api": doctortest.Say(200, `{}`)}, nil},
		"recovery nowhere":  {"kratos-recovery-closed", doctor.StatusUnknown, doctortest.Answers{"/self-service/recovery/api": doctortest.Say(404, ``)}, nil},
		"register nowhere":  {"kratos-registration", doctor.StatusUnknown, doctortest.Answers{"/self-service/registration/api": doctortest.Say(404, ``)}, nil},
		"sign-in nowhere":   {"kratos-mail-login", doctor.StatusUnknown, doctortest.Answers{"/self-service/login/api": doctortest.Say(404, ``)}, nil},
		"return nowhere":    {"kratos-returns", doctor.StatusUnknown, doctortest.Answers{"/self-service/login/browser": doctortest.Say(404, ``)}, nil},
		"recovery broken":   {"kratos-recovery-closed", doctor.StatusUnknown, doctortest.Answers{"/self-service/recovery/api": doctortest.Say(500, `{}`)}, nil},
		"a mailed code":     {"kratos-mail-login", doctor.StatusFail, doctortest.Answers{"/self-service/login/api": doctortest.Say(200, `{"ui":{"nodes":[{"group":"code"}]}}`)}, nil},
		"a code, perhaps":   {"kratos-mail-login", doctor.StatusUnknown, doctortest.Answers{"/self-service/login/api": doctortest.Say(200, `{"ui":{"nodes":[{"group":"default"},{"group":"identifier_first"}]}}`)}, nil},
		"registration":      {"kratos-registration", doctor.StatusWarn, doctortest.Answers{"/self-service/registration/api": doctortest.Say(200, `{"ui":{}}`)}, nil},
		"other sites":       {"kratos-returns", doctor.StatusFail, doctortest.Answers{"/self-service/login/browser": doctortest.Say(200, `{}`)}, nil},
		"a cookie in clear": {"idp-cookies", doctor.StatusFail, nil, doctortest.Answers{"/self-service/login/browser": doctortest.Say(200, `{}`, "Set-Cookie", "csrf_token_x=y; Path=/")}},
		"no cookie":         {"idp-cookies", doctor.StatusUnknown, nil, doctortest.Answers{"/self-service/login/browser": doctortest.Say(200, `{}`)}},
		"a form elsewhere":  {"idp-forwarded-host", doctor.StatusFail, nil, doctortest.Answers{"/self-service/login/browser": form("https://other.example/login")}},
		"a form for a liar": {"idp-forwarded-host", doctor.StatusFail, nil, doctortest.Answers{"/self-service/login/browser": form("https://elsewhere.invalid/login")}},
		"a page of its own": {"kratos-recovery-ui", doctor.StatusFail, nil, doctortest.Answers{"/ui/recovery": doctortest.Say(200, ``)}},
		"the admin API":     {"idp-admin-paths", doctor.StatusFail, nil, doctortest.Answers{"/admin/identities": doctortest.Say(200, `[]`)}},
		"its address":       {"kratos-admin-leak", doctor.StatusFail, nil, doctortest.Answers{"/recovery/code": doctortest.Say(307, ``, "Location", "http://10.0.0.7:4434/admin/recovery/code")}},
	} {
		t.Run(name, func(t *testing.T) {
			s := good(t, c.server, c.site)
			s.Strict = true
			if f := doctortest.Of(t, doctor.Examine(t.Context(), s, Checks), c.id); f.Status != c.want {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestAPageForRecoveryThatIsNotNamedOrNotTakenOverPasses(t *testing.T) {
	for name, change := range map[string]func(*doctor.Server){
		"led to the gateway":          func(s *doctor.Server) { s.Strict = true },
		"none named":                  func(s *doctor.Server) { s.Strict, s.Provider.RecoveryUI = true, "" },
		"left as it is, as of assist": func(s *doctor.Server) { s.Provider.RecoveryUI = "/ui/own" },
	} {
		s := good(t, nil, doctortest.Answers{"/ui/own": doctortest.Say(200, ``)})
		change(s)
		if f := doctortest.Of(t, doctor.Examine(t.Context(), s, Checks), "kratos-recovery-ui"); f.Status != doctor.StatusPass {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestARecoveryThatModeAssistLeavesIsWorthALook(t *testing.T) {
	s := good(t, doctortest.Answers{"/self-service/recovery/api": doctortest.Say(200, `{}`)}, nil)
	f := doctortest.Of(t, doctor.Examine(t.Context(), s, Checks), "kratos-recovery-closed")
	if f.Status != doctor.StatusWarn || !strings.Contains(f.Seen, "mode is assist") || !strings.Contains(f.Seen, "init kratos --mode strict") || f.Remedy == "" {
		t.Errorf("%+v", f)
	}
}

func TestAMailedCodeIsNoWorseThanWhatModeAssistLeaves(t *testing.T) {
	for _, group := range []string{"code", "identifier_first"} {
		s := good(t, doctortest.Answers{"/self-service/login/api": doctortest.Say(200, `{"ui":{"nodes":[{"group":"`+group+`"}]}}`)}, nil)
		f := doctortest.Of(t, doctor.Examine(t.Context(), s, Checks), "kratos-mail-login")
		if f.Status != doctor.StatusWarn || !strings.Contains(f.Seen, "mode assist") {
			t.Errorf("%s: %+v", group, f)
		}
	}
}

func TestPromisedSessionTokensAreNamed(t *testing.T) {
	s := good(t, nil, nil)
	s.Provider.SessionTokens = true
	if f := doctortest.Of(t, doctor.Examine(t.Context(), s, Checks), "kratos-session-tokens"); f.Status != doctor.StatusWarn {
		t.Errorf("%+v", f)
	}
}
