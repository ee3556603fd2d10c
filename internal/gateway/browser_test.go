package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// verifier and challenge are the pair of RFC 7636 appendix B.
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func authorization(change ...func(url.Values)) string {
	q := url.Values{
		"client_id": {"keycloak"}, "redirect_uri": {brokerRedirect}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"state-of-keycloak.tab." + strings.Repeat("d", 180)}, "nonce": {"nonce-of-keycloak"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for _, c := range change {
		c(q)
	}
	return "/recovery/oidc/authorize?" + q.Encode()
}

// confirmed is the confirmation that a handoff from the loopback page of a program shows.
func (b *browser) confirmed(code string) *httptest.ResponseRecorder {
	b.h.t.Helper()
	w := b.post("/recovery/continue", "cross-site", url.Values{"code": {code}})
	wantPage(b.h.t, w, http.StatusOK, "Is this your recovery?")
	return w
}

func location(t testing.TB, w *httptest.ResponseRecorder, status int, prefix string) url.Values {
	t.Helper()
	to := w.Header().Get("Location")
	if w.Code != status || !strings.HasPrefix(to, prefix) || w.Body.Len() > 0 {
		t.Fatalf("got %d to %q, want %d to %s…\n%s", w.Code, to, status, prefix, w.Body)
	}
	u, err := url.Parse(to)
	must(t, err)
	return u.Query()
}

func TestForgottenPasswordEndsInTheLoginThatWaits(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	w := b.get(authorization(), "same-origin")
	wantPage(t, w, http.StatusOK, "regrant device recover --issuer "+issuer+" --account you@example.com")
	if b.cookies[holderCookie] == "" || len(b.cookies[loginCookie]) > 3500 {
		t.Errorf("cookies: %v", b.cookies)
	}

	w = b.confirmed(p.handoffCode("sign-in", "reset-password"))
	for _, words := range []string{alice, "&lt;b&gt;Alice&#39;s&lt;/b&gt; laptop", "You choose a new password", "the sign-in that is waiting in this browser, if any"} {
		if !strings.Contains(w.Body.String(), words) {
			t.Errorf("the confirmation does not name %q", words)
		}
	}
	if strings.Contains(w.Header().Get("Content-Security-Policy"), "form-action") {
		t.Error("the browser would not follow to the application")
	}
	w = b.press(w)
	q := location(t, w, http.StatusSeeOther, brokerRedirect+"?")
	if !strings.HasPrefix(q.Get("state"), "state-of-keycloak") || q.Get("code") == "" {
		t.Errorf("redirected with %v", q)
	}
	if _, waits := b.cookies[loginCookie]; waits || b.cookies[holderCookie] == "" {
		t.Errorf("cookies afterwards: %v", b.cookies)
	}

	w = h.serve(request(t, http.MethodPost, "/recovery/oidc/token", strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {brokerRedirect}, "code_verifier": {verifier},
		"client_id": {"keycloak"}, "client_secret": {brokerSecret},
	}.Encode()), "Content-Type", formType))
	var out struct {
		IDToken   string `json:"id_token"`
		TokenType string `json:"token_type"`
	}
	if json.Unmarshal(w.Body.Bytes(), &out) != nil || w.Code != http.StatusOK || strings.Count(out.IDToken, ".") != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	wantOAuth(t, h.serve(request(t, http.MethodPost, "/recovery/oidc/token", strings.NewReader("grant_type=authorization_code"), "Content-Type", formType)),
		http.StatusUnauthorized, "invalid_client")
}

func TestRecoveryWithoutAWaitingLoginStartsOneOfOurOwn(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	w := b.press(b.confirmed(p.handoffCode("sign-in")))
	q := location(t, w, http.StatusSeeOther, origin+"/realms/acme/auth?")
	if h.idp.login.RedirectURI != issuer+"/login/callback" || len(h.idp.login.Verifier) != 43 || b.cookies[ownCookie] == "" {
		t.Errorf("login %+v, cookies %v", h.idp.login, b.cookies)
	}
	// That login leads into our broker, and this browser's recovery is ready.
	w = b.get(authorization(), "same-origin")
	location(t, w, http.StatusFound, brokerRedirect+"?")

	w = b.landed(q)
	wantPage(t, w, http.StatusOK, "Your recovery methods")
	if body := w.Body.String(); !strings.Contains(body, "&lt;b&gt;Alice&#39;s&lt;/b&gt; laptop") || !strings.Contains(body, "Device certificate") {
		t.Errorf("the list:\n%s", body)
	}
	if b.cookies[ownCookie] != "" {
		t.Error("the login's cookie stays")
	}
}

func TestRecoveryThatSignsNobodyInJustEnds(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	wantPage(t, b.press(b.confirmed(p.handoffCode("revoke-sessions"))), http.StatusOK, "Recovery is done")
}

// A page of another site can bring a code, its own or a stolen one. Only the person's press on our form uses it.
func TestCodeIsUsedOnlyByOurOwnForm(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	code := p.handoffCode("sign-in")
	_, good := formOf(t, b.confirmed(code))
	withToken := func(token string) url.Values { return url.Values{"code": {code}, "csrf": {token}} }
	for name, c := range map[string]struct {
		site string
		form url.Values
	}{
		"cross-site with the right token": {"cross-site", good},
		"same site with the right token":  {"same-site", good},
		"typed with the right token":      {"none", good},
		"no token":                        {"same-origin", url.Values{"code": {code}}},
		"wrong token":                     {"same-origin", withToken("x")},
		"token of another form":           {"same-origin", withToken(h.formToken(formContinue, code))},
		"token of another code":           {"same-origin", withToken(h.formToken(formHandoff, "x"))},
	} {
		w := b.post("/recovery/continue", c.site, c.form)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Is this your recovery?") || len(b.cookies) > 0 {
			t.Errorf("%s: %d, cookies %v", name, w.Code, b.cookies)
		}
	}
	location(t, b.press(b.confirmed(code)), http.StatusSeeOther, origin) // and none of it has used the code
}

func TestUnknownCodeShowsNothing(t *testing.T) {
	h := open(t)
	wantPage(t, h.browser().post("/recovery/continue", "cross-site", url.Values{"code": {"x"}}), http.StatusBadRequest, "This has expired")
}

func TestFormsAreReadStrictly(t *testing.T) {
	h := open(t)
	b := h.browser()
	wantPage(t, b.post("/recovery/continue", "same-origin", url.Values{"code": {"a", "b"}}), http.StatusBadRequest, "<h1>")
	wantPage(t, h.serve(request(t, http.MethodPost, "/recovery/continue", strings.NewReader("code=%zz"), "Content-Type", formType)), http.StatusBadRequest, "<h1>")
	wantPage(t, h.postJSON("/recovery/continue", "{}"), http.StatusUnsupportedMediaType, "<h1>")
	big := url.Values{"code": {strings.Repeat("a", 65<<10)}}
	wantPage(t, b.post("/recovery/continue", "same-origin", big), http.StatusRequestEntityTooLarge, "<h1>")
}

func TestCompletionSurvivesAnOutage(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	confirmation := b.confirmed(p.handoffCode("sign-in"))
	h.idp.set(func(f *fakeIDP) { f.down = true })
	w := b.press(confirmation)
	wantPage(t, w, http.StatusServiceUnavailable, "Your recovery is kept")
	if w.Header().Get("Retry-After") == "" {
		t.Error("does not say when to come again")
	}
	h.idp.set(func(f *fakeIDP) { f.down = false })

	shown := b.get("/recovery/continue", "none") // from the page's own link, too
	wantPage(t, shown, http.StatusOK, alice)
	location(t, b.press(w), http.StatusSeeOther, origin+"/realms/acme/auth?")
	location(t, b.press(shown), http.StatusSeeOther, origin+"/realms/acme/auth?")
}

func TestSecondPressGoesOn(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	confirmation := b.confirmed(p.handoffCode("sign-in"))
	location(t, b.press(confirmation), http.StatusSeeOther, origin)
	second := b.press(confirmation)
	wantPage(t, second, http.StatusBadRequest, "This is being done just now")
	location(t, b.press(second), http.StatusSeeOther, origin)
	wantPage(t, h.browser().press(confirmation), http.StatusBadRequest, "This has expired") // but in this browser only
}

func TestResumingNeedsThisBrowsersOwnForm(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	location(t, b.press(b.confirmed(p.handoffCode("sign-in"))), http.StatusSeeOther, origin)
	_, good := formOf(t, b.get("/recovery/continue", "none"))
	wantPage(t, b.post("/recovery/continue", "cross-site", good), http.StatusForbidden, "out of date")
	wantPage(t, b.post("/recovery/continue", "same-origin", url.Values{}), http.StatusForbidden, "out of date")
	wantPage(t, b.post("/recovery/continue", "same-origin", url.Values{"csrf": {h.formToken(formContinue, newSecret())}}), http.StatusForbidden, "out of date")
	wantPage(t, h.browser().post("/recovery/continue", "same-origin", good), http.StatusForbidden, "out of date")
	wantPage(t, h.browser().get("/recovery/continue", "none"), http.StatusOK, "Nothing to continue")
}

func TestCancelLeadsBackToTheLogin(t *testing.T) {
	h := open(t)
	b := h.browser()
	w := b.get(authorization(), "cross-site")
	action, good := formOf(t, w)
	wantPage(t, b.post(action, "cross-site", good), http.StatusForbidden, "out of date")
	wantPage(t, b.post(action, "same-origin", url.Values{"csrf": {"x"}}), http.StatusForbidden, "out of date")
	wantPage(t, h.browser().post(action, "same-origin", good), http.StatusForbidden, "out of date")
	q := location(t, b.press(w), http.StatusSeeOther, brokerRedirect+"?")
	if q.Get("error") != "access_denied" || b.cookies[loginCookie] != "" {
		t.Errorf("redirected with %v, cookies %v", q, b.cookies)
	}
}

func TestWaitingLoginEndsAfterHalfAnHour(t *testing.T) {
	h := open(t)
	b := h.browser()
	w := b.get(authorization(), "same-origin")
	h.offset.Store(int64(31 * time.Minute))
	wantPage(t, b.press(w), http.StatusForbidden, "out of date")
}

func TestAuthorizeNeverRedirectsToAnAddressThatIsNotRegistered(t *testing.T) {
	h := open(t)
	b := h.browser()
	for name, change := range map[string]func(url.Values){
		"redirect": func(q url.Values) { q.Set("redirect_uri", "https://evil.example/") },
		"client":   func(q url.Values) { q.Set("client_id", "x") },
	} {
		w := b.get(authorization(change), "same-origin")
		if w.Code != http.StatusBadRequest || w.Header().Get("Location") != "" || len(b.cookies) > 0 {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	w := b.get(authorization(func(q url.Values) { q.Set("prompt", "none") }), "same-origin")
	if q := location(t, w, http.StatusSeeOther, brokerRedirect+"?"); q.Get("error") != "login_required" {
		t.Errorf("redirected with %v", q)
	}
}

func TestLoginThatFitsNoCookieIsNotKept(t *testing.T) {
	h := open(t)
	b := h.browser()
	fits := authorization(func(q url.Values) { q.Set("state", strings.Repeat("s", maxLogin-360)) })
	wantPage(t, b.get(fits, "same-origin"), http.StatusOK, "Cancel")
	if n := len(b.cookies[loginCookie]); n > 3584 {
		t.Errorf("the cookie has %d bytes", n)
	}
	wantPage(t, b.get(authorization(func(q url.Values) { q.Set("state", strings.Repeat("s", maxLogin)) }), "same-origin"), http.StatusBadRequest, "cannot wait here")
}

// Letting in uses the recovery up: neither a link on another site nor a prefetch may do it.
func TestOnlyAPersonsOwnStepLetsIn(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	b.press(b.confirmed(p.handoffCode("sign-in")))
	wantPage(t, b.get(authorization(), "cross-site"), http.StatusOK, "Continue as "+alice)
	wantPage(t, b.send(request(t, http.MethodGet, authorization(), nil, "Sec-Purpose", "prefetch"), "same-origin"), http.StatusOK, "Continue as "+alice)
	w := b.send(request(t, http.MethodHead, authorization(), nil), "same-origin")
	wantPage(t, w, http.StatusOK, "Continue as "+alice)
	location(t, b.press(w), http.StatusSeeOther, brokerRedirect+"?")
}

func TestOutageWhileLettingInKeepsTheRecovery(t *testing.T) {
	h := open(t)
	p, b := h.enrolled(), h.browser()
	b.press(b.confirmed(p.handoffCode("sign-in")))
	h.idp.set(func(f *fakeIDP) { f.down = true })
	w := b.get(authorization(), "same-origin")
	wantPage(t, w, http.StatusServiceUnavailable, "Your recovery is kept")
	h.idp.set(func(f *fakeIDP) { f.down = false })
	location(t, b.press(w), http.StatusSeeOther, brokerRedirect+"?")
}

// The way in was made, and its code could not be stored.
func TestALoginThatCouldNotBeAnsweredIsAnsweredAtTheNextPress(t *testing.T) {
	for name, until := range map[string]func(*browser, *httptest.ResponseRecorder) *httptest.ResponseRecorder{
		"that waits": func(b *browser, confirmation *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			b.get(authorization(), "same-origin")
			return b.press(confirmation)
		},
		"that comes later": func(b *browser, confirmation *httptest.ResponseRecorder) *httptest.ResponseRecorder {
			b.press(confirmation)
			return b.get(authorization(), "same-origin")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			p, b := h.enrolled(), h.browser()
			confirmation := b.confirmed(p.handoffCode("sign-in"))
			h.idp.onSession = func() { h.db.trips.Store(true) }
			w := until(b, confirmation)
			wantPage(t, w, http.StatusServiceUnavailable, "Your recovery is kept")
			h.idp.onSession = nil
			location(t, b.press(w), http.StatusSeeOther, brokerRedirect+"?")
		})
	}
}

// The holder's cookie has to be there before the token is consumed, and is never set at another site's bidding.
func TestTheStartPageMakesTheBrowserAHolder(t *testing.T) {
	h := open(t)
	for site, want := range map[string]bool{"none": true, "same-origin": true, "cross-site": false, "same-site": false} {
		b := h.browser()
		wantPage(t, b.get(authorization(), site), http.StatusOK, "Recover your account")
		if got := b.cookies[holderCookie] != ""; got != want {
			t.Errorf("%s: holder cookie set: %v", site, got)
		}
	}
}
