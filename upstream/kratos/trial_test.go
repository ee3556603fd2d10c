package kratos_test

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream"
)

func TestATrialsIdentityIsMadeAndDeleted(t *testing.T) {
	w := realKratos(t)
	a := w.adapter(t, w.both.URL)
	name := upstream.TrialName("Abc234" + time.Now().Format("150405.000000"))
	made, err := a.MakeTrial(t.Context(), name, "Aa1!trial-of-a-password")
	must(t, err)
	state, err := a.State(t.Context(), made.ID)
	must(t, err)
	if !state.IsTrial(name) || !state.Enabled || state.Privilege != upstream.PrivilegeOrdinary {
		t.Errorf("%+v", state)
	}
	if _, err := a.MakeTrial(t.Context(), name, "Aa1!another-password"); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("made twice: %v", err)
	}
	_, err = w.SignIn(t.Context(), upstream.TrialAddress(name), "Aa1!trial-of-a-password")
	must(t, err)
	seen, err := a.TrialSessions(t.Context(), made.ID)
	must(t, err)
	if len(seen) != 1 || seen[0].ID == "" || time.Since(seen[0].BeganAt).Abs() > time.Minute {
		t.Errorf("sessions: %+v", seen)
	}
	must(t, a.EndTrial(t.Context(), name, made.ID))
	if _, err := a.State(t.Context(), made.ID); !errors.Is(err, upstream.ErrNoAccount) {
		t.Errorf("after its end: %v", err)
	}
	must(t, a.EndTrial(t.Context(), name, made.ID))
	must(t, a.EndTrial(t.Context(), name, ""))
}

func TestATrialsIdentityIsFoundByItsName(t *testing.T) {
	w := realKratos(t)
	a := w.adapter(t, w.both.URL)
	name := upstream.TrialName("found" + time.Now().Format("150405.000000"))
	made, err := a.MakeTrial(t.Context(), name, "Aa1!trial-of-a-password")
	must(t, err)
	must(t, a.EndTrial(t.Context(), name, ""))
	if _, err := a.State(t.Context(), made.ID); !errors.Is(err, upstream.ErrNoAccount) {
		t.Errorf("%v", err)
	}
}

func TestNobodyElsesIdentityIsDeletedAsATrials(t *testing.T) {
	w := realKratos(t)
	a := w.adapter(t, w.both.URL)
	address := "nobody-" + time.Now().Format("150405.000000") + "@example.com"
	id, err := w.Create(t.Context(), address, "Aa1!password-of-somebody")
	must(t, err)
	for _, name := range []string{address, "", upstream.TrialPrefix, upstream.TrialName("x")} {
		if err := a.EndTrial(t.Context(), name, id); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := a.EndTrial(t.Context(), address, ""); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("by the own name: %v", err)
	}
	if _, err := a.State(t.Context(), id); err != nil {
		t.Errorf("the identity: %v", err)
	}
}
