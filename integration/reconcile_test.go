package integration

import (
	"context"
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/internal/reconcile"
)

// fates are what an administrator of the identity provider does to accounts.
type fates struct {
	find            func(ctx context.Context, name string) (id string, err error)
	rename          func(ctx context.Context, id, address string) error
	disable, remove func(ctx context.Context, id string) error
}

func kratosFates(s *kratos.Server) fates {
	return fates{
		find: func(ctx context.Context, name string) (string, error) { return s.Find(ctx, name+"@example.com") },
		rename: func(ctx context.Context, id, address string) error {
			return s.Admin(ctx, http.MethodPatch, "/identities/"+id, []any{
				map[string]any{"op": "replace", "path": "/traits/email", "value": address},
			}, nil)
		},
		disable: func(ctx context.Context, id string) error { return s.SetState(ctx, id, "inactive") },
		remove: func(ctx context.Context, id string) error {
			return s.Admin(ctx, http.MethodDelete, "/identities/"+id, nil, nil)
		},
	}
}

func keycloakFates(s *keycloak.Server) fates {
	return fates{
		find: s.UserID,
		rename: func(ctx context.Context, id, address string) error {
			return s.Change(ctx, "/users/"+id, func(user map[string]any) { user["email"] = address })
		},
		disable: func(ctx context.Context, id string) error { return s.SetEnabled(ctx, id, false) },
		remove: func(ctx context.Context, id string) error {
			return s.Admin(ctx, http.MethodDelete, "/users/"+id, nil, nil)
		},
	}
}

// What becomes of accounts at a real identity provider is followed: names, and who is there no more.
func TestAccountsAreFollowedAtTheIdentityProvider(t *testing.T) {
	t.Run("kratos", func(t *testing.T) {
		e := own(t, env.Options{IdP: env.Kratos, Patient: true, Users: []string{"erin", "dave", "frank"}})
		follows(t, e, kratosFates(e.Provider.(*env.KratosProvider).Server))
	})
	t.Run("keycloak", func(t *testing.T) {
		e := own(t, env.Options{IdP: env.Keycloak, Patient: true})
		server := e.Provider.(env.KeycloakProvider).Server
		for _, name := range []string{"erin", "dave", "frank"} {
			_, err := server.NewUser(t.Context(), name)
			fatal(t, err)
		}
		follows(t, e, keycloakFates(server))
	})
}

func follows(t *testing.T, e *env.Env, f fates) {
	t.Helper()
	alice, bob, erin := enrolled(t, e, "alice"), enrolled(t, e, "bob"), enrolled(t, e, "erin")
	dave, frank := enrolled(t, e, "dave"), enrolled(t, e, "frank")
	id := func(p *person) string {
		found, err := f.find(t.Context(), p.user)
		fatal(t, err)
		return found
	}
	aliceID, bobID, erinID, daveID, frankID := id(alice), id(bob), id(erin), id(dave), id(frank)
	token := bob.granted().RecoveryToken
	fatal(t, f.rename(t.Context(), aliceID, "alice.new@example.com"))
	fatal(t, f.disable(t.Context(), bobID))
	fatal(t, f.remove(t.Context(), erinID))
	fatal(t, f.remove(t.Context(), frankID)) // merged into dave's, which has his address now
	fatal(t, f.rename(t.Context(), daveID, frank.account))
	merged := func(when string) {
		t.Helper()
		_, a, err := frank.Recover(t.Context(), frank.account)
		fatal(t, err)
		if a.Status != http.StatusForbidden || a.Code() != "refused" {
			t.Errorf("%s, the device of an account that was merged: %d %s", when, a.Status, a.Body)
		}
	}
	merged("before anybody looked")

	var sum reconcile.Summary
	fatal(t, e.Operator(t.Context(), &sum, "reconcile", "--as", "Olga"))
	if sum != (reconcile.Summary{Accounts: 5, Renamed: 2, Disabled: 1, Gone: 2}) {
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
	merged("since")
	if _, a, err := dave.Recover(t.Context(), frank.account); err != nil || a.Status != http.StatusOK {
		t.Errorf("the device of the account that has the address now: %d %s, %v", a.Status, a.Body, err)
	}
}
