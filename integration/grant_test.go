package integration

import (
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// A program without a browser recovers an account and is given the realm's own access token, through the front door.
func TestAProgramWithoutABrowserIsGivenKeycloaksToken(t *testing.T) {
	e := use(t, env.Keycloak)
	server := e.Provider.(env.KeycloakProvider).Server
	user := newcomer(t, e)
	id, err := server.UserID(t.Context(), user)
	fatal(t, err)
	p := enrolled(t, e, user)
	access := p.exchanged(p.granted().RecoveryToken)
	var tokens []string
	for range 2 { // an answer may get lost
		done, a, err := p.Complete(t.Context(), access)
		fatal(t, err)
		if a.Status != http.StatusOK || done.Outcome != "session" || done.TokenType != "Bearer" || done.ExpiresIn <= 0 || done.ExpiresIn > 120 ||
			done.Code != "" || done.SessionToken != "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %+v", a.Status, done)
		}
		whose, err := server.Whose(t.Context(), done.AccessToken)
		fatal(t, err)
		if whose != id {
			t.Errorf("the token is %q's, want %s's", whose, id)
		}
		tokens = append(tokens, done.AccessToken)
	}
	if tokens[0] == tokens[1] {
		t.Error("the same token twice")
	}
	links, err := e.Provider.Links(t.Context(), user)
	fatal(t, err)
	sessions, err := e.Provider.Sessions(t.Context(), user)
	fatal(t, err)
	if links+sessions > 0 {
		t.Errorf("left: %d links, %d sessions", links, sessions)
	}
}

// What a person has to do first is done in a browser, whoever asked.
func TestAProgramIsHandedOverWhereKeycloakDemandsSomething(t *testing.T) {
	e := use(t, env.Keycloak)
	server := e.Provider.(env.KeycloakProvider).Server
	for name, c := range map[string]struct {
		wants  []string
		demand []string
	}{
		"asked for":      {wants: []string{"sign-in", "reset-password"}},
		"pending before": {demand: []string{"CONFIGURE_TOTP"}},
	} {
		t.Run(name, func(t *testing.T) {
			user := newcomer(t, e)
			id, err := server.UserID(t.Context(), user)
			fatal(t, err)
			p := enrolled(t, e, user)
			p.Wants = c.wants
			fatal(t, server.Admin(t.Context(), "PUT", "/users/"+id, map[string]any{"requiredActions": append([]string{}, c.demand...)}, nil))
			done, a, err := p.Complete(t.Context(), p.exchanged(p.granted().RecoveryToken))
			fatal(t, err)
			if a.Status != http.StatusOK || done.Outcome != "handoff" || done.Code == "" || done.AccessToken != "" {
				t.Fatalf("%d %+v", a.Status, done)
			}
			if links, err := e.Provider.Links(t.Context(), user); err != nil || links > 0 {
				t.Errorf("%d links are left, %v", links, err)
			}
		})
	}
}
