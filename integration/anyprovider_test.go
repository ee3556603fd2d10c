package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// Keycloak, of which the gateway knows no more than that it is an OpenID provider that brokers to it: what docs/oidc.md says.
func TestARecoveryThroughAnyProviderEndsInARealKeycloaksOwnSession(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.KeycloakOIDC, Patient: true})
	elsewhere := browser.New(e.Roots)
	form, err := elsewhere.Open(t.Context(), e.Entrance())
	fatal(t, err)
	older, err := elsewhere.Submit(t.Context(), form, "", url.Values{"username": {"alice"}, "password": {"alice-password"}})
	fatal(t, err)
	greets(t, e, older, "alice")

	p := enrolled(t, e, "alice")
	b, page := p.confirming()
	in := press(t, b, page)
	greets(t, e, in, "alice")
	if !strings.Contains(in.Text(), "came from a recovery") {
		t.Errorf("the application cannot tell: %q", in.Text())
	}
	until(t, time.Minute, "the recovery is done", func() bool { return recoveries(t, e)[0].State == "done" })
	if n, err := e.Provider.Sessions(t.Context(), "alice"); err != nil || n != 2 {
		t.Errorf("%d sessions, %v: the older one cannot be ended, and is not", n, err)
	}

	t.Run("without a link there is no way in", func(t *testing.T) {
		server := e.Provider.(env.KeycloakProvider).Server
		fatal(t, server.Admin(t.Context(), http.MethodDelete, "/users/"+p.subject+"/federated-identity/"+keycloak.Alias, nil, nil))
		p := *p
		p.t = t
		b, page := p.confirming()
		if got := press(t, b, page); got.Status < http.StatusBadRequest || strings.Contains(got.Text(), "Signed in") {
			t.Errorf("%d at %s: %q", got.Status, got.URL.Path, got.Text())
		}
		if n, err := e.Provider.Sessions(t.Context(), "alice"); err != nil || n != 2 {
			t.Errorf("%d sessions, %v", n, err)
		}
		// The provider redeems the gateway's code before it looks for the link.
		until(t, time.Minute, "the gateway has done its part", func() bool { return recoveries(t, e)[0].State == "done" })
	})
}

// linkedForGood links user, as an operator does once, to what the gateway's broker will call him, and returns that.
func linkedForGood(t *testing.T, e *env.Env, user string) string {
	t.Helper()
	server := e.Provider.(env.KeycloakProvider).Server
	id, err := server.UserID(t.Context(), user)
	fatal(t, err)
	fatal(t, server.Link(t.Context(), id, id))
	return id
}
