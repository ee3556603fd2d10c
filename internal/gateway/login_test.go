package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// started presses the button of a page, and returns with what the browser was sent to the identity provider.
func (b *browser) started(page *httptest.ResponseRecorder) url.Values {
	b.h.t.Helper()
	return location(b.h.t, b.press(page), http.StatusSeeOther, origin+"/realms/acme/auth?")
}

func landing(sent url.Values) string {
	return "/recovery/login/callback?code=c&state=" + url.QueryEscape(sent.Get("state"))
}

// landed comes back from the identity provider with what was sent there, and goes on as browsers do.
func (b *browser) landed(sent url.Values) *httptest.ResponseRecorder {
	b.h.t.Helper()
	w := b.get(landing(sent), "cross-site")
	wantPage(b.h.t, w, http.StatusOK, "You are signed in")
	to, refreshes := strings.CutPrefix(w.Header().Get("Refresh"), "0; url=")
	if !refreshes || !strings.Contains(w.Body.String(), `href="`+to+`"`) {
		b.h.t.Fatalf("leads on to %q", w.Header().Get("Refresh"))
	}
	return b.get(to, "same-origin")
}

// signIn is the whole of it.
func (b *browser) signIn() *httptest.ResponseRecorder {
	b.h.t.Helper()
	return b.landed(b.started(b.get("/recovery/authenticators", "none")))
}

func TestOwnLoginIsStartedByOurFormAndEndsInTheSameBrowser(t *testing.T) {
	h := open(t)
	h.enrolled()
	b := h.browser()
	page := b.get("/recovery/authenticators", "none")
	wantPage(t, page, http.StatusOK, "Sign in to see your recovery methods")
	if strings.Contains(page.Header().Get("Content-Security-Policy"), "form-action") {
		t.Error("the browser would not follow to an identity provider elsewhere")
	}
	action, form := formOf(t, page)
	wantPage(t, b.post(action, "cross-site", form), http.StatusForbidden, "out of date")
	wantPage(t, b.post(action, "same-origin", url.Values{}), http.StatusForbidden, "out of date")
	q := b.started(page)

	wantPage(t, h.browser().get(landing(q), "cross-site"), http.StatusOK, "You are not signed in")
	wantPage(t, b.get(landing(url.Values{"state": {"x"}}), "cross-site"), http.StatusOK, "You are not signed in")
	wantPage(t, b.send(request(t, http.MethodHead, landing(q), nil), "same-origin"), http.StatusOK, "You are not signed in")
	w := b.landed(q)
	wantPage(t, w, http.StatusOK, "laptop")
	wantPage(t, w, http.StatusOK, alice)
	wantPage(t, b.get(landing(q), "same-origin"), http.StatusOK, "You are not signed in") // a reload
	wantPage(t, b.get("/recovery/authenticators", "same-origin"), http.StatusOK, alice)   // which signs nobody out
}

//
func TestTheCookieOfASessionIsOfNoUseToOthers(t *testing.T) {
	h := open(t)
	b := h.browser()
	q := b.started(b.get("/recovery/authenticators", "none"))
	w := b.get(landing(q), "cross-site")
	i := slices.IndexFunc(cookiesOf(w), func(c *http.Cookie) bool { return c.Name == selfCookie })
	if i < 0 {
		t.Fatalf("no session: %v", w.Header())
	}
	c := cookiesOf(w)[i]
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.MaxAge != int(login.Life/time.Second) || len(c.Value) != 43 {
		t.Errorf("cookie %+v", c)
	}
	if b.cookies[ownCookie] != "" {
		t.Error("the login's cookie stays")
	}
	wantPage(t, b.get("/recovery/authenticators", "cross-site"), http.StatusOK, "Sign in to see")
	// A cookie that somebody put there beforehand is no session afterwards either.
	victim := h.browser()
	page := victim.get("/recovery/authenticators", "none")
	victim.cookies[selfCookie] = b.cookies[selfCookie]
	victim.landed(victim.started(page))
	if victim.cookies[selfCookie] == c.Value {
		t.Error("a session was fixed beforehand")
	}
}

func TestOwnLoginThatFailsShowsNothing(t *testing.T) {
	h := open(t)
	h.enrolled()
	land := func(query string) (*browser, *httptest.ResponseRecorder) {
		b := h.browser()
		q := b.started(b.get("/recovery/authenticators", "none"))
		w := b.get("/recovery/login/callback?"+query+"&state="+url.QueryEscape(q.Get("state")), "same-origin")
		if b.cookies[selfCookie] != "" {
			t.Errorf("%s: signed in", query)
		}
		return b, w
	}
	_, w := land("error=access_denied")
	wantPage(t, w, http.StatusOK, "You are not signed in")
	for _, err := range []error{upstream.ErrRefused, upstream.ErrNoAccount} {
		h.idp.loginErr = err
		b, w := land("code=c")
		wantPage(t, w, http.StatusForbidden, "You are not signed in")
		if b.cookies[ownCookie] != "" {
			t.Error("a login that was refused waits on")
		}
	}
	h.idp.loginErr = upstream.ErrUnavailable
	b, w := land("code=c")
	wantPage(t, w, http.StatusServiceUnavailable, "try again")
	h.idp.loginErr = nil
	wantPage(t, b.get(landing(url.Values{"state": {h.idp.login.State}}), "same-origin"), http.StatusOK, "You are signed in") // a reload
}

// Any site can send a browser to the callback. That must not end the login that the person is about to make.
func TestAMadeUpAnswerEndsNoLogin(t *testing.T) {
	h := open(t)
	b := h.browser()
	q := b.started(b.get("/recovery/authenticators", "none"))
	for _, query := range []string{"?error=access_denied", "?code=c&state=x", "", "?state=x&error=x"} {
		wantPage(t, b.get("/recovery/login/callback"+query, "cross-site"), http.StatusOK, "You are not signed in")
	}
	wantPage(t, b.landed(q), http.StatusOK, alice)
}

func TestSigningOutEndsTheSessionForWhoeverHasTheCookie(t *testing.T) {
	h := open(t)
	b := h.browser()
	page := b.signIn()
	thief := h.browser()
	thief.cookies[selfCookie] = b.cookies[selfCookie]
	wantPage(t, thief.get("/recovery/authenticators", "none"), http.StatusOK, "Signed in as")

	action, form := formOf(t, page)
	wantPage(t, b.post(action, "cross-site", form), http.StatusForbidden, "out of date")
	wantPage(t, b.post(action, "same-origin", url.Values{}), http.StatusForbidden, "out of date")
	wantPage(t, h.browser().post(action, "same-origin", form), http.StatusForbidden, "out of date")
	wantPage(t, b.get("/recovery/authenticators", "none"), http.StatusOK, "Signed in as")
	wantPage(t, b.press(page), http.StatusOK, "You are signed out here")
	if b.cookies[selfCookie] != "" {
		t.Error("the cookie stays")
	}
	for _, b := range []*browser{b, thief} {
		wantPage(t, b.get("/recovery/authenticators", "none"), http.StatusOK, "Sign in to see")
	}
}

func TestASessionThatCannotBeReadIsNotTakenForNone(t *testing.T) {
	h := open(t)
	b := h.browser()
	page := b.signIn()
	h.db.down.Store(true)
	wantPage(t, b.get("/recovery/authenticators", "none"), http.StatusServiceUnavailable, "try again")
	wantPage(t, b.press(page), http.StatusServiceUnavailable, "try again")
	if b.cookies[selfCookie] == "" {
		t.Error("told that it is signed out")
	}
	h.db.down.Store(false)
	wantPage(t, b.get("/recovery/authenticators", "none"), http.StatusOK, "Signed in as")
}

func TestTheSessionEndsWithTheAccountsEpoch(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.signIn()
	must(t, h.DB.Update(t.Context(), func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, aliceID) }))
	wantPage(t, b.get("/recovery/authenticators", "none"), http.StatusOK, "Sign in to see")
}

func TestABetterLoginIsAskedForAndIsTheSamePersons(t *testing.T) {
	h := open(t)
	h.idp.acr = map[string]upstream.Assurance{"gold": {AAL: upstream.AAL2, PhishingResistant: true}, "silver": {AAL: upstream.AAL2}}
	b := h.browser()
	page := b.get("/recovery/authenticators", "none")
	action, form := formOf(t, page)
	b.signIn()
	better := func(aal, resistant string) *httptest.ResponseRecorder {
		return b.post(action, "same-origin", url.Values{"csrf": form["csrf"], "aal": {aal}, "phishing_resistant": {resistant}})
	}
	for _, bad := range [][2]string{{"4", ""}, {"x", ""}, {"2", "false"}, {"02", ""}} {
		wantPage(t, better(bad[0], bad[1]), http.StatusBadRequest, "<h1>")
	}
	h.idp.who.AccountID = "account-of-bob"
	q := location(t, better("2", "true"), http.StatusSeeOther, origin)
	if !slices.Equal(h.idp.login.ACR, []string{"gold"}) {
		t.Errorf("asked for %q", h.idp.login.ACR)
	}
	wantPage(t, b.get(landing(q), "cross-site"), http.StatusForbidden, "another account")
	wantPage(t, b.get("/recovery/authenticators", "none"), http.StatusOK, alice)
}

func TestRevokedAuthenticatorsAreNotListed(t *testing.T) {
	h := open(t)
	h.enrolled()
	b := h.browser()
	wantPage(t, b.signIn(), http.StatusOK, "laptop")
	revokeAll(t, h)
	page := b.signIn()
	wantPage(t, page, http.StatusOK, "Nothing can recover your account yet")
	if strings.Contains(page.Body.String(), "laptop") {
		t.Error("listed")
	}
}

func TestOnlyTheLoginOfARecoveryIsLedPastTheOrdinaryOne(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	b.started(b.get("/recovery/authenticators", "none"))
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
	b.started(page)
}

func TestOwnLoginsCountAgainstTheNetwork(t *testing.T) {
	once := throttle.Rate{Burst: 1, Every: time.Minute}
	for _, path := range []string{"GET /recovery/login/callback?code=c&state=x", "POST /recovery/login"} {
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

func TestALandingTakesAPlaceAmongStrangers(t *testing.T) {
	h := open(t)
	b := h.browser()
	q := b.started(b.get("/recovery/authenticators", "none"))
	fill(t, h.Throttle.Strangers)
	wantPage(t, b.get(landing(q), "cross-site"), http.StatusTooManyRequests, "wait a little")
}
