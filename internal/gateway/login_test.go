package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/upstream"
)

func TestOwnLoginIsStartedByOurFormAndEndsInTheSameBrowser(t *testing.T) {
	h := open(t)
	h.enrolled()
	b := h.browser()
	page := b.get("/recovery/authenticators", "none")
	wantPage(t, page, http.StatusOK, "Sign in to see your recovery methods")
	_, form := formOf(t, page)
	wantPage(t, b.post("/recovery/authenticators", "cross-site", form), http.StatusForbidden, "out of date")
	wantPage(t, b.post("/recovery/authenticators", "same-origin", url.Values{}), http.StatusForbidden, "out of date")
	q := location(t, b.press(page), http.StatusSeeOther, origin+"/realms/acme/auth?")
	landing := "/recovery/authenticators?code=c&state=" + url.QueryEscape(q.Get("state"))

	wantPage(t, h.browser().get(landing, "cross-site"), http.StatusOK, "You are not signed in")
	wantPage(t, b.get("/recovery/authenticators?code=c&state=x", "cross-site"), http.StatusOK, "You are not signed in")
	wantPage(t, b.send(request(t, http.MethodHead, landing, nil), "same-origin"), http.StatusOK, "Sign in to see")
	wantPage(t, b.get(landing, "same-origin"), http.StatusOK, "laptop")
	wantPage(t, b.get(landing, "same-origin"), http.StatusOK, "You are not signed in") // a reload
}

func TestOwnLoginThatFailsShowsNothing(t *testing.T) {
	h := open(t)
	h.enrolled()
	land := func(query string) *httptest.ResponseRecorder {
		b := h.browser()
		q := location(t, b.press(b.get("/recovery/authenticators", "none")), http.StatusSeeOther, origin)
		return b.get("/recovery/authenticators?"+query+"&state="+url.QueryEscape(q.Get("state")), "same-origin")
	}
	wantPage(t, land("error=access_denied"), http.StatusOK, "You are not signed in")
	h.idp.loginErr = upstream.ErrRefused
	wantPage(t, land("code=c"), http.StatusForbidden, "You are not signed in")
	h.idp.loginErr = upstream.ErrUnavailable
	wantPage(t, land("code=c"), http.StatusServiceUnavailable, "try again")
}

func TestRevokedAuthenticatorsAreNotListed(t *testing.T) {
	h := open(t)
	h.enrolled()
	list, err := h.authenticatorsOf(request(t, http.MethodGet, "/", nil), aliceID)
	must(t, err)
	if len(list) != 1 {
		t.Fatalf("%d listed", len(list))
	}
	b := h.browser()
	q := location(t, b.press(b.get("/recovery/authenticators", "none")), http.StatusSeeOther, origin)
	revokeAll(t, h)
	wantPage(t, b.get("/recovery/authenticators?code=c&state="+url.QueryEscape(q.Get("state")), "same-origin"), http.StatusOK, "No device can recover your account yet")
}

func TestOnlyTheLoginOfARecoveryIsLedPastTheOrdinaryOne(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	location(t, b.press(b.get("/recovery/authenticators", "none")), http.StatusSeeOther, origin)
	if h.idp.login.Recovery {
		t.Error("who wants to see the list is sent to recover the account")
	}
	location(t, b.press(b.confirmed(p.handoffCode("sign-in"))), http.StatusSeeOther, origin)
	if !h.idp.login.Recovery {
		t.Error("who has recovered the account is asked for the password")
	}
}

func TestASignInThatCannotBeStartedIsTriedAgain(t *testing.T) {
	h := open(t)
	b := h.browser()
	page := b.get("/recovery/authenticators", "none")
	h.idp.set(func(f *fakeIDP) { f.down = true })
	wantPage(t, b.press(page), http.StatusServiceUnavailable, "try again")
	h.idp.set(func(f *fakeIDP) { f.down = false })
	location(t, b.press(page), http.StatusSeeOther, origin)
}

func TestOwnLoginsCountAgainstTheNetwork(t *testing.T) {
	once := throttle.Rate{Burst: 1, Every: time.Minute}
	for _, path := range []string{"GET /recovery/authenticators?code=c&state=x", "POST /recovery/authenticators"} {
		h := open(t, func(h *house) { h.limiter.PerNetwork = once })
		b := h.browser()
		form := b.get("/recovery/authenticators", "none") // costs nobody anything
		send := func() *httptest.ResponseRecorder {
			if path[0] == 'G' {
				return b.get(path[4:], "cross-site")
			}
			return b.press(form)
		}
		if w := send(); w.Code == http.StatusTooManyRequests {
			t.Errorf("%s: the first is turned away", path)
		}
		wantPage(t, send(), http.StatusTooManyRequests, "wait a little")
	}
}
