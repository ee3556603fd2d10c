package kratos

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

func TestOnlyHostsOfOneDomainAreOneSite(t *testing.T) {
	for _, c := range []struct {
		one, other string
		want       bool
	}{
		{public + "/ui", public, true},
		{"https://ID.Example.COM/ui", public, true},
		{"https://id.example.com:8443/ui", public, true},
		{"https://account.example.com/ui", public, true},
		{"https://example.com/", public, true},
		{"http://id.example.com/ui", public, false},
		{"https://example.org/ui", public, false},
		{"https://evilexample.com/", public, false},
		{"https://id.example.com.evil.test/", public, false},
		{"https://x@id.example.com/", public, false},
		{"/ui", public, false},
		{"https:///ui", public, false},
		{"https://a.github.io/", "https://b.github.io", false}, // people have names there
		{"https://com/", "https://com", true},
		{"http://localhost:3000/", "http://localhost:4433", true},
		{"http://other:3000/", "http://localhost:4433", false},
		{"http://127.0.0.1:3000/", "http://127.0.0.1:4433", true},
		{"http://10.0.0.1/", "http://127.0.0.1", false},
		{"http://[::1]:1/", "http://[::1]:2", true},
		{"http://[::2]/", "http://[::1]", false},
	} {
		u, err := url.Parse(c.one)
		v, err2 := url.Parse(c.other)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if got := sameSite(u, v); got != c.want {
			t.Errorf("%s and %s: %v", c.one, c.other, got)
		}
	}
}

// redirected is the answer to a browser whose code was good.
func redirected(location string, cookies ...string) upstream.Response {
	return upstream.Response{Status: http.StatusSeeOther, Header: http.Header{"Location": {location}, "Set-Cookie": cookies}}
}

func TestABrowsersAnswerHasASessionAndLeadsToTheSite(t *testing.T) {
	a := newPlain(t)
	const csrf, cookie = "csrf_token_ab=x; Path=/", "acme_session=s3cret; Path=/; HttpOnly" // the name is the operator's
	for location, want := range map[string]string{
		public + "/ui/settings?flow=f":       public + "/ui/settings?flow=f",
		"https://account.example.com/?flow=": "https://account.example.com/?flow=",
		"/ui/settings?flow=f":                public + "/ui/settings?flow=f",
	} {
		got, err := a.browsers(redirected(location, csrf, cookie))
		if err != nil || got.location != want || len(got.cookies) != 2 || got.credentials().Get("Cookie") != "acme_session=s3cret" {
			t.Errorf("%s: %+v, %v", location, got, err)
		}
	}
	good := public + "/ui/settings"
	shown := redirected(good, csrf, cookie)
	shown.Status = http.StatusOK
	for name, answer := range map[string]upstream.Response{
		"no redirect":      shown,
		"no cookie":        redirected(good),
		"no session":       redirected(good, csrf),
		"an empty session": redirected(good, csrf, "acme_session=; Max-Age=0"),
		"nowhere":          redirected("", csrf, cookie),
		"no address":       redirected("https://[", csrf, cookie),
		"another site":     redirected("https://evil.example/", csrf, cookie),
		"another scheme":   redirected("javascript:alert(1)", csrf, cookie),
		"another host":     redirected("//evil.example/", csrf, cookie),
	} {
		if got, err := a.browsers(answer); !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestABrowserGoesToTheSettingsIfSomethingIsToBeDoneThere(t *testing.T) {
	const settings, app = public + "/ui/settings", "https://app.example.com"
	for _, c := range []struct {
		to     recovery
		wanted []attest.Action
		want   string
	}{
		{recovery{target: app}, []attest.Action{attest.ActionSignIn}, app},
		{recovery{}, []attest.Action{attest.ActionSignIn}, settings},
		{recovery{target: app, again: true}, []attest.Action{attest.ActionSignIn}, settings},
		{recovery{target: app}, []attest.Action{attest.ActionSignIn, attest.ActionResetPassword}, settings},
		{recovery{target: app}, []attest.Action{attest.ActionReplaceOTP}, settings},
	} {
		if got := c.to.next(settings, c.wanted); got != c.want {
			t.Errorf("%+v %v: %s", c.to, c.wanted, got)
		}
	}
}

func TestWhatKratosHasSwitchedOffIsNamed(t *testing.T) {
	a := answering(t, func(r *http.Request) *http.Response {
		switch r.URL.Path {
		case "/admin/version":
			return reply(http.StatusOK, `{"version":"v1.3.1"}`)
		case "/admin/recovery/code":
			return reply(http.StatusNotFound, `{"error":{"code":404,"status":"Not Found","message":"This endpoint was disabled by system administrator."}}`)
		case "/admin/identities/4b1d":
			return reply(http.StatusOK, oneIdentity)
		}
		return reply(http.StatusOK, "[]")
	})
	_, err := a.Session(t.Context(), upstream.Session{AccountID: "4b1d", Subject: "s"})
	if !errors.Is(err, upstream.ErrUnavailable) || !strings.Contains(err.Error(), "selfservice.methods.code") {
		t.Errorf("%v", err)
	}
}
