package integration

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/verbatim"
)

// always is a request that is the same each time.
func always(method, target string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(*testing.T) verbatim.Request {
		return verbatim.Request{Method: method, Target: target, Header: header}
	}
}

// posted is a form that is the same each time.
func posted(target, body string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(*testing.T) verbatim.Request {
		return verbatim.Request{Method: "POST", Target: target, Body: body, Header: append([][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, header...)}
	}
}

// sentForm is the form of a new flow, with alice's name, as a browser would send it; in a closed realm, one of those from before.
func (k *realm) sentForm(t *testing.T) verbatim.Request {
	t.Helper()
	if !k.open {
		form := k.forms[0]
		k.forms = k.forms[1:]
		return form
	}
	b := browser.New(k.e.Roots)
	page, err := b.Open(t.Context(), k.e.Origin+"/realms/"+keycloak.Realm+"/login-actions/reset-credentials")
	fatal(t, err)
	if len(page.Forms) != 1 || !strings.Contains(page.Body, resetForm) {
		t.Fatalf("no reset form: %d %s", page.Status, page.Text())
	}
	action, err := page.URL.Parse(page.Forms[0].Action)
	fatal(t, err)
	return posted(action.RequestURI(), "username=alice", cookies(b, "AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH", "KC_RESTART"))(t)
}

// inObject is an authorization request with its parameters in a request object (RFC 9101), unsigned.
func inObject(target string, parameters url.Values, header ...[2]string) func(*testing.T) verbatim.Request {
	claims := map[string]string{}
	for name := range parameters {
		claims[name] = parameters.Get(name)
	}
	text, _ := json.Marshal(claims) // strings only
	q := url.Values{}
	for _, name := range []string{"client_id", "response_type", "scope"} {
		q.Set(name, parameters.Get(name))
	}
	q.Set("request", "eyJhbGciOiJub25lIn0."+base64.RawURLEncoding.EncodeToString(text)+".")
	return always("GET", target+"?"+q.Encode(), header...)
}

// pushed is an authorization request whose parameters the identity provider has got beforehand (RFC 9126).
func (k *realm) pushed(parameters string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(t *testing.T) verbatim.Request {
		t.Helper()
		const base = "/realms/" + keycloak.Realm + "/protocol/openid-connect/"
		push := k.request(t, guarded{good: posted(base+"ext/par/request", parameters)}, verbatim.HTTP11)
		a, err := k.front().Send(t.Context(), push)
		fatal(t, err)
		var out struct {
			RequestURI string `json:"request_uri"`
		}
		if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusCreated {
			t.Fatalf("pushed: %d %s", a.Status, a.Body)
		}
		q := url.Values{"client_id": {"account"}, "request_uri": {out.RequestURI}}
		return verbatim.Request{Method: "GET", Target: base + "auth?" + q.Encode(), Header: header}
	}
}

// cookies are some of b's, as it would send them.
func cookies(b *browser.Browser, names ...string) [2]string {
	var all []string
	for _, name := range names {
		if v := b.Cookie("localhost", name); v != "" {
			all = append(all, name+"="+v)
		}
	}
	return [2]string{"Cookie", strings.Join(all, "; ")}
}

// session signs carol in and returns her cookies.
func (k *realm) session(t *testing.T) [2]string {
	t.Helper()
	b := browser.New(k.e.Roots)
	login, err := b.Open(t.Context(), k.e.App.URL+"/")
	fatal(t, err)
	_, err = b.Submit(t.Context(), login, "", url.Values{"username": {"carol"}, "password": {"carol-password"}})
	fatal(t, err)
	return cookies(b, "AUTH_SESSION_ID", "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION")
}

// unlinks is carol's request to the account API to end the link, with a token that was made now.
func (k *realm) unlinks(target string) func(t *testing.T) verbatim.Request {
	return func(t *testing.T) verbatim.Request {
		t.Helper()
		var token string
		until(t, 10*time.Second, "carol signs in", func() bool { // Keycloak turns away who comes while it counts the sign-in before
			var err error
			token, err = k.server.Token(t.Context(), accountReader, "carol", "carol-password")
			return err == nil
		})
		// Without Accept the path is the console's.
		return verbatim.Request{Method: "DELETE", Target: target, Header: [][2]string{{"Authorization", "Bearer " + token}, {"Accept", "application/json"}}}
	}
}

// lists is an administrator's request.
func (k *realm) lists(target string) func(t *testing.T) verbatim.Request {
	return func(t *testing.T) verbatim.Request {
		t.Helper()
		token, err := k.server.AdminToken(t.Context())
		fatal(t, err)
		return verbatim.Request{Method: "GET", Target: target, Header: [][2]string{{"Authorization", "Bearer " + token}}}
	}
}
