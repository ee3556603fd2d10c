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
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream"
)

// Somebody else is in the way of a recovery, or wants to come in by it. Each case is a good recovery but for one thing.

// holderCookie is by what the gateway knows a browser again.
const holderCookie = "__Host-regrant"

// ends are the identity providers of the two ends that a recovery has: the answer to a login that waits, and a session that is handed on.
// Where a login waits at Hydra it has both: TestNobodyElseComesInAtHydra.
var ends = []string{env.Keycloak, env.Kratos}

// home is where a person is told who is signed in, and session the cookie by which the identity provider knows it.
func home(e *env.Env) (address, greeting, session string) {
	switch e.Kind {
	case env.Kratos:
		return e.Origin + "/ui/", e.Welcome(""), kratos.SessionCookie
	case env.Hydra, env.KratosHydra:
		return e.App.URL + "/", "Signed in as", "ory_hydra_session"
	}
	return e.App.URL + "/", "Signed in as", "KEYCLOAK_IDENTITY"
}

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
	address, greeting, session := home(v.e)
	app, err := v.Tab().Open(v.t.Context(), address)
	fatal(v.t, err)
	if strings.Contains(after.Text(), greeting) || strings.Contains(app.Text(), greeting) || v.Cookie("localhost", session) != "" {
		v.t.Errorf("%d at %s: %s; the application: %s", after.Status, after.URL.Redacted(), after.Text(), app.Text())
	}
}

func (v *visitor) wantAtApp(page *browser.Page, name string) {
	v.t.Helper()
	welcome := v.e.Welcome(name)
	switch v.e.Kind { // newcomer1 is not newcomer10
	case env.Keycloak:
		welcome += "."
	case env.Hydra, env.KratosHydra:
		welcome += "@example.com."
	}
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), welcome) {
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

// Wrong passwords lock the account again while the browser is on its way back to Keycloak, which would turn the login away.
func TestALockThatComesLateKeepsNobodyOut(t *testing.T) {
	e := use(t, env.Keycloak)
	p, v := enrolled(t, e, newcomer(t, e)), newVisitor(t, e)
	v.forgets()
	answer := v.answerFor(v.confirms(p.handoff()))
	fatal(t, e.Provider.(env.KeycloakProvider).Server.BruteForceLock(t.Context(), p.user))
	v.wantAtApp(v.delivers(answer), p.user)
}

func TestAHandoffIsForOneBrowser(t *testing.T) {
	for _, kind := range ends {
		t.Run(kind, func(t *testing.T) { handsOffToOneBrowser(t, use(t, kind)) })
	}
}

func handsOffToOneBrowser(t *testing.T, e *env.Env) {
	t.Helper()
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
	for _, kind := range ends {
		t.Run(kind, func(t *testing.T) { refusesAnotherSitesHandoff(t, use(t, kind)) })
	}
}

func refusesAnotherSitesHandoff(t *testing.T, e *env.Env) {
	t.Helper()
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

// The gateway's cookies, copied at any time, open nothing in another browser. Where a session is handed on, its browser may ask for it
// again for half a minute, and who has its cookies then has that session's, too.
func TestAStolenCookieIsNoWayIn(t *testing.T) {
	for _, kind := range ends {
		t.Run(kind, func(t *testing.T) { opensNothingToAThief(t, use(t, kind)) })
	}
}

func opensNothingToAThief(t *testing.T, e *env.Env) {
	t.Helper()
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
		start, err := thief.Open(t.Context(), e.Entrance())
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
	if e.Kind == env.Kratos {
		asksAgain := func() bool {
			again, err := v.Tab().Open(t.Context(), e.Issuer+"/continue")
			fatal(t, err)
			return strings.Contains(again.Text(), p.account)
		}
		if !asksAgain() {
			t.Error("the browser that got the session may not ask for it again")
		}
		until(t, 2*upstream.AnswerLife, "nothing is to be asked for again", func() bool { return !asksAgain() })
	}
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

// Kratos lets nobody who is signed in to its login page; an application's own link leads past it.
func TestASessionOfSomebodyElseAtKratosGivesWayToTheOwners(t *testing.T) {
	e := use(t, env.Kratos)
	server := e.Provider.(*env.KratosProvider).Server
	p, v, bob := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newcomer(t, e)
	login, err := v.Open(t.Context(), e.Entrance())
	fatal(t, err)
	v.wantAtApp(v.signs(login, bob), bob)
	bobs := v.Cookie("localhost", kratos.SessionCookie)

	address, _, _ := home(e)
	start, err := v.Open(t.Context(), e.Origin+"/self-service/recovery/browser?"+url.Values{"return_to": {address}}.Encode())
	fatal(t, err)
	if start.Status != http.StatusOK || start.URL.String() != e.Issuer {
		t.Fatalf("%d at %s: %s", start.Status, start.URL, start.Text())
	}
	v.wantAtApp(v.presses(v.confirms(p.handoff())), p.user)
	for who, cookie := range map[string]string{p.account: v.Cookie("localhost", kratos.SessionCookie), e.User(bob): bobs} {
		session, err := server.Whoami(t.Context(), kratos.Cookie(cookie))
		if err != nil || !session.Active || session.Identity.Traits["email"] != who {
			t.Errorf("the session of %s: %+v, %v", who, session, err)
		}
		if n, err := e.Provider.Sessions(t.Context(), who); err != nil || n != 1 {
			t.Errorf("%s has %d sessions, %v", who, n, err)
		}
	}
}

// Where Kratos leads a recovered person is good in that person's browser alone.
func TestTheSettingsOfARecoveryAtKratosOpenInNoOtherBrowser(t *testing.T) {
	e := use(t, env.Kratos)
	p, first, second, bobs, bob := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newVisitor(t, e), newVisitor(t, e), newcomer(t, e)
	p.Wants = []string{"sign-in", "reset-password"}
	first.forgets()
	settings := first.presses(first.confirms(p.handoff()))
	if settings.URL.Path != "/ui/settings" || settings.URL.Query().Get("flow") == "" {
		t.Fatalf("%d at %s: %s", settings.Status, settings.URL, settings.Text())
	}
	shown, err := second.Open(t.Context(), settings.URL.String())
	fatal(t, err)
	second.wantStranger(shown)

	login, err := bobs.Open(t.Context(), e.Entrance())
	fatal(t, err)
	bobs.wantAtApp(bobs.signs(login, bob), bob)
	shown, err = bobs.Open(t.Context(), settings.URL.String())
	fatal(t, err)
	if strings.Contains(shown.Text(), p.account) || shown.URL.Query().Get("flow") == settings.URL.Query().Get("flow") {
		t.Errorf("%s is shown %s: %s", bob, shown.URL, shown.Text())
	}
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
