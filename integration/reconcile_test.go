package integration

import (
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/reconcile"
)

// What becomes of accounts at a real identity provider is followed: names, and who is there no more.
func TestAccountsAreFollowedAtTheIdentityProvider(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Patient: true, Users: []string{"carol", "dave"}})
	server := e.Provider.(*env.KratosProvider).Server
	alice, bob, carol := enrolled(t, e, "alice"), enrolled(t, e, "bob"), enrolled(t, e, "carol")
	enrolled(t, e, "dave")
	id := func(p *person) string {
		found, err := server.Find(t.Context(), p.account)
		fatal(t, err)
		return found
	}
	aliceID, bobID, carolID := id(alice), id(bob), id(carol)
	token := bob.granted().RecoveryToken
	fatal(t, server.Admin(t.Context(), http.MethodPatch, "/identities/"+aliceID, []any{
		map[string]any{"op": "replace", "path": "/traits/email", "value": "alice.new@example.com"},
	}, nil))
	fatal(t, server.SetState(t.Context(), bobID, "inactive"))
	fatal(t, server.Admin(t.Context(), http.MethodDelete, "/identities/"+carolID, nil, nil))

	var sum reconcile.Summary
	fatal(t, e.Operator(t.Context(), &sum, "reconcile", "--as", "Olga"))
	if sum != (reconcile.Summary{Accounts: 4, Renamed: 1, Disabled: 1, Gone: 1}) {
		t.Errorf("%+v", sum)
	}
	_, a, err := bob.Exchange(t.Context(), token) // granted before
	fatal(t, err)
	if a.Status != http.StatusBadRequest || a.Code() != "invalid_grant" {
		t.Errorf("a recovery of somebody who was disabled goes on: %d %s", a.Status, a.Body)
	}
	fatal(t, e.Operator(t.Context(), &sum, "reconcile", "--as", "Olga"))
	if sum.Renamed != 0 || sum.Revoked != 0 {
		t.Errorf("the second time: %+v", sum)
	}
}
