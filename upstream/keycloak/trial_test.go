package keycloak_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

// The service account of the realm file has the roles that the adapter needs anyway, and no more.
func TestATrialsAccountIsMadeAndDeleted(t *testing.T) {
	w := realKeycloak(t)
	name := upstream.TrialName("Abc234" + time.Now().Format("150405.000000"))
	made, err := w.adapter.MakeTrial(t.Context(), name, "Aa1!trial-of-a-password")
	must(t, err)
	state, err := w.adapter.State(t.Context(), made.ID)
	must(t, err)
	if !state.IsTrial(name) || !state.Enabled || state.Privilege != upstream.PrivilegeOrdinary {
		t.Errorf("%+v", state)
	}
	if _, err := w.adapter.MakeTrial(t.Context(), name, "Aa1!another-password"); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("made twice: %v", err)
	}
	before := time.Now()
	newBrowser(t, w).signIn(w, name, "Aa1!trial-of-a-password", nil)
	seen, err := w.adapter.TrialSessions(t.Context(), made.ID)
	must(t, err)
	// The server tells both, sessions and its time, in whole seconds, and a token that arrives late makes its clock seem slow.
	const vague = 3 * time.Second
	if len(seen) != 1 || seen[0].ID == "" || seen[0].BeganAt.Before(before.Add(-vague)) || seen[0].BeganAt.After(time.Now().Add(vague)) {
		t.Errorf("sessions: %+v", seen)
	}
	must(t, w.adapter.EndTrial(t.Context(), name, made.ID))
	if _, err := w.adapter.State(t.Context(), made.ID); !errors.Is(err, upstream.ErrNoAccount) {
		t.Errorf("after its end: %v", err)
	}
	must(t, w.adapter.EndTrial(t.Context(), name, made.ID))
	must(t, w.adapter.EndTrial(t.Context(), name, ""))
}

func TestATrialsAccountIsFoundByItsName(t *testing.T) {
	w := realKeycloak(t)
	name := upstream.TrialName("found" + time.Now().Format("150405.000000"))
	made, err := w.adapter.MakeTrial(t.Context(), name, "Aa1!trial-of-a-password")
	must(t, err)
	must(t, w.adapter.EndTrial(t.Context(), name, ""))
	if _, err := w.adapter.State(t.Context(), made.ID); !errors.Is(err, upstream.ErrNoAccount) {
		t.Errorf("%v", err)
	}
}

func TestNobodyElsesAccountIsDeletedAsATrials(t *testing.T) {
	w := realKeycloak(t)
	id := w.user(t, "alice")
	for _, name := range []string{"alice", "", upstream.TrialPrefix, upstream.TrialName("x")} {
		if err := w.adapter.EndTrial(t.Context(), name, id); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := w.adapter.EndTrial(t.Context(), "alice", ""); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("by her own name: %v", err)
	}
	if _, err := w.adapter.State(t.Context(), id); err != nil {
		t.Errorf("alice: %v", err)
	}
}

// What the realm demands of a profile is there, or the recovery would stop at a form.
func TestATrialsAccountHasWhatTheRealmDemands(t *testing.T) {
	w := realKeycloak(t)
	var profile map[string]any
	must(t, w.Admin(t.Context(), "GET", "/users/profile", nil, &profile))
	attributes := profile["attributes"].([]any)
	changed := append(slices.Clone(attributes),
		map[string]any{
			"name": "department", "required": map[string]any{}, "permissions": map[string]any{"view": []string{"admin"}, "edit": []string{"admin"}},
			"validations": map[string]any{"options": map[string]any{"options": []string{"sales", "stock"}}},
		})
	profile["attributes"] = changed
	must(t, w.Admin(t.Context(), "PUT", "/users/profile", profile, nil))
	defer func() {
		profile["attributes"] = attributes
		must(t, w.Admin(t.Context(), "PUT", "/users/profile", profile, nil))
	}()
	name := upstream.TrialName("full" + time.Now().Format("150405.000000"))
	made, err := w.adapter.MakeTrial(t.Context(), name, "Aa1!trial-of-a-password")
	must(t, err)
	defer func() { must(t, w.adapter.EndTrial(t.Context(), name, made.ID)) }()
	var user struct {
		Email           string              `json:"email"`
		EmailVerified   bool                `json:"emailVerified"`
		RequiredActions []string            `json:"requiredActions"`
		Attributes      map[string][]string `json:"attributes"`
	}
	must(t, w.Admin(t.Context(), "GET", "/users/"+made.ID, nil, &user))
	if len(user.RequiredActions) != 0 || !slices.Equal(user.Attributes["department"], []string{"sales"}) || user.Email != "" && user.Email != upstream.TrialAddress(name) {
		t.Errorf("%+v", user)
	}
}
