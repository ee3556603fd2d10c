package hydra

import (
	"crypto/x509"
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

const application = `{"client_id":"app","grant_types":["authorization_code"],"response_types":["code"],"redirect_uris":["https://app.example/callback"],"scope":"openid offline"}`

// document is what a Hydra says of itself that has an issuer and is at an address.
func document(issuer, at string) http.HandlerFunc {
	return doctortest.Say(200, `{"issuer":"`+issuer+`","authorization_endpoint":"`+at+`/oauth2/auth","token_endpoint":"`+at+`/oauth2/token","jwks_uri":"`+at+`/.well-known/jwks.json"}`)
}

// withKratos is a Kratos that is the login app of a Hydra in which all is well; a test changes single answers of Hydra's admin API, or of the site.
func withKratos(t *testing.T, admin, site doctortest.Answers) *doctor.Server {
	t.Helper()
	front := doctortest.Answers{"/oauth2/auth": login("https://login.example/login"), "/oauth2/register/none": doctortest.Say(404, "{}")}
	public := httptest.NewTLSServer(front)
	t.Cleanup(public.Close)
	roots := x509.NewCertPool()
	roots.AddCert(public.Certificate())
	front[discovery] = document(public.URL, public.URL)
	maps.Copy(front, site)
	own := doctortest.Answers{
		"/version": doctortest.Say(200, `{"version":"v26.2.0"}`), "/health/alive": doctortest.Say(200, `{}`),
		clientsPath: doctortest.Say(200, "["+programs+","+application+"]"), trustsPath: doctortest.Say(200, "[]"),
	}
	maps.Copy(own, admin)
	private := httptest.NewServer(own)
	t.Cleanup(private.Close)
	return doctor.NewSite(doctor.Deployment{
		Origin: public.URL, Path: "/recovery", Provider: doctor.Provider{Kind: "kratos", URL: "http://127.0.0.1:1", AdminURL: "http://127.0.0.1:1", HydraURL: private.URL},
	}, roots).Bypass()
}

// one is what the check with an id finds at the site.
func one(t *testing.T, kratos *doctor.Server, id string) doctor.Finding {
	t.Helper()
	checks := slices.DeleteFunc(slices.Clone(WithKratos), func(c doctor.Check[*doctor.Server]) bool { return c.ID != id })
	return doctortest.Of(t, doctor.Examine(t.Context(), before(kratos, kratos.Origin), checks), id)
}

func TestAGoodHydraWithKratosPasses(t *testing.T) {
	findings := doctor.NewReport(ExamineWithKratos(t.Context(), withKratos(t, nil, nil), ""), false, nil).Findings
	if len(findings) != 13 || len(findings) != len(WithKratos) {
		t.Errorf("%d findings of %d checks", len(findings), len(WithKratos))
	}
	for _, f := range findings {
		if f.Status != doctor.StatusPass || !strings.HasPrefix(f.Check, "hydra-") && !strings.HasPrefix(f.Seen, "Hydra: ") {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachFaultOfAHydraWithKratosIsFound(t *testing.T) {
	late := doctortest.Say(200, `{}`, "Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
	clients := func(list string) doctortest.Answers {
		return doctortest.Answers{clientsPath: doctortest.Say(200, list)}
	}
	for name, c := range map[string]struct {
		id          string
		want        doctor.Status
		admin, site doctortest.Answers
	}{
		"too old":                {"hydra-version", doctor.StatusFail, doctortest.Answers{"/version": doctortest.Say(200, `{"version":"v2.2.0"}`)}, nil},
		"with a known hole":      {"hydra-version", doctor.StatusWarn, doctortest.Answers{"/version": doctortest.Say(200, `{"version":"v2.3.0"}`)}, nil},
		"a clock behind":         {"clock-skew", doctor.StatusFail, doctortest.Answers{"/health/alive": late}, nil},
		"tokens in addresses":    {"hydra-implicit", doctor.StatusWarn, clients(`[{"client_id":"a","grant_types":["implicit"]}]`), nil},
		"codes in clear":         {"hydra-redirects", doctor.StatusWarn, clients(`[{"client_id":"a","redirect_uris":["http://a.example"]}]`), nil},
		"somebody for everybody": {"hydra-trusts-any", doctor.StatusWarn, doctortest.Answers{trustsPath: doctortest.Say(200, `[{"issuer":"https://a.example","allow_any_subject":true}]`)}, nil},
		"the admin API":          {"idp-admin-paths", doctor.StatusFail, nil, doctortest.Answers{clientsPath: doctortest.Say(200, `[]`)}},
		"a disguise of it":       {"path-variants", doctor.StatusFail, nil, doctortest.Answers{clientsPath + "/": doctortest.Say(200, `[]`)}},
		"an issuer in clear":     {"hydra-issuer", doctor.StatusFail, nil, doctortest.Answers{discovery: document("http://hydra.example", "https://a.example")}},
		"another issuer":         {"hydra-issuer", doctor.StatusWarn, nil, doctortest.Answers{discovery: document("https://hydra.example", "https://a.example")}},
		"a login app in clear":   {"hydra-login-app", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": login("http://login.example/login")}},
		"no sign-in to judge by": {"hydra-login-app", doctor.StatusUnknown, clients("[" + programs + "]"), nil},
		"in development":         {"hydra-dev-mode", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, "", "Set-Cookie", "ory_hydra_login_csrf_dev_1=x")}},
		"registration":           {"hydra-registration", doctor.StatusWarn, nil, doctortest.Answers{"/oauth2/register/none": doctortest.Say(401, `{}`)}},
		"a cookie in clear":      {"idp-cookies", doctor.StatusFail, nil, doctortest.Answers{"/oauth2/auth": doctortest.Say(302, ``, "Set-Cookie", "x=y; Path=/")}},
		"addresses elsewhere":    {"idp-forwarded-host", doctor.StatusFail, nil, doctortest.Answers{discovery: document("https://hydra.example", "https://a.example")}},
	} {
		t.Run(name, func(t *testing.T) {
			if f := one(t, withKratos(t, c.admin, c.site), c.id); f.Status != c.want || f.Remedy == "" {
				t.Errorf("%+v", f)
			}
		})
	}
}

// Where the gateway makes no trusts, one that is called like its own is somebody's.
func TestNoTrustOfAHydraWithKratosIsTheGateways(t *testing.T) {
	var answer string
	s := withKratos(t, doctortest.Answers{trustsPath: func(w http.ResponseWriter, r *http.Request) { doctortest.Say(200, answer)(w, r) }}, nil)
	answer = `[{"issuer":"` + s.Issuer() + `/x","allow_any_subject":true}]`
	if f := one(t, s, "hydra-trusts-any"); f.Status != doctor.StatusWarn {
		t.Errorf("%+v", f)
	}
}

func TestAHydraWithKratosIsAskedWherePeopleReachIt(t *testing.T) {
	const at, registration = "/hydra", "hydra-registration" // another address, for which the certificate of the site is good
	s := withKratos(t, nil, doctortest.Answers{
		discovery: doctortest.Say(404, `{}`), at + discovery: document("https://a.example", "https://a.example"),
		at + "/oauth2/auth": login("https://login.example/login"), at + "/oauth2/register/none": doctortest.Say(401, `{}`),
		at + clientsPath: doctortest.Say(200, `[]`), at + clientsPath + "/": doctortest.Say(200, `[]`),
	})
	report := doctor.NewReport(ExamineWithKratos(t.Context(), s, s.Origin+at), false, nil)
	for id, want := range map[string]doctor.Status{registration: doctor.StatusWarn, "idp-admin-paths": doctor.StatusFail, "path-variants": doctor.StatusFail} {
		if f := doctortest.Of(t, report.Findings, id); f.Status != want {
			t.Errorf("%+v", f)
		}
	}
}

func TestWhyAHydraWithKratosWasNotFoundIsSaid(t *testing.T) {
	s := withKratos(t, nil, nil)
	for _, f := range examinePublic(t.Context(), before(s, "https://127.0.0.1:1"), false) {
		if f.Status != doctor.StatusUnknown || strings.Contains(f.Seen, "--hydra") || !strings.Contains(f.Seen, "refused") {
			t.Errorf("%+v", f)
		}
	}
}

func TestAHydraWithKratosThatIsNotAtTheSitePassesNothingOfWhatIsLookedForThere(t *testing.T) {
	for name, there := range map[string]http.HandlerFunc{
		"nobody":        doctortest.Say(404, `{}`),
		"somebody else": doctortest.Say(200, `{"issuer":"https://a.example","authorization_endpoint":"https://a.example/auth"}`),
	} {
		s := withKratos(t, nil, doctortest.Answers{discovery: there})
		for _, f := range examinePublic(t.Context(), before(s, s.Origin), true) {
			if f.Status != doctor.StatusUnknown || !strings.Contains(f.Seen, "--hydra") {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// A sign-in is begun as an application that Hydra lets begin one.
func TestASignInIsBegunAsAnApplicationThatMay(t *testing.T) {
	for name, client := range map[string]string{
		"of programs":    programs,
		"without openid": strings.Replace(application, "openid ", "", 1),
		"in clear":       strings.Replace(application, "https://app", "http://app", 1),
		"without codes":  strings.Replace(application, `"code"`, `"token"`, 1),
		"without both":   strings.Replace(application, "authorization_code", "implicit", 1),
	} {
		refuse := func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("client_id") != "last" {
				t.Errorf("%s: a sign-in was begun as %s", name, r.FormValue("client_id"))
			}
			login("https://login.example/login")(w, r)
		}
		last := strings.Replace(strings.Replace(application, `"app"`, `"last"`, 1), "https://app.example", "http://127.0.0.1:1", 1)
		s := withKratos(t, doctortest.Answers{clientsPath: doctortest.Say(200, "["+client+","+last+"]")}, doctortest.Answers{"/oauth2/auth": refuse})
		if f := one(t, s, "hydra-login-app"); f.Status != doctor.StatusPass {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// What only makes sense where the gateway is a client of Hydra's is not asked of another's.
func TestNothingOfTheGatewaysOwnIsLookedForWithKratos(t *testing.T) {
	own := []string{"hydra-client", "hydra-subject", "hydra-grant-client", "hydra-grant-life", "hydra-secrets", "hydra-trusts", "hydra-recovers", "hydra-recovery-ui", disabled}
	for _, c := range WithKratos {
		if slices.Contains(own, c.ID) {
			t.Errorf("%s is asked", c.ID)
		}
	}
}
