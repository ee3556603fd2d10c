package integration

import (
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/doctor"
)

// A reset by mail must not look closed because the doctor asked for it as a client that is refused.
func TestDoctorSeesAnOpenResetHoweverItIsHidden(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak})
	r := realmOf(t, e)
	ask := func(name string, planted map[string]doctor.Status) {
		t.Helper()
		t.Log(name)
		report, _ := runDoctor(t, e)
		foundAll(t, report, planted)
	}
	const reset, forgot = "keycloak-reset-closed", "keycloak-forgot-closed"

	r.resets("reset credentials")
	account, err := r.ClientPath(t.Context(), "account")
	fatal(t, err)
	r.change(account, func(c map[string]any) { c["enabled"] = false })
	ask("the client account disabled", map[string]doctor.Status{reset: doctor.StatusFail, forgot: doctor.StatusUnknown})
}

// resets has the realm reset credentials by a flow, as far as its settings allow it.
func (r acme) resets(flow string) {
	r.t.Helper()
	r.change("", func(realm map[string]any) { realm["resetCredentialsFlow"], realm["resetPasswordAllowed"] = flow, true })
}
