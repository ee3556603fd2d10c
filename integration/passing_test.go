package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/textproto"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
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

// answers of an identity provider, as they are on the wire.
var answers = []string{
	"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/html;charset=utf-8\r\nSet-Cookie: A=\"b c\";Version=1;Path=/realms/acme/;Secure;HttpOnly;SameSite=None\r\n" +
		"Set-Cookie: A=;Max-Age=0\r\nContent-Security-Policy: frame-src 'self'\r\nX-Odd: a,  b\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n\x1f\x8b\x00\xff\n",
	"HTTP/1.1 302 Found\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nLocation: https://app.example/?a=%zz&b=c d#e\r\nCache-Control: no-store, must-revalidate, max-age=0\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 401 Unauthorized\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nWWW-Authenticate: Bearer realm=\"acme\"\r\nWWW-Authenticate: DPoP\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
	"HTTP/1.1 304 Not Modified\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: W/\"x\"\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nAccess-Control-Allow-Origin: https://app.example\r\n\r\n",
	"HTTP/1.1 500 Internal Server Error\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n0\r\n\r\n",
}

// What passes, arrives as it does through Caddy without the directive, and so does the answer.
func TestWhatPassesArrivesAsThroughCaddyAlone(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak})
	r := newRecorder(t)
	port, err := keycloak.FreePort()
	fatal(t, err)
	fatal(t, e.Configure(t.Context(), func(text string) string {
		text = strings.Replace(text, "reverse_proxy "+strings.TrimPrefix(e.IdP, "http://"), "reverse_proxy "+r.addr, 1)
		return text + fmt.Sprintf("\nhttps://localhost:%d {\n\ttls internal\n\treverse_proxy %s\n}\n", port, r.addr)
	}))
	config := &tls.Config{RootCAs: e.Roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	gateway, alone := verbatim.Server{Addr: host(e), TLS: config}, verbatim.Server{Addr: fmt.Sprintf("localhost:%d", port), TLS: config}

	through := func(s verbatim.Server, request verbatim.Request) (came string, a verbatim.Answer) {
		t.Helper()
		a, err := s.Send(t.Context(), request)
		fatal(t, err)
		select {
		case came = <-r.came:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s %s did not arrive: %d %.200s", request.Method, request.Target, a.Status, a.Body)
		}
		a.Header.Del("Alt-Svc") // names the port
		return came, a
	}
	for _, proto := range []string{verbatim.HTTP11, verbatim.HTTP2} {
		for i, request := range passed() {
			request.Proto, request.Host, r.answer = proto, host(e), answers[i%len(answers)]
			want, wanted := through(alone, request)
			came, got := through(gateway, request)
			if came != want || !strings.HasPrefix(came, request.Method+" "+request.Target+" HTTP/1.1\r\n") || !strings.HasSuffix(came, "\r\n\r\n"+request.Body) {
				t.Errorf("%s: arrived\n%q, through Caddy alone\n%q", proto, came, want)
			}
			for _, h := range request.Header {
				if line := "\r\n" + textproto.CanonicalMIMEHeaderKey(h[0]) + ": " + h[1] + "\r\n"; !strings.Contains(came, line) {
					t.Errorf("%s %s: %q is missing in %q", proto, request.Target, line, came)
				}
			}
			if !reflect.DeepEqual(got, wanted) {
				t.Errorf("%s %s: answered\n%+v, through Caddy alone\n%+v", proto, request.Target, got, wanted)
			}
		}
	}

	// The one thing that is changed: a sign-in that is sent to the gateway must get there.
	request := verbatim.Request{
		Proto: verbatim.HTTP11, Method: "GET", Target: "/realms/acme/protocol/openid-connect/auth?kc_idp_hint=regrant", Host: host(e),
		Header: [][2]string{{"Cookie", "AUTH_SESSION_ID=a.b; KEYCLOAK_IDENTITY=eyJ.e30.c; KEYCLOAK_SESSION=x; other=1"}},
	}
	want, _ := through(alone, request)
	came, _ := through(gateway, request)
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

// answerOf is an answer without what each server on the way says for itself.
func answerOf(t *testing.T, s verbatim.Server, r verbatim.Request) verbatim.Answer {
	t.Helper()
	a, err := s.Send(context.WithoutCancel(t.Context()), r)
	fatal(t, err)
	for _, name := range []string{"Date", "Via", "Alt-Svc", "Connection"} {
		a.Header.Del(name)
	}
	return a
}
