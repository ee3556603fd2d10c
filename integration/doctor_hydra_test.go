package integration

import (
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/doctor"
)

func TestDoctorIsContentWithAGoodHydra(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Hydra, Site: hsts, NoGrant: true})
	accepted := []string{"methods-risk", "gateway-warnings", "hydra-disabled-accounts", "hydra-version"} // it was built without a version
	report, status := runDoctor(t, e)
	green(t, report, status, accepted...)

	h := newHydraHouse(t, e)
	granting := h.must("--recovery-ui", "/ui/recovery", "--risk-analysis", "RA-DEMO-2", "--upstream-grant", "orders:read", "--apply")
	h.takesOver(granting.Caddyfile)
	report, status = runDoctor(t, e)
	green(t, report, status, accepted...)

	h.call(http.MethodDelete, "/admin/clients/regrant-programs", nil, nil)
	report, status = runDoctor(t, e)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, map[string]doctor.Status{"hydra-grant-client": doctor.StatusFail, "hydra-grant-life": doctor.StatusFail, "hydra-secrets": doctor.StatusFail})
}

func TestDoctorNamesEveryFaultOfAWeakHydra(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Hydra, HydraDev: true})
	planted := weakened(t, e)
	planted["hydra-dev-mode"] = doctor.StatusFail
	report, status := runDoctor(t, e)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, planted)
}
