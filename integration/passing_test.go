package integration

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/verbatim"
)

// passed are requests of everyday sign-ins at Keycloak, with oddities that must survive.
func passed() []verbatim.Request {
	const realm = "/realms/acme"
	cookies := [2]string{"Cookie", "AUTH_SESSION_ID=a.b; KEYCLOAK_IDENTITY=eyJ.e30.c; KEYCLOAK_SESSION=\"q/x\"; other=1; other=2"}
	form := [2]string{"Content-Type", "application/x-www-form-urlencoded"}
	jsons := [2]string{"Accept", "application/json"}
	get := func(target string, header ...[2]string) verbatim.Request {
		return verbatim.Request{Method: "GET", Target: target, Header: header}
	}
	post := func(target, body string, header ...[2]string) verbatim.Request {
		return verbatim.Request{Method: "POST", Target: target, Body: body, Header: header}
	}
	return []verbatim.Request{
		get(realm+"/protocol/openid-connect/auth?client_id=a%20b&state=%7e~+%2B&nonce=&scope=openid%20x&x=%zz&y;z=1&&a=b?c=/../d", cookies, [2]string{"Accept-Language", "de-AT, *;q=0.1"}),
		get(realm+"/protocol/openid-connect/auth?kc_action=UPDATE_PASSWORD&kc_idp_hint=google", cookies),
		get(realm+"/protocol/openid-connect/auth?", cookies),
		post(realm+"/protocol/openid-connect/auth", "client_id=a&kc_action=UPDATE_PASSWORD", form, cookies),
		post(realm+"/login-actions/authenticate?session_code=a-_&execution=e&client_id=c&tab_id=t&client_data=e30", "username=%C3%A4&password=a%00b+c&credentialId=", form, cookies,
			[2]string{"Origin", "null"}, [2]string{"Sec-Fetch-Site", "same-origin"}),
		get(realm + "/protocol/openid-connect/registrations?client_id=a"),
		post(realm+"/login-actions/registration?client_id=a&tab_id=b", "firstName=A&email=a%40b.c", form),
		get(realm + "/login-actions/restart?client_id=a"), get(realm+"/login-actions/required-action?execution=UPDATE_PASSWORD", cookies),
		get(realm + "/login-actions/action-token?key=" + "eyJhbGciOiJIUzUxMiJ9.eyJ0eXAiOiJ2ZXJpZnktZW1haWwifQ.c2ln&client_id=a"),
		get(realm+"/account/", cookies), get(realm + "/account?referrer=a%26b"),
		get(realm+"/account/credentials", jsons, [2]string{"Authorization", "Bearer a.b.c"}),
		get(realm+"/account/linked-accounts/regrant", jsons), get(realm+"/account/v1alpha1/linked-accounts", jsons),
		{Method: "DELETE", Target: realm + "/account/sessions/1?current=true", Header: [][2]string{{"Authorization", "Bearer x"}}},
		{Method: "DELETE", Target: realm + "/account/linked-accounts/google", Header: [][2]string{{"Authorization", "Bearer x"}}},
		{Method: "PUT", Target: realm + "/account/applications/a%20b/consent", Body: `{"a":"ü"}`, Header: [][2]string{{"Content-Type", "application/json"}}},
		post(realm+"/protocol/openid-connect/token", "grant_type=authorization_code&code=a.b.c&code_verifier=-._~", form, [2]string{"Authorization", "Basic YTpi"}, [2]string{"Dpop", "a.b.c"}),
		post(realm+"/protocol/openid-connect/token/introspect", "token=x", form), post(realm+"/protocol/openid-connect/revoke", "token=x", form),
		post(realm+"/protocol/openid-connect/ext/par/request", "request=a.b.c", form), post(realm+"/protocol/openid-connect/logout", "id_token_hint=x", form, cookies),
		{Method: "OPTIONS", Target: realm + "/protocol/openid-connect/token", Header: [][2]string{{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "POST"}}},
		get(realm+"/protocol/openid-connect/certs", [2]string{"If-None-Match", `W/"a", "b"`}), get(realm+"/protocol/openid-connect/userinfo", [2]string{"Authorization", "DPoP a.b.c"}),
		post(realm+"/protocol/saml", "SAMLRequest=PHg%2B&RelayState=%22", form), get(realm + "/protocol/saml?SAMLRequest=a%2Bb%3D&RelayState=c&SigAlg=d&Signature=e%2F"), get(realm + "/protocol/saml/descriptor"),
		get(realm+"/broker/regrant/login?session_code=a&tab_id=b", cookies), get(realm+"/broker/regrant/endpoint?code=a&state=b.c.d", cookies), get(realm + "/broker/google/link?nonce=a"),
		get(realm + "/.well-known/openid-configuration"),
		{Method: "HEAD", Target: realm + "/.well-known/openid-configuration"},
		get(realm), get(realm + "/"),
		get("/resources/1abc2/login/keycloak.v2/css/styles%20%C3%A4.css?v=1", [2]string{"Range", "bytes=0-9"}, [2]string{"Accept-Encoding", "br, gzip;q=0.5"}),
		get("/realms/other/protocol/openid-connect/auth?kc_idp_hint=regrant", cookies), get("/an/application/of/its.own?x=//../;"),
	}
}

// What passes, arrives as it does through Caddy without the directive, and so does the answer.
func TestWhatPassesArrivesAsThroughCaddyAlone(t *testing.T) {
	w := newConduit(t, own(t, env.Options{IdP: env.Keycloak}))
	w.carries(t, passed())

	// The one thing that is changed: a sign-in that is sent to the gateway must get there.
	request := verbatim.Request{
		Proto: verbatim.HTTP11, Method: "GET", Target: "/realms/acme/protocol/openid-connect/auth?kc_idp_hint=regrant", Host: host(w.e),
		Header: [][2]string{{"Cookie", "AUTH_SESSION_ID=a.b; KEYCLOAK_IDENTITY=eyJ.e30.c; KEYCLOAK_SESSION=x; other=1"}},
	}
	want, _ := w.through(t, w.alone, request)
	came, _ := w.through(t, w.gateway, request)
	if want = strings.Replace(want, " KEYCLOAK_IDENTITY=eyJ.e30.c; KEYCLOAK_SESSION=x;", "", 1); came != want {
		t.Errorf("arrived\n%q, want\n%q", came, want)
	}
}

// What Keycloak itself answers comes through as it is.
func TestKeycloaksAnswersComeThroughAsTheyAre(t *testing.T) {
	e := use(t, env.Keycloak)
	front, back := (&provider{e: e}).front(), itself(e)
	b := browser.New(e.Roots)
	login, err := b.Open(t.Context(), e.App.URL+"/")
	fatal(t, err)
	style := regexp.MustCompile(`/resources/[^"]+\.css`).FindString(login.Body)
	for _, target := range []string{
		"/realms/acme", "/realms/acme/.well-known/openid-configuration", "/realms/acme/protocol/openid-connect/certs", "/realms/acme/protocol/saml/descriptor",
		"/realms/acme/protocol/openid-connect/userinfo", "/realms/acme/account/credentials", "/realms/acme/protocol/openid-connect/token", "/realms/acme/nothing", "/realms/none/x", style,
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			request := verbatim.Request{Proto: verbatim.HTTP11, Method: method, Target: target, Host: host(e), Header: [][2]string{{"Accept", "application/json, */*;q=0.1"}, {"Accept-Encoding", "gzip"}}}
			got := answerOf(t, front, request)
			request.Header = append(request.Header, [2]string{"X-Forwarded-Proto", "https"}, [2]string{"X-Forwarded-Host", host(e)})
			if want := answerOf(t, back, request); target == "" || !reflect.DeepEqual(got, want) {
				t.Errorf("%s %s: came through as\n%+v, Keycloak said\n%+v", method, target, got, want)
			}
		}
	}
}
