package integration

import (
	"errors"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/faults"
	"github.com/regrant/regrant/internal/doctor"
)

// weakened plants faults in an environment, and returns what the doctor has to find there.
func weakened(t *testing.T, e *env.Env) faults.Planted {
	t.Helper()
	planted, release, err := faults.Plant(t.Context(), e)
	fatal(t, err)
	t.Cleanup(release)
	if _, exposed := planted["idp-listens"]; !exposed {
		demand(t, errors.New("this machine has no address but loopback at which others could reach an identity provider"))
	}
	planted["hsts"] = doctor.StatusWarn // which the environments leave out
	return planted
}

func TestDoctorNamesEveryFaultOfAWeakKratos(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Kratos: "{}"})
	planted := weakened(t, e)
	report, status := runDoctor(t, e)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, planted)
}

func TestDoctorNamesEveryFaultOfAWeakKeycloak(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak, Keycloak: []string{"--http-accept-non-normalized-paths=true"}})
	r := realmOf(t, e)
	fatal(t, r.NewInspector(t.Context(), inspector, inspectorSecret))
	planted := weakened(t, e)
	planted["keycloak-paths-normal"], planted["client-cert-headers"] = doctor.StatusFail, doctor.StatusWarn
	report, status := runDoctor(t, e, inspects(t, e)...)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, planted)
}
