package gateway

import (
	"net/http"
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
