package keycloak

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/doctor/doctortest"
)

// routes are those by which somebody comes who forgot the password.
var routes = map[string]string{
	"keycloak-reset-closed":  "/realms/acme/login-actions/reset-credentials",
	"keycloak-forgot-closed": "/realms/acme/protocol/openid-connect/forgot-credentials",
}

// server is one that answers like this at its own address.
func server(t *testing.T, strict bool, answers doctortest.Answers) *doctor.Server {
	t.Helper()
	own := httptest.NewServer(answers)
	t.Cleanup(own.Close)
	return doctor.NewSite(doctor.Deployment{
		Origin: "https://id.example.com", Path: "/recovery", Strict: strict,
		Provider: doctor.Provider{Kind: "keycloak", URL: own.URL, Realm: "acme", Alias: "regrant", BrokerID: "keycloak-acme"},
	}, nil).Bypass()
}

// asked are the findings of the checks with these ids.
func asked(t *testing.T, s *doctor.Server, ids ...string) []doctor.Finding {
	t.Helper()
	return doctor.Examine(t.Context(), s, slices.DeleteFunc(slices.Clone(ServerChecks), func(c doctor.Check[*doctor.Server]) bool { return !slices.Contains(ids, c.ID) }))
}

// leftOpen demands a warning that says why it is open, and how it is closed.
func leftOpen(t *testing.T, findings []doctor.Finding, id string) {
	t.Helper()
	f := doctortest.Of(t, findings, id)
	if f.Status != doctor.StatusWarn || !strings.Contains(f.Seen, "mode is assist") || !strings.Contains(f.Seen, "init keycloak --mode strict") || f.Remedy == "" {
		t.Errorf("%+v", f)
	}
}

func TestWhatModeStrictClosesIsAFaultThere(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a form of its own": doctortest.Say(200, "<form>"), "a page": doctortest.Say(200, ""),
		"another site": doctortest.Say(302, "", "Location", "https://other.example/recovery/"),
	} {
		for id, path := range routes {
			answers := doctortest.Answers{path: answer}
			if got := status(t, asked(t, server(t, true, answers), id), id); got != doctor.StatusFail {
				t.Errorf("%s: %s in mode strict: %s", name, id, got)
			}
			leftOpen(t, asked(t, server(t, false, answers), id), id)
		}
	}
}

func TestNoModeMeansABrokenFlow(t *testing.T) {
	for id, path := range routes {
		for _, strict := range []bool{true, false} {
			if got := status(t, asked(t, server(t, strict, doctortest.Answers{path: doctortest.Say(500, "")}), id), id); got != doctor.StatusFail {
				t.Errorf("%s, strict %v: %s", id, strict, got)
			}
		}
	}
}

func TestWhatIsClosedPassesInBothModes(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"the gateway": doctortest.Say(302, "", "Location", "https://id.example.com/recovery/oidc/authorize"), "a refusal": doctortest.Say(401, ""),
	} {
		for id, path := range routes {
			for _, strict := range []bool{true, false} {
				if got := status(t, asked(t, server(t, strict, doctortest.Answers{path: answer}), id), id); got != doctor.StatusPass {
					t.Errorf("%s: %s, strict %v: %s", name, id, strict, got)
				}
			}
		}
	}
}

const signsIn = "/realms/acme/protocol/openid-connect/auth"

// Keycloak answers 400 where resets are off, and also for a client that is not there.
func TestABadRequestIsARefusalWhereTheClientMaySignIn(t *testing.T) {
	for id, path := range routes {
		for want, page := range map[doctor.Status]http.HandlerFunc{doctor.StatusPass: doctortest.Say(200, "<form>"), doctor.StatusUnknown: doctortest.Say(400, "")} {
			s := server(t, true, doctortest.Answers{path: doctortest.Say(400, ""), signsIn: page})
			s.Origin = s.Provider.URL
			if got := status(t, asked(t, s, id), id); got != want {
				t.Errorf("%s: %s, want %s", id, got, want)
			}
		}
	}
}

// The client account may be disabled or not there, and Keycloak then takes another.
func TestAResetIsAskedForWithoutAClient(t *testing.T) {
	s := server(t, true, doctortest.Answers{routes["keycloak-reset-closed"]: func(w http.ResponseWriter, r *http.Request) {
		answer := doctortest.Say(200, "<form>")
		if r.URL.Query().Has("client_id") {
			answer = doctortest.Say(400, "")
		}
		answer(w, r)
	}})
	if got := status(t, asked(t, s, "keycloak-reset-closed"), "keycloak-reset-closed"); got != doctor.StatusFail {
		t.Error(got)
	}
}

// givesWay leads to the gateway, but where a browser names an empty provider.
func givesWay(to http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Has("kc_idp_hint") && q.Get("kc_idp_hint") == "" {
			to(w, r)
			return
		}
		doctortest.Say(302, "", "Location", "https://id.example.com/recovery/oidc/authorize")(w, r)
	}
}

func TestAWayToTheGatewayThatGivesWayToAFormIsAFault(t *testing.T) {
	for id, path := range routes {
		answers := doctortest.Answers{path: givesWay(doctortest.Say(200, "<form>"))}
		f := doctortest.Of(t, asked(t, server(t, true, answers), id), id)
		if f.Status != doctor.StatusFail || !strings.Contains(f.Seen, "kc_idp_hint") {
			t.Errorf("%+v", f)
		}
		leftOpen(t, asked(t, server(t, false, answers), id), id)
	}
}

func TestAWayToTheGatewayThatGivesWayToNothingIsClosed(t *testing.T) {
	for id, path := range routes {
		for _, refusal := range []int{400, 401, 500} {
			if got := status(t, asked(t, server(t, true, doctortest.Answers{path: givesWay(doctortest.Say(refusal, ""))}), id), id); got != doctor.StatusPass {
				t.Errorf("%s, %d: %s", id, refusal, got)
			}
		}
	}
}

// In mode assist the flow for lost passwords does not come to the gateway, and a sign-in that is sent there does.
func TestTheRequestToTheBrokerIsReadInBothModes(t *testing.T) {
	const right = "https://id.example.com/recovery/oidc/authorize?client_id=keycloak-acme&response_type=code&code_challenge_method=S256&nonce=n" +
		"&redirect_uri=https%3A%2F%2Fid.example.com%2Frealms%2Facme%2Fbroker%2Fregrant%2Fendpoint"
	comes := func(to string) http.HandlerFunc { return doctortest.Say(302, "", "Location", to) }
	hinted := func(w http.ResponseWriter, r *http.Request) {
		to := right
		if r.URL.Query().Get("kc_idp_hint") != "regrant" {
			to = "https://id.example.com/elsewhere"
		}
		comes(to)(w, r)
	}
	const id = "keycloak-broker-request"
	for _, c := range []struct {
		name    string
		strict  bool
		answers doctortest.Answers
		want    doctor.Status
	}{
		{"strict", true, doctortest.Answers{routes["keycloak-reset-closed"]: comes(right)}, doctor.StatusPass},
		{"strict, without PKCE", true, doctortest.Answers{routes["keycloak-reset-closed"]: comes(strings.Replace(right, "S256", "plain", 1))}, doctor.StatusFail},
		{"strict, refused", true, doctortest.Answers{routes["keycloak-reset-closed"]: doctortest.Say(400, ""), signsIn: hinted}, doctor.StatusPass},
		{"strict, nowhere", true, doctortest.Answers{signsIn: doctortest.Say(200, "<form>")}, doctor.StatusUnknown},
		{"assist", false, doctortest.Answers{signsIn: hinted}, doctor.StatusPass},
		{"assist, without PKCE", false, doctortest.Answers{signsIn: comes(strings.Replace(right, "S256", "plain", 1))}, doctor.StatusFail},
		{"assist, nowhere", false, doctortest.Answers{signsIn: doctortest.Say(200, "<form>")}, doctor.StatusUnknown},
	} {
		if got := status(t, asked(t, server(t, c.strict, c.answers), id), id); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A site may have a home page, a health and metrics of its own.
func TestOnlyWhatKeycloakAnswersIsItsAdministration(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   doctor.Status
	}{
		"nothing":              {"/", doctortest.Say(404, ""), doctor.StatusPass},
		"a home page":          {"/", doctortest.Say(200, "<h1>Acme</h1>"), doctor.StatusPass},
		"the account console":  {"/", doctortest.Say(302, "", "Location", "/realms/acme/account/"), doctor.StatusPass},
		"Keycloak's home page": {"/", doctortest.Say(302, "", "Location", "https://id.example.com/admin/"), doctor.StatusFail},
		"Keycloak's welcome":   {"/", doctortest.Say(200, `<link href="/resources/x/welcome/keycloak/css">`), doctor.StatusFail},
		"metrics of Caddy":     {"/metrics", doctortest.Say(200, "# TYPE caddy_http_requests_total counter"), doctor.StatusPass},
		"metrics of Keycloak":  {"/metrics", doctortest.Say(200, "# TYPE jvm_threads_live_threads gauge"), doctor.StatusFail},
		"health of others":     {"/health", doctortest.Say(200, "ok"), doctor.StatusPass},
		"health of Keycloak":   {"/health", doctortest.Say(200, `{"status": "UP", "checks": []}`), doctor.StatusFail},
		"the console":          {"/admin/", doctortest.Say(200, "anything"), doctor.StatusFail},
	} {
		s := server(t, true, doctortest.Answers{c.path: c.answer})
		s.Origin = s.Provider.URL // the site passes everything on
		if got := status(t, asked(t, s, "idp-admin-paths"), "idp-admin-paths"); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
