package integration

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// Somebody else is in the way of a recovery, or wants to come in by it. Each case is a good recovery but for one thing.

// holderCookie is by what the gateway knows a browser again.
const holderCookie = "__Host-regrant"

// forgets has the application's sign-in wait in this browser.
func (v *visitor) forgets() {
	v.t.Helper()
	fatal(v.t, forgetting(v.t.Context(), v.e, v.Browser))
}

// confirms opens the page of a handoff.
func (v *visitor) confirms(code string) *browser.Page {
	v.t.Helper()
	page, err := confirmation(v.t.Context(), v.Browser, v.e, code)
	fatal(v.t, err)
	return page
}

// presses its button.
func (v *visitor) presses(page *browser.Page) *browser.Page {
	v.t.Helper()
	page, err := v.Submit(v.t.Context(), page, "/continue", nil)
	fatal(v.t, err)
	return page
}

// answerFor presses, and keeps the gateway's answer to Keycloak from arriving.
func (v *visitor) answerFor(page *browser.Page) (answer url.Values) {
	v.t.Helper()
	v.onTheWay("/broker/"+keycloak.Alias+"/endpoint", func(q url.Values) {
		answer = url.Values{}
		for name := range q {
			answer[name] = q[name]
			q.Del(name)
		}
	})
	v.presses(page)
	v.way.change = nil
	if answer.Get("code") == "" || answer.Get("state") == "" {
		v.t.Fatalf("no answer: %v", answer)
	}
	return answer
}

// delivers opens the address that an answer leads to.
func (v *visitor) delivers(answer url.Values) *browser.Page {
	v.t.Helper()
	page, err := v.Open(v.t.Context(), v.e.Origin+"/realms/"+keycloak.Realm+"/broker/"+keycloak.Alias+"/endpoint?"+answer.Encode())
	fatal(v.t, err)
	return page
}

// wantStranger checks that the application does not know who is in this browser.
func (v *visitor) wantStranger(after *browser.Page) {
	v.t.Helper()
	app, err := v.Tab().Open(v.t.Context(), v.e.App.URL+"/")
	fatal(v.t, err)
	if strings.Contains(after.Text(), "Signed in as") || strings.Contains(app.Text(), "Signed in as") || v.Cookie("localhost", "KEYCLOAK_IDENTITY") != "" {
		v.t.Errorf("%d at %s: %s; the application: %s", after.Status, after.URL.Redacted(), after.Text(), app.Text())
	}
}

func (v *visitor) wantAtApp(page *browser.Page, name string) {
	v.t.Helper()
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), "Signed in as "+name+".") {
		v.t.Errorf("%d at %s, want %s at the application: %s", page.Status, page.URL.Redacted(), name, page.Text())
	}
}

// Login CSRF, and a second browser: the answer to one browser's sign-in is good there alone.
func TestTheAnswerToOneBrowserSignsNobodyInInAnother(t *testing.T) {
	e := use(t, env.Keycloak)
	p, first, second, third := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newVisitor(t, e), newVisitor(t, e)
	first.forgets()
	second.forgets() // so that an answer is awaited there, too
	answer := first.answerFor(first.confirms(p.handoff()))
	second.wantStranger(second.delivers(answer))
	third.wantStranger(third.delivers(answer))

	first, second = newVisitor(t, e), newVisitor(t, e)
	first.forgets()
	second.forgets()
	answer, own := first.answerFor(first.confirms(p.handoff())), second.answerFor(second.confirms(p.handoff()))
	own.Set("code", answer.Get("code")) // with the state of the second
	second.wantStranger(second.delivers(own))
	first = newVisitor(t, e)
	first.forgets()
	first.wantAtApp(first.delivers(first.answerFor(first.confirms(p.handoff()))), p.user)
}

func TestAHandoffIsForOneBrowser(t *testing.T) {
	e := use(t, env.Keycloak)
	p, first, second := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newVisitor(t, e)
	first.forgets()
	second.forgets()
	code := p.handoff()
	good, late := first.confirms(code), second.confirms(code)
	first.wantAtApp(first.presses(good), p.user)
	refused := second.presses(late)
	if refused.Status != http.StatusBadRequest {
		t.Errorf("the second browser: %d %s", refused.Status, refused.Text())
	}
	second.wantStranger(refused)
}

// Another site has the visitor's browser bring the handoff of its own recovery, while the visitor's sign-in waits.
func TestAnotherSitesHandoffSignsNobodyInByItself(t *testing.T) {
	e := use(t, env.Keycloak)
	mallory, alice, victim := enrolled(t, e, newcomer(t, e)), enrolled(t, e, newcomer(t, e)), newVisitor(t, e)
	victim.forgets()
	shown, err := victim.Post(t.Context(), "https://evil.example/", e.Issuer+"/continue", map[string]string{"code": mallory.handoff()})
	fatal(t, err)
	if !strings.Contains(shown.Text(), mallory.account) {
		t.Errorf("does not say whose it is: %s", shown.Text())
	}
	fields := map[string]string{}
	for name := range shown.Forms[0].Values { // with the page's own token, which the site cannot know
		fields[name] = shown.Forms[0].Values.Get(name)
	}
	again, err := victim.Post(t.Context(), "https://evil.example/", e.Issuer+"/continue", fields)
	fatal(t, err)
	victim.wantStranger(again)
	victim.wantAtApp(victim.presses(victim.confirms(alice.handoff())), alice.user) // it still waits
}

// The gateway's cookies, copied at any time, open nothing in another browser.
func TestAStolenCookieIsNoWayIn(t *testing.T) {
	e := use(t, env.Keycloak)
	p, v := enrolled(t, e, newcomer(t, e)), newVisitor(t, e)
	tries := func(when string) {
		t.Helper()
		thief := newVisitor(t, e)
		thief.forgets()
		thief.Steal(v.Browser, "__Host-regrant")
		if holder := thief.Cookie("localhost", holderCookie); holder == "" || holder != v.Cookie("localhost", holderCookie) {
			t.Fatalf("%s, nothing was stolen", when)
		}
		for _, path := range []string{"/continue", "/authenticators", ""} {
			page, err := thief.Open(t.Context(), e.Issuer+path)
			fatal(t, err)
			if strings.Contains(page.Text(), p.account) || strings.Contains(page.Text(), p.user) {
				t.Errorf("%s, %s shows %s", when, path, page.Text())
			}
		}
		start, err := thief.Open(t.Context(), e.App.URL+"/")
		fatal(t, err)
		start, err = thief.Click(t.Context(), start, "Forgot")
		fatal(t, err)
		thief.wantStranger(start)
	}
	v.forgets()
	tries("while it waits")
	code := p.handoff()
	page := v.confirms(code)
	tries("while it asks")
	v.wantAtApp(v.presses(page), p.user)
	tries("when it is over")
}

// Somebody else is signed in in this browser. The recovery ends in its own account or not at all.
func TestASessionOfSomebodyElseIsNeverTakenForTheOwners(t *testing.T) {
	e := use(t, env.Keycloak)
	p, v, bob := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newcomer(t, e)
	login, err := v.Open(t.Context(), e.App.URL+"/")
	fatal(t, err)
	v.wantAtApp(v.signs(login, bob), bob)

	// The application asks for a new sign-in: Keycloak refuses to change the person.
	v.onTheWay("/protocol/openid-connect/auth", func(q url.Values) { q.Set("prompt", "login") })
	v.forgets()
	v.way.change = nil
	refused := v.presses(v.confirms(p.handoff()))
	if refused.Status != http.StatusBadRequest || strings.Contains(refused.Text(), "Signed in as") {
		t.Errorf("%d: %s", refused.Status, refused.Text())
	}
	app, err := v.Open(t.Context(), e.App.URL+"/")
	fatal(t, err)
	v.wantAtApp(app, bob)
	if n, err := e.Provider.Links(t.Context(), bob); err != nil || n != 0 {
		t.Errorf("bob has %d links, %v", n, err)
	}

	// No application waits: the gateway's own sign-in is the owner's.
	v = newVisitor(t, e)
	login, err = v.Open(t.Context(), e.App.URL+"/")
	fatal(t, err)
	v.wantAtApp(v.signs(login, bob), bob)
	v.wantIn(v.presses(v.confirms(p.handoff())), p.user)
}

// A link to the gateway that somebody else has put at the account leads nobody in, and does not outlive a recovery.
func TestALinkThatSomebodyElseMadeIsNoWayIn(t *testing.T) {
	e := use(t, env.Keycloak)
	server := e.Provider.(env.KeycloakProvider).Server
	p, mallory := enrolled(t, e, newcomer(t, e)), enrolled(t, e, newcomer(t, e))
	id, err := server.UserID(t.Context(), p.user)
	fatal(t, err)
	fatal(t, server.Admin(t.Context(), "POST", "/users/"+id+"/federated-identity/"+keycloak.Alias, map[string]string{"userId": "known to mallory", "userName": mallory.user}, nil))

	thief := newVisitor(t, e)
	thief.onTheWay("/protocol/openid-connect/auth", func(q url.Values) { q.Set("kc_idp_hint", keycloak.Alias); q.Set("login_hint", p.user) })
	start, err := thief.Open(t.Context(), e.App.URL+"/")
	fatal(t, err)
	thief.way.change = nil
	if !strings.HasPrefix(start.URL.String(), e.Issuer+"/oidc/authorize") {
		t.Errorf("the link leads to %s", start.URL)
	}
	thief.wantStranger(start)
	// His own recovery brings him to his own account.
	thief.wantAtApp(thief.presses(thief.confirms(mallory.handoff())), mallory.user)
	if n, err := e.Provider.Sessions(t.Context(), p.user); err != nil || n != 0 {
		t.Errorf("%d sessions of the owner, %v", n, err)
	}

	v := newVisitor(t, e)
	v.forgets()
	v.wantAtApp(v.presses(v.confirms(p.handoff())), p.user)
	until(t, 90*time.Second, "no link is left", func() bool {
		n, err := e.Provider.Links(context.WithoutCancel(t.Context()), p.user)
		fatal(t, err)
		return n == 0
	})
}
