package integration

import (
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/verbatim"
)

// passedToHydra are requests of everyday sign-ins at Hydra, with oddities that must survive.
func passedToHydra() []verbatim.Request {
	cookie := [2]string{"Cookie", "ory_hydra_session=MTc2|a_b-c==; ory_hydra_login_csrf_1=\"x/y\"; other=1; other=2"}
	form := [2]string{"Content-Type", "application/x-www-form-urlencoded"}
	basic, bearer := [2]string{"Authorization", "Basic YTpi"}, [2]string{"Authorization", "Bearer ory_at_a.b"}
	get := func(target string, header ...[2]string) verbatim.Request {
		return verbatim.Request{Method: "GET", Target: target, Header: header}
	}
	post := func(target, body string, header ...[2]string) verbatim.Request {
		return verbatim.Request{Method: "POST", Target: target, Body: body, Header: header}
	}
	return []verbatim.Request{
		get("/oauth2/auth?client_id=a%20b&state=%7e~+%2B&nonce=&scope=openid%20x&x=%zz&y;z=1&&a=b?c=/../d", cookie, [2]string{"Accept-Language", "de-AT, *;q=0.1"}),
		get("/oauth2/auth?client_id=a&login_verifier=b-_&prompt=login", cookie), get("/oauth2/auth?", cookie), post("/oauth2/auth", "client_id=a&scope=openid", form, cookie),
		{Method: "HEAD", Target: "/oauth2/auth?client_id=a"},
		post("/oauth2/token", "grant_type=authorization_code&code=ory_ac_a.b&code_verifier=-._~", form, basic), post("/oauth2/token", "grant_type=refresh_token&refresh_token=x%2By", form),
		{Method: "OPTIONS", Target: "/oauth2/token", Header: [][2]string{{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "POST"}}},
		post("/oauth2/revoke", "token=x", form, basic), get("/oauth2/sessions/logout?id_token_hint=a.b.c&post_logout_redirect_uri=https%3A%2F%2Fapp.example", cookie),
		post("/oauth2/sessions/logout", "logout_verifier=a", form, cookie), get("/oauth2/fallbacks/error?error=x"),
		post("/oauth2/register", `{"client_name":"ü"}`, [2]string{"Content-Type", "application/json"}),
		{Method: "DELETE", Target: "/oauth2/register/a", Header: [][2]string{bearer}},
		post("/oauth2/device/auth", "client_id=a", form), post("/credentials", `{"format":"jwt_vc_json"}`, bearer),
		get("/userinfo", bearer, accept), post("/userinfo", "", bearer),
		get("/.well-known/openid-configuration", [2]string{"If-None-Match", `W/"a", "b"`}), get("/.well-known/jwks.json", [2]string{"Accept-Encoding", "br, gzip;q=0.5"}),
		get("/health/alive"), get("/version"), get("/"), get("/an//application;of=its/%2e%2e/own?x=/admin/clients"), get("/administrators"),
	}
}

func TestWhatPassesToHydraArrivesAsThroughCaddyAlone(t *testing.T) {
	newConduit(t, own(t, env.Options{IdP: env.Hydra})).carries(t, passedToHydra())
}
