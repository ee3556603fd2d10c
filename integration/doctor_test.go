package integration

import (
	"testing"

	"github.com/regrant/regrant/integration/env"
)

func TestDoctorIsContentWithAGoodDemo(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Site: hsts})
	report, status := runDoctor(t, e)
	green(t, report, status, "methods-risk", "gateway-warnings", "mode-strict") // of another provider's own recovery nothing is known
	if _, status = runDoctor(t, e, "--strict"); status != 1 {
		t.Errorf("exit status %d with --strict, where something is to be warned of", status)
	}
}

func TestDoctorIsContentWithAGoodKratos(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Site: hsts})
	report, status := runDoctor(t, e)
	green(t, report, status, "methods-risk", "kratos-session-tokens", "kratos-version")
}
