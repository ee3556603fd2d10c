package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// hydrasScope is what programs' tokens of [env.Hydra] are good for.
const hydrasScope = "orders:read orders:write"

// A program without a browser recovers an account and is given Hydra's own access token, through the front door. Each refusal
// begins as what is granted does, and changes one thing.
func TestAProgramWithoutABrowserIsGivenHydrasToken(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Hydra, Patient: true})
	server := e.Provider.(*env.HydraProvider).Server
	p := enrolled(t, e, "alice")
	recovery := p.granted().RecoveryToken
	access := p.exchanged(recovery)
	var tokens []string
	for range 2 { // an answer may get lost
		done, a, err := p.Complete(t.Context(), access)
		fatal(t, err)
		if a.Status != http.StatusOK || done.Outcome != "session" || done.TokenType != "Bearer" || done.ExpiresIn <= 0 || done.Scope != hydrasScope ||
			done.Code != "" || done.SessionToken != "" || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %+v", a.Status, done)
		}
		fatal(t, p.isHydras(t.Context(), done))
		tokens = append(tokens, done.AccessToken)
	}
	if tokens[0] == tokens[1] {
		t.Error("the same token twice")
	}
	left, err := server.Trusts(t.Context(), "")
	fatal(t, err)
	sessions, err := e.Provider.Sessions(t.Context(), e.User("alice"))
	fatal(t, err)
	if len(left)+sessions > 0 {
		t.Errorf("left: %d trusts, %d sessions", len(left), sessions)
	}
	t.Run("refused: the same recovery token a second time", func(t *testing.T) {
		_, a, err := p.Exchange(t.Context(), recovery)
		isRefused(t, a, err, "invalid_grant")
		_, a, err = p.Handoff(t.Context(), recovery)
		isRefused(t, a, err, "recovery-expired")
	})
	t.Run("refused: a scope that nobody configured", func(t *testing.T) {
		token := p.granted().RecoveryToken
		form := url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "client_id": {"regrant-device"}, "assertion": {token}, "scope": {"orders:admin"},
		}
		a, err := p.Do(t.Context(), "/token", "application/x-www-form-urlencoded", []byte(form.Encode()), "")
		isRefused(t, a, err, "invalid_scope")
		p.exchanged(token) // nothing else was wrong with it
	})
	t.Run("handed over: where programs are not to have tokens", func(t *testing.T) {
		access := p.exchanged(p.granted().RecoveryToken)
		fatal(t, e.Configure(t.Context(), withoutGrant))
		done, a, err := p.Complete(t.Context(), access)
		fatal(t, err)
		if a.Status != http.StatusOK || done.Outcome != "handoff" || done.Code == "" || done.AccessToken != "" {
			t.Fatalf("%d %+v", a.Status, done)
		}
	})
}

// isHydras is nil if the token of done is good at Hydra, for p's account and for what the operator configured alone.
func (p *person) isHydras(ctx context.Context, done wire.CompleteResponse) error {
	told, err := p.e.Provider.(*env.HydraProvider).Server.Introspect(ctx, done.AccessToken)
	if err != nil || !told.Active || told.Subject != p.e.User(p.user) || told.Client != "regrant-programs" || told.Scope != hydrasScope {
		return fmt.Errorf("introspection at Hydra: %+v: %w", told, err)
	}
	return nil
}

// isRefused demands an answer of 400 with that code.
func isRefused(t *testing.T, a claimant.Answer, err error, code string) {
	t.Helper()
	fatal(t, err)
	if a.Status != http.StatusBadRequest || a.Code() != code {
		t.Errorf("%d %s, want %s", a.Status, a.Body, code)
	}
}
