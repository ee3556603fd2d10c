package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

// recovers goes from an application's sign-in page by its own "Forgot Password?" through a recovery, and returns the page
// that follows.
func (p *person) recovers(b *browser.Browser, login *browser.Page) *browser.Page {
	p.t.Helper()
	start, err := b.Click(p.t.Context(), login, "Forgot")
	fatal(p.t, err)
	if start.Status != http.StatusOK || !strings.HasPrefix(start.URL.String(), p.e.Issuer+"/oidc/authorize") {
		p.t.Fatalf("\"Forgot password?\" leads to %s, %d", start.URL, start.Status)
	}
	confirm, err := confirmation(p.t.Context(), b, p.e, p.handoff())
	fatal(p.t, err)
	page, err := b.Submit(p.t.Context(), confirm, "/continue", nil)
	fatal(p.t, err)
	return page
}

// Whatever an application signs people in with, its own request is what the recovery answers.
func TestSignInsOfEveryKindGoOnAfterARecovery(t *testing.T) {
	e := use(t, env.Keycloak)
	saml := newSAMLApp(t, e)
	for _, c := range []struct {
		name, start string
		sends, ends string // the form that a page without scripts waits with, at the beginning and at the end
		shows       string
	}{
		{name: "OpenID Connect", start: e.App.URL + "/", shows: ". The session says that it came from a recovery."},
		{name: "OpenID Connect, pushed", start: e.App.URL + "/pushed", shows: ". The session says that it came from a recovery."},
		{name: "SAML, Redirect binding", start: saml.URL + "/redirect", ends: "/acs", shows: ", back at " + relayState},
		{name: "SAML, POST binding", start: saml.URL + "/post", sends: "/protocol/saml", ends: "/acs", shows: ", back at " + relayState},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, b := enrolled(t, e, newcomer(t, e)), browser.New(e.Roots)
			page, err := b.Open(t.Context(), c.start)
			fatal(t, err)
			if c.sends != "" {
				page, err = b.Submit(t.Context(), page, c.sends, nil)
				fatal(t, err)
			}
			page = p.recovers(b, page)
			if c.ends != "" {
				page, err = b.Submit(t.Context(), page, c.ends, nil)
				fatal(t, err)
			}
			if want := "Signed in as " + p.user + c.shows; page.Status != http.StatusOK || !strings.Contains(page.Text(), want) {
				t.Errorf("%d at %s: %q, want %q", page.Status, page.URL.Redacted(), page.Text(), want)
			}
		})
	}
}
