package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

// Somebody else is in the way of a recovery that answers a login of Hydra's, whose login app is the operator's own, or Kratos.

func TestNobodyElseComesInAtHydra(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Hydra, Patient: true, Users: newcomers()})
	keepsStrangersOut(t, e)
	t.Run("a stolen cookie", func(t *testing.T) { opensNothingAtHydraToAThief(t, e) })
}

func TestNobodyElseComesInAtAHydraWhoseLoginAppIsKratos(t *testing.T) {
	t.Parallel()
	keepsStrangersOut(t, own(t, env.Options{IdP: env.KratosHydra, Patient: true, Users: newcomers()[:10]}))
}

func keepsStrangersOut(t *testing.T, e *env.Env) {
	t.Helper()
	t.Run("a second browser", func(t *testing.T) { handsOffToOneBrowser(t, e) })
	t.Run("another site's handoff", func(t *testing.T) { refusesAnotherSitesHandoff(t, e) })
	t.Run("the login of another browser", func(t *testing.T) { answersNoLoginOfAnotherBrowser(t, e) })
	t.Run("somebody whom Hydra remembers", func(t *testing.T) { goesOnAsNobodyWhomHydraRemembers(t, e) })
}

// comesFrom opens the gateway's start page with what the login app's link says of the login.
func (v *visitor) comesFrom(query url.Values) {
	v.t.Helper()
	start, err := v.Open(v.t.Context(), v.e.Issuer+"?"+query.Encode())
	fatal(v.t, err)
	if start.Status != http.StatusOK || start.URL.String() != v.e.Issuer {
		v.t.Fatalf("%d at %s: %s", start.Status, start.URL, start.Text())
	}
}

// opensApp opens the application, and is where that leads.
func (v *visitor) opensApp() *browser.Page {
	v.t.Helper()
	page, err := v.Open(v.t.Context(), v.e.App.URL+"/")
	fatal(v.t, err)
	return page
}

// hasSessions demands that p has so many at the application.
func (p *person) hasSessions(want int) {
	p.t.Helper()
	if p.e.Kind == env.KratosHydra {
		p.hasOpened(want)
		return
	}
	if n, err := p.e.Provider.Sessions(p.t.Context(), p.e.User(p.user)); err != nil || n != want {
		p.t.Errorf("%s has %d sessions, %v, want %d", p.user, n, err, want)
	}
}

// An attacker begins a login and has a victim recover with its challenge: neither of the two comes in by it.
func answersNoLoginOfAnotherBrowser(t *testing.T, e *env.Env) {
	t.Helper()
	p, attacker, victim := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newVisitor(t, e)
	login := attacker.opensApp()
	forgot, err := login.Link("Forgot")
	fatal(t, err)
	victim.forgets() // a login of its own waits, too
	victim.comesFrom(forgot.Query())
	refused := victim.presses(victim.confirms(p.handoff()))
	if refused.URL.Path != "/callback" || refused.URL.Query().Get("error") != "request_forbidden" {
		t.Errorf("the victim's browser came to %s: %s", refused.URL, refused.Text())
	}
	victim.wantStranger(refused)
	again, err := attacker.Open(t.Context(), login.URL.String())
	fatal(t, err)
	attacker.wantStranger(again)
	p.hasSessions(0)
	victim.forgets()
	victim.wantAtApp(victim.presses(victim.confirms(p.handoff())), p.user)
	p.hasSessions(1)
}

// The gateway's cookies, copied when the session was answered, lead to an answer that is good in the owner's browser alone.
func opensNothingAtHydraToAThief(t *testing.T, e *env.Env) {
	t.Helper()
	p, v, thief := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newVisitor(t, e)
	v.forgets()
	v.wantAtApp(v.presses(v.confirms(p.handoff())), p.user)
	thief.forgets()
	thief.Steal(v.Browser, "__Host-regrant")
	page, err := thief.Open(t.Context(), e.Issuer+"/continue")
	fatal(t, err)
	if !strings.Contains(page.Text(), p.account) {
		t.Fatalf("nothing was stolen: %s", page.Text())
	}
	thief.wantStranger(thief.presses(page))
	p.hasSessions(0) // he can end the owner's
}

// Hydra remembers bob in this browser, and would go on as him with the login that waits: that one is not answered. One that it begins anew is,
// and then it remembers him no more.
func goesOnAsNobodyWhomHydraRemembers(t *testing.T, e *env.Env) {
	t.Helper()
	p, v, bob := enrolled(t, e, newcomer(t, e)), newVisitor(t, e), newcomer(t, e)
	v.wantAtApp(v.signs(v.opensApp(), bob), bob)
	v.way.change = func(r *http.Request) { // for the login app would say at once that it is bob
		r.URL.Path = strings.Replace(r.URL.Path, "/ui/login", "/ui/recovery", 1)
	}
	if start := v.opensApp(); start.URL.String() != e.Issuer {
		t.Fatalf("at %s: %s", start.URL, start.Text())
	}
	v.way.change = nil
	ended := v.presses(v.confirms(p.handoff()))
	p.hasSessions(0)
	if e.Kind == env.KratosHydra { // whose own session is made, and p's
		if app := v.opensApp(); ended.URL.Path != "/ui/settings" || app.URL.Path != "/ui/login" {
			t.Errorf("at %s, and the application leads to %s", ended.URL, app.URL)
		}
		v.forgets()
		v.wantAtApp(v.presses(v.confirms(p.handoff())), p.user)
	} else {
		if ended.Status != http.StatusOK || !strings.Contains(ended.Text(), "open your application") {
			t.Errorf("%d at %s: %s", ended.Status, ended.URL, ended.Text())
		}
		v.wantAtApp(v.opensApp(), bob)
		v.onTheWay("/oauth2/auth", func(q url.Values) { q.Set("prompt", "login") })
		v.forgets()
		v.way.change = nil
		page, err := v.Open(t.Context(), e.Issuer+"/continue")
		fatal(t, err)
		v.wantAtApp(v.presses(page), p.user) // the same recovery
	}
	p.hasSessions(1)
	v.wantStranger(v.opensApp())
}
