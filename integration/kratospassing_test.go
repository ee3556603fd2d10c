package integration

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/verbatim"
)

// passedToKratos are requests of everyday sign-ins at Kratos, with oddities that must survive.
func passedToKratos() []verbatim.Request {
	const flow = "?flow=7f3c9a52-0d4e-4a1b-9d1c-2a54d0f6c3be"
	cookie := [2]string{"Cookie", "csrf_token_0a1b=\"x/y==\"; ory_kratos_session=MTc2|a_b-c==; other=1; other=2"}
	token := [2]string{"X-Session-Token", "ory_st_a"}
	form := [2]string{"Content-Type", "application/x-www-form-urlencoded"}
	jsons := [2]string{"Content-Type", "application/json; charset=utf-8"}
	get := func(target string, header ...[2]string) verbatim.Request {
		return verbatim.Request{Method: "GET", Target: target, Header: header}
	}
	post := func(target, body string, header ...[2]string) verbatim.Request {
		return verbatim.Request{Method: "POST", Target: target, Body: body, Header: header}
	}
	return []verbatim.Request{
		get("/self-service/login/browser?return_to=https%3A%2F%2Fapp.example%2F%7e&aal=aal2&refresh=true&x=%zz&y;z=1&&a=b?c=/../d", cookie, [2]string{"Accept-Language", "de-AT, *;q=0.1"}),
		get("/self-service/login/browser?login_challenge=a%20b&", cookie, accept), get("/self-service/login/browser?", cookie), get("/self-service/login/browser/"),
		{Method: "HEAD", Target: "/self-service/login/browser"},
		get("/self-service/login/api?refresh=true&return_session_token_exchange_code=true", token), get("/self-service/login/flows?id=x", cookie, accept),
		post("/self-service/login"+flow, "method=password&identifier=a%40b&password=%C3%A4+a%00b%2B&csrf_token=x%2Fy%3D%3D", form, cookie, [2]string{"Origin", "null"}, [2]string{"Sec-Fetch-Site", "same-origin"}),
		post("/self-service/login"+flow, `{"method":"code", "identifier":"ü@b","recovery":"/self-service/recovery"}`, jsons, accept),
		get("/self-service/registration/browser?return_to=/", cookie), get("/self-service/registration/api"), get("/self-service/registration/flows?id=x", cookie),
		post("/self-service/registration"+flow, "traits.email=a%40b.c&method=profile&csrf_token=", form, cookie),
		get("/self-service/settings/browser?return_to=https://app.example/", cookie), get("/self-service/settings/api", token), get("/self-service/settings/flows?id=x", cookie, token),
		post("/self-service/settings"+flow, `{"method":"password","password":"\u0000ä"}`, jsons, token), post("/self-service/settings"+flow, "method=totp&totp_unlink=true", form, cookie),
		get("/self-service/verification/browser", cookie), get("/self-service/verification/api"), get("/self-service/verification/flows?id=x"), get("/self-service/verification" + flow + "&code=123456"),
		get("/self-service/verification" + flow + "&token=a-_"), post("/self-service/verification"+flow, "method=code&email=a%40b.c", form, cookie),
		get("/self-service/logout/browser?return_to=/", cookie, accept), get("/self-service/logout?token=a-_&return_to=x", cookie),
		{Method: "DELETE", Target: "/self-service/logout/api", Body: `{"session_token":"ory_st_a"}`, Header: [][2]string{jsons}},
		get("/self-service/errors?id=x", accept), get("/self-service/recovery-codes"), get("/self-service/methods/oidc/callback/google?state=a.b&code=c/d", cookie),
		post("/self-service/methods/oidc/callback/apple", "state=a&code=b", form),
		get("/sessions/whoami", cookie, accept), get("/sessions/whoami?tokenize_as=x", token, [2]string{"Authorization", "Bearer ory_st_a"}),
		{Method: "HEAD", Target: "/sessions/whoami"},
		{Method: "OPTIONS", Target: "/sessions/whoami", Header: [][2]string{{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "GET"}}},
		get("/sessions?per_page=2&page=1", token),
		{Method: "DELETE", Target: "/sessions", Header: [][2]string{token}},
		{Method: "DELETE", Target: "/sessions/7f3c9a52-0d4e-4a1b-9d1c-2a54d0f6c3be", Header: [][2]string{cookie}},
		get("/sessions/token-exchange?init_code=a&return_to_code=b"),
		get("/schemas", [2]string{"If-None-Match", `W/"a", "b"`}), get("/schemas/cGVyc29u%3D?x"), get("/.well-known/ory/webauthn.js", [2]string{"Range", "bytes=0-9"}, [2]string{"Accept-Encoding", "br, gzip;q=0.5"}),
		get("/.well-known/change-password"), get("/health/alive"), get("/version"), get("/"),
		get("/an/application/of/its.own?x=//../;"), get("/an//application;of=its/%2e%2e/own?x=/self-service/recovery/browser"), get("/administrators"), get("/identity"),
	}
}

func TestWhatPassesToKratosArrivesAsThroughCaddyAlone(t *testing.T) {
	newConduit(t, own(t, env.Options{IdP: env.Kratos})).carries(t, passedToKratos())
}

// changing is what Kratos makes anew in each answer: ids, tokens, challenges, keys, values of cookies and times.
var changing = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|ory_(st|lo)_[A-Za-z0-9]+|[A-Za-z0-9+/_=|-]{43,}|[A-Z2-7]{32}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|Expires=[^;]+`)

// answer is an answer of Kratos' without what changes.
func (k *kratosSite) answer(t *testing.T, s verbatim.Server, r verbatim.Request) verbatim.Answer {
	t.Helper()
	a := answerOf(t, s, r)
	a.Header.Del("Content-Length") // times have as many digits as they need
	a.Body = changing.ReplaceAllString(a.Body, "…")
	for _, values := range a.Header {
		for i, v := range values {
			values[i] = changing.ReplaceAllString(v, "…")
		}
	}
	return a
}

// What Kratos itself answers comes through as it is.
func TestKratosAnswersComeThroughAsTheyAre(t *testing.T) {
	k := newKratosSite(t)
	alice := k.e.User("alice")
	cookie, err := k.server.SignInBrowser(t.Context(), alice, "alice-password")
	fatal(t, err)
	session, err := k.server.SignIn(t.Context(), alice, "alice-password")
	fatal(t, err)
	browser, program := [2]string{"Cookie", kratos.SessionCookie + "=" + cookie}, [2]string{"X-Session-Token", session}
	for _, who := range [][][2]string{{accept}, {{"Accept", "text/html"}}, {accept, browser}, {{"Accept", "text/html"}, browser}, {accept, program}} {
		for _, target := range everyday {
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				request := verbatim.Request{Proto: verbatim.HTTP11, Method: method, Target: target, Host: host(k.e), Header: who}
				want, got := k.answer(t, k.back, request), k.answer(t, k.front(), request)
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s %s, %v: came through as\n%+v, Kratos said\n%+v", method, target, who, got, want)
				}
			}
		}
	}
	k.takesSignIns(t, alice)
}

// takesSignIns checks that a sign-in is answered through the gateway as at Kratos itself.
func (k *kratosSite) takesSignIns(t *testing.T, alice string) {
	t.Helper()
	signIn := func(s verbatim.Server) verbatim.Answer {
		var f kratos.Flow
		_, err := k.public.Call(t.Context(), http.MethodGet, "/self-service/login/api", nil, nil, &f)
		fatal(t, err)
		request := inJSON("POST", "/self-service/login?flow="+url.QueryEscape(f.ID), `{"method":"password","identifier":"`+alice+`","password":"alice-password"}`)(t)
		request.Proto, request.Host = verbatim.HTTP11, host(k.e)
		return k.answer(t, s, request)
	}
	if got, want := signIn(k.front()), signIn(k.back); got.Status != http.StatusOK || !reflect.DeepEqual(got, want) {
		t.Errorf("a sign-in came through as\n%+v, Kratos said\n%+v", got, want)
	}
}

// everyday are the targets of the pages and programs that people use.
var everyday = []string{
	"/self-service/login/browser", "/self-service/login/api", "/self-service/login/flows?id=x", "/self-service/registration/browser", "/self-service/registration/api",
	"/self-service/settings/browser", "/self-service/settings/api", "/self-service/verification/browser", "/self-service/verification/api", "/self-service/logout/browser",
	"/self-service/errors?id=x", "/sessions/whoami", "/sessions", "/schemas", "/.well-known/ory/webauthn.js", "/health/alive", "/nothing", "/ui/login", "/ui/",
}
