package hydra

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/doctor/doctortest"
)

const (
	cookie  = "ory_hydra_login_csrf_1=x; Path=/; Secure; HttpOnly; SameSite=None"
	gateway = `{"client_id":"regrant-gateway","grant_types":["authorization_code"],"response_types":["code"],"redirect_uris":["ORIGIN/recovery/login/callback"],
		"scope":"openid profile email","token_endpoint_auth_method":"client_secret_basic","subject_type":"public"}`
	programs = `{"client_id":"regrant-programs","grant_types":["urn:ietf:params:oauth:grant-type:jwt-bearer"],"response_types":[],"redirect_uris":[],
		"scope":"x","token_endpoint_auth_method":"client_secret_basic","jwt_bearer_grant_access_token_lifespan":"5m0s"}`
	own    = clientsPath + "/regrant-gateway"
	theirs = clientsPath + "/regrant-programs"
)

func login(to string) http.HandlerFunc {
	return doctortest.Say(302, "", "Location", to+"?login_challenge=x", "Set-Cookie", cookie)
}

// good is a server in which all is well; a test changes single answers of the admin API, of the server, or of the site.
func good(t *testing.T, admin, server, site doctortest.Answers) *doctor.Server {
	t.Helper()
	front := doctortest.Answers{}
	public := httptest.NewTLSServer(front)
	t.Cleanup(public.Close)
	roots := x509.NewCertPool()
	roots.AddCert(public.Certificate())
	const issuer = "https://hydra.example"
	document := `{"issuer":"` + issuer + `","authorization_endpoint":"ORIGIN/oauth2/auth","token_endpoint":"ORIGIN/oauth2/token","jwks_uri":"ORIGIN/.well-known/jwks.json"}`
	document, ours := strings.ReplaceAll(document, "ORIGIN", public.URL), strings.ReplaceAll(gateway, "ORIGIN", public.URL)
	start := func(a doctortest.Answers, changes doctortest.Answers) string {
		maps.Copy(a, changes)
		s := httptest.NewServer(a)
		t.Cleanup(s.Close)
		return s.URL
	}
	itself := start(doctortest.Answers{
		discovery: doctortest.Say(200, document), "/oauth2/auth": login("https://login.example/login"), "/oauth2/register/none": doctortest.Say(404, "{}"),
	}, server)
	private := start(doctortest.Answers{
		"/version": doctortest.Say(200, `{"version":"v26.2.0"}`), "/health/alive": doctortest.Say(200, `{}`), own: doctortest.Say(200, ours), theirs: doctortest.Say(200, programs),
		clientsPath: doctortest.Say(200, "["+ours+","+programs+"]"), trustsPath: doctortest.Say(200, "[]"),
	}, admin)
	maps.Copy(front, doctortest.Answers{
		discovery: doctortest.Say(200, document), "/oauth2/auth": login("https://login.example/login"), "/ui/forgot": doctortest.Say(303, "", "Location", "/recovery"),
	})
	maps.Copy(front, site)
	return doctor.NewSite(doctor.Deployment{
		Origin: public.URL, Path: "/recovery", Provider: doctor.Provider{
			Kind: "hydra", URL: itself, AdminURL: private, ClientID: "regrant-gateway", GrantID: "regrant-programs", HydraIssuer: issuer,
			RecoveryUI: "/ui/forgot", Unprivileged: true,
		},
	}, roots).Bypass()
}

func TestAGoodHydraPasses(t *testing.T) {
	for _, f := range doctor.Examine(t.Context(), good(t, nil, nil, nil), Checks) {
		if f.Status != best(f.Check) {
			t.Errorf("%+v", f)
		}
	}
}

// best is how a check ends where all is well.
func best(id string) doctor.Status {
	if id == disabled {
		return doctor.StatusWarn
	}
	return doctor.StatusPass
}

// changed is the gateway's client, or another, with one text in it replaced.
func changed(t *testing.T, client, old, text string) http.HandlerFunc {
	t.Helper()
	if !strings.Contains(client, old) {
		t.Fatalf("nothing is changed: there is no %s", old)
	}
	return doctortest.Say(200, strings.Replace(client, old, text, 1))
}

// named is the check with an id.
func named(t *testing.T, id string) doctor.Check[*doctor.Server] {
	t.Helper()
	i := slices.IndexFunc(Checks, func(c doctor.Check[*doctor.Server]) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	return Checks[i]
}

func TestEachFaultOfAHydraIsFound(t *testing.T) {
	late := doctortest.Say(200, `{}`, "Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	for name, c := range map[string]struct {
		id                  string
		want                doctor.Status
		admin, server, site doctortest.Answers
	}{
		"too old":                {"hydra-version", doctor.StatusFail, doctortest.Answers{"/version": doctortest.Say(200, `{"version":"v2.2.0"}`)}, nil, nil},
		"with a known hole":      {"hydra-version", doctor.StatusWarn, doctortest.Answers{"/version": doctortest.Say(200, `{"version":"v2.3.0"}`)}, nil, nil},
		"without a version":      {"hydra-version", doctor.StatusWarn, doctortest.Answers{"/version": doctortest.Say(200, `{"version":"master"}`)}, nil, nil},
		"silent about it":        {"hydra-version", doctor.StatusUnknown, doctortest.Answers{"/version": doctortest.Say(500, ``)}, nil, nil},
		"a clock behind":         {"clock-skew", doctor.StatusFail, doctortest.Answers{"/health/alive": late}, nil, nil},
		"another issuer":         {"hydra-issuer", doctor.StatusFail, nil, doctortest.Answers{discovery: doctortest.Say(200, `{"issuer":"https://hydra.example/"}`)}, nil},
		"no issuer":              {"hydra-issuer", doctor.StatusUnknown, nil, doctortest.Answers{discovery: doctortest.Say(503, ``)}, nil},
		"one port for both":      {"hydra-admin-apart", doctor.StatusFail, nil, doctortest.Answers{clientsPath: doctortest.Say(200, `[]`)}, nil},
		"no login app":           {"hydra-login-app", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": login("https://hydra.example/oauth2/fallbacks/login")}, nil},
		"a login app in clear":   {"hydra-login-app", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": login("http://login.example/login")}, nil},
		"a sign-in refused":      {"hydra-login-app", doctor.StatusUnknown, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, "", "Location", "/oauth2/fallbacks/error?error=x")}, nil},
		"in development":         {"hydra-dev-mode", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, "", "Set-Cookie", "ory_hydra_login_csrf_dev_1=x")}, nil},
		"named dev elsewhere":    {"hydra-dev-mode", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, "", "Set-Cookie", "csrf_dev=x")}, nil},
		"no cookie to judge by":  {"hydra-dev-mode", doctor.StatusUnknown, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, "")}, nil},
		"registration":           {"hydra-registration", doctor.StatusWarn, nil, doctortest.Answers{"/oauth2/register/none": doctortest.Say(401, `{}`)}, nil},
		"registration broken":    {"hydra-registration", doctor.StatusUnknown, nil, doctortest.Answers{"/oauth2/register/none": doctortest.Say(500, `{}`)}, nil},
		"no client":              {"hydra-client", doctor.StatusFail, doctortest.Answers{own: doctortest.Say(404, `{}`)}, nil, nil},
		"a client of another":    {"hydra-client", doctor.StatusUnknown, doctortest.Answers{own: doctortest.Say(200, programs)}, nil, nil},
		"a grant too many":       {"hydra-client", doctor.StatusFail, doctortest.Answers{own: changed(t, gateway, `"authorization_code"`, `"authorization_code","implicit"`)}, nil, nil},
		"a grant too few":        {"hydra-client", doctor.StatusFail, doctortest.Answers{own: changed(t, gateway, `"authorization_code"`, ``)}, nil, nil},
		"a public client":        {"hydra-client", doctor.StatusFail, doctortest.Answers{own: changed(t, gateway, `client_secret_basic`, `none`)}, nil, nil},
		"a scope too many":       {"hydra-client", doctor.StatusFail, doctortest.Answers{own: changed(t, gateway, `openid profile`, `openid offline profile`)}, nil, nil},
		"a scope too few":        {"hydra-client", doctor.StatusFail, doctortest.Answers{own: changed(t, gateway, `profile `, ``)}, nil, nil},
		"other subjects":         {"hydra-subject", doctor.StatusFail, doctortest.Answers{own: changed(t, gateway, `public`, `pairwise`)}, nil, nil},
		"no client of programs":  {"hydra-grant-client", doctor.StatusFail, doctortest.Answers{theirs: doctortest.Say(404, `{}`)}, nil, nil},
		"programs with a login":  {"hydra-grant-client", doctor.StatusFail, doctortest.Answers{theirs: changed(t, programs, `"redirect_uris":[]`, `"redirect_uris":["https://a.example"]`)}, nil, nil},
		"tokens for long":        {"hydra-grant-life", doctor.StatusWarn, doctortest.Answers{theirs: changed(t, programs, `5m0s`, `1h0m0s`)}, nil, nil},
		"tokens for who knows":   {"hydra-grant-life", doctor.StatusWarn, doctortest.Answers{theirs: changed(t, programs, `"5m0s"`, `null`)}, nil, nil},
		"tokens in addresses":    {"hydra-implicit", doctor.StatusWarn, doctortest.Answers{clientsPath: doctortest.Say(200, `[{"client_id":"a","grant_types":["implicit"]}]`)}, nil, nil},
		"codes in clear":         {"hydra-redirects", doctor.StatusWarn, doctortest.Answers{clientsPath: doctortest.Say(200, `[{"client_id":"a","redirect_uris":["http://a.example"]}]`)}, nil, nil},
		"codes on the machine":   {"hydra-redirects", doctor.StatusPass, doctortest.Answers{clientsPath: doctortest.Say(200, `[{"client_id":"a","redirect_uris":["http://127.0.0.1:1/"]}]`)}, nil, nil},
		"more than can be seen":  {"hydra-implicit", doctor.StatusUnknown, doctortest.Answers{clientsPath: doctortest.Say(200, "["+strings.Join(slices.Repeat([]string{"{}"}, page), ",")+"]")}, nil, nil},
		"a list that is none":    {"hydra-implicit", doctor.StatusUnknown, doctortest.Answers{clientsPath: doctortest.Say(200, `null`)}, nil, nil},
		"somebody for everybody": {"hydra-trusts-any", doctor.StatusWarn, doctortest.Answers{trustsPath: doctortest.Say(200, `[{"issuer":"https://a.example","allow_any_subject":true}]`)}, nil, nil},
		"a page of its own":      {"hydra-recovery-ui", doctor.StatusFail, nil, nil, doctortest.Answers{"/ui/forgot": doctortest.Say(200, ``)}},
		"a page that leads away": {"hydra-recovery-ui", doctor.StatusFail, nil, nil, doctortest.Answers{"/ui/forgot": doctortest.Say(303, ``, "Location", "https://a.example/recovery")}},
		"a cookie in clear":      {"idp-cookies", doctor.StatusFail, nil, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, ``, "Set-Cookie", "x=y; Path=/")}},
		"no cookie":              {"idp-cookies", doctor.StatusUnknown, nil, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, ``)}},
		"addresses for a liar":   {"idp-forwarded-host", doctor.StatusFail, nil, nil, doctortest.Answers{discovery: doctortest.Say(200, `{"authorization_endpoint":"https://elsewhere.invalid/oauth2/auth"}`)}},
		"addresses elsewhere":    {"idp-forwarded-host", doctor.StatusFail, nil, nil, doctortest.Answers{discovery: doctortest.Say(200, `{"authorization_endpoint":"https://a.example/oauth2/auth"}`)}},
		"the admin API":          {"idp-admin-paths", doctor.StatusFail, nil, nil, doctortest.Answers{clientsPath: doctortest.Say(200, `[]`)}},
		"a disguise of it":       {"path-variants", doctor.StatusFail, nil, nil, doctortest.Answers{clientsPath + "/": doctortest.Say(200, `[]`)}},
	} {
		t.Run(name, func(t *testing.T) {
			f := doctor.Examine(t.Context(), good(t, c.admin, c.server, c.site), []doctor.Check[*doctor.Server]{named(t, c.id)})[0]
			if f.Status != c.want {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A trust of the gateway's stands while a program is served, and for no longer; and never for everybody.
func TestATrustOfTheGatewaysThatIsLeftIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		issuer string
		any    bool
		lasts  time.Duration
		want   doctor.Status
	}{
		"standing":       {"ORIGIN/recovery/x", false, time.Minute, doctor.StatusPass},
		"left":           {"ORIGIN/recovery/x", false, -time.Second, doctor.StatusFail},
		"for everybody":  {"ORIGIN/recovery/x", true, time.Minute, doctor.StatusFail},
		"another's":      {"https://a.example/recovery/x", false, -time.Second, doctor.StatusPass},
		"of a neighbour": {"ORIGIN/recovery-x", false, -time.Second, doctor.StatusPass},
	} {
		answer := &strings.Builder{}
		s := good(t, doctortest.Answers{trustsPath: func(w http.ResponseWriter, r *http.Request) { doctortest.Say(200, answer.String())(w, r) }}, nil, nil)
		fmt.Fprintf(answer, `[{"issuer":%q,"allow_any_subject":%v,"expires_at":%q}]`, strings.Replace(c.issuer, "ORIGIN", s.Origin, 1), c.any, time.Now().Add(c.lasts).UTC().Format(time.RFC3339Nano))
		if v := named(t, "hydra-trusts").Look(t.Context(), s); v.Status != c.want {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestWhatTheDeploymentSaysIsJudged(t *testing.T) {
	for id, change := range map[string]func(*doctor.Provider){
		"hydra-recovers": func(p *doctor.Provider) { p.Unprivileged = false },
		"hydra-issuer":   func(p *doctor.Provider) { p.HydraIssuer = "" },
	} {
		s := good(t, nil, nil, nil)
		change(&s.Provider)
		for _, f := range doctor.Examine(t.Context(), s, Checks) {
			if (f.Check == id) != (f.Status == doctor.StatusFail) {
				t.Errorf("%s: %+v", id, f)
			}
		}
	}
	s := good(t, doctortest.Answers{theirs: doctortest.Say(404, `{}`)}, nil, doctortest.Answers{"/ui/forgot": doctortest.Say(404, ``)})
	s.Provider.GrantID, s.Provider.RecoveryUI = "", ""
	for _, f := range doctor.Examine(t.Context(), s, Checks) {
		if f.Status != best(f.Check) {
			t.Errorf("nothing of it is configured: %+v", f)
		}
	}
}
