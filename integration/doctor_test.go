package integration

import (
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/doctor"
)

func TestDoctorIsContentWithAGoodDemo(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Site: hsts})
	report, status := runDoctor(t, e)
	meant := []string{"methods-risk", "gateway-warnings", "mode-strict"} // of another provider's own recovery nothing is known
	green(t, report, status, meant...)
	if _, status = runDoctor(t, e, "--strict"); status != 1 {
		t.Errorf("exit status %d with --strict, where something is to be warned of", status)
	}
	accepting := []string{"--strict"}
	for _, id := range meant {
		accepting = append(accepting, "--accept", id+"=it is meant, and known")
	}
	report, status = runDoctor(t, e, accepting...)
	green(t, report, status, meant...)
	for _, f := range report.Findings {
		if (f.Accepted != "") != (f.Status == doctor.StatusWarn) {
			t.Errorf("%s %s is accepted: %q", f.Status, f.Check, f.Accepted)
		}
	}
}

func TestDoctorIsContentWithAGoodKratos(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Site: hsts})
	report, status := runDoctor(t, e)
	green(t, report, status, "methods-risk", "kratos-session-tokens", "kratos-version")
}

// Its first screen has nothing of a code, whether one is mailed or not.
func TestDoctorDoesNotPassASignInThatAsksForAnIdentifierFirst(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Kratos: `{selfservice: {methods: {code: {passwordless_enabled: true}}, flows: {login: {style: identifier_first}}}}`})
	report, status := runDoctor(t, e)
	if status != 2 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, map[string]doctor.Status{"kratos-mail-login": doctor.StatusUnknown})
}
