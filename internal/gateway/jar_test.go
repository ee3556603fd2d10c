package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestSealedCookiesAreNotInterchangeable(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.get(authorization(), "same-origin")
	r := request(t, http.MethodGet, "/", nil, "Cookie", loginCookie+"="+b.cookies[loginCookie])
	if _, ok := h.take(r); !ok {
		t.Error("the request that waits is not found")
	}
	r.Header.Add("Cookie", loginCookie+"=x")
	if _, ok := h.take(r); ok {
		t.Error("one of two cookies was chosen")
	}
	location(t, b.press(b.get("/recovery/authenticators", "none")), http.StatusSeeOther, origin)
	r = request(t, http.MethodGet, "/", nil, "Cookie", loginCookie+"="+b.cookies[ownCookie])
	if _, ok := h.take(r); ok {
		t.Error("a login of our own opened as a request that waits")
	}
	b.cookies[ownCookie] = b.cookies[loginCookie]
	wantPage(t, b.get("/recovery/login/callback?code=c&state="+url.QueryEscape(h.idp.login.State), "same-origin"), http.StatusOK, "You are not signed in")
}

// Gateways at one origin keep what waits for them apart.
func TestCookiesAreNamedAfterThePath(t *testing.T) {
	seen := map[string]string{}
	for _, path := range []string{"/recovery", "/recovery/acme", "/recovery.acme", "/recovery-acme", "/a/b", "/a.b", "/a~b"} {
		name := shell(Config{Path: path}).cookie(loginCookie)
		if before, twice := seen[name]; twice {
			t.Errorf("%s and %s share %s", before, path, name)
		}
		seen[name] = path
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		setCookie(w, name, "value", 0)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		if got := cookieValue(r, name); got != "value" {
			t.Errorf("%s came back as %q", name, got)
		}
	}
	if seen[loginCookie] != usualPath {
		t.Errorf("the plain name belongs to %q", seen[loginCookie])
	}
}
