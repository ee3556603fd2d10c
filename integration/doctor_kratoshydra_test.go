package integration

import (
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/doctor"
)

func TestDoctorIsContentWithAGoodKratosThatIsTheLoginOfAHydra(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.KratosHydra, Site: hsts})
	accepted := []string{"methods-risk", "kratos-session-tokens", "kratos-version", "hydra-version"} // both were built without a version
	report, status := runDoctor(t, e)
	green(t, report, status, accepted...)

	report, status = runDoctor(t, e, "--hydra", e.Origin)
	green(t, report, status, accepted...)
	report, _ = runDoctor(t, e, "--hydra", e.Issuer) // where nobody is
	foundAll(t, report, map[string]doctor.Status{"hydra-issuer": doctor.StatusUnknown, "hydra-dev-mode": doctor.StatusUnknown, "idp-cookies": doctor.StatusUnknown})
}

func TestDoctorNamesEveryFaultOfAWeakKratosThatIsTheLoginOfAHydra(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.KratosHydra, Kratos: "{}", HydraDev: true})
	planted := weakened(t, e)
	planted["hydra-dev-mode"] = doctor.StatusFail
	report, status := runDoctor(t, e)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, planted)
}
