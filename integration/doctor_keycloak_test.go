package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/internal/doctor"
)

// acme is the server of an environment, with what a test changes in it.
type acme struct {
	*keycloak.Server
	t *testing.T
}

func realmOf(t *testing.T, e *env.Env) acme {
	return acme{e.Provider.(env.KeycloakProvider).Server, t}
}

func (r acme) call(method, path string, body, into any) {
	r.t.Helper()
	fatal(r.t, r.Admin(r.t.Context(), method, path, body, into))
}

// change reads something, changes it, and writes it back.
func (r acme) change(path string, edit func(map[string]any)) {
	r.t.Helper()
	fatal(r.t, r.Change(r.t.Context(), path, edit))
}

const inspector, inspectorSecret = "regrant-inspector", "inspector-0123456789-0123456789-012345"

// inspects returns the arguments that name the client with which the doctor reads the realm.
func inspects(t *testing.T, e *env.Env) []string {
	t.Helper()
	file := filepath.Join(e.Dir, "inspector.secret")
	fatal(t, os.WriteFile(file, []byte(inspectorSecret+"\n"), 0o600))
	return []string{"--inspector", inspector, "--inspector-secret", file}
}

func TestDoctorIsContentWithAGoodKeycloak(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak, Site: hsts + "\n\trequest_header -Client-Cert*"})
	r := realmOf(t, e)
	arguments := inspects(t, e)
	r.call(http.MethodPost, "/clients", map[string]any{
		"clientId": inspector, "secret": inspectorSecret, "publicClient": false, "standardFlowEnabled": false, "serviceAccountsEnabled": true,
	}, nil)
	for name, given := range map[string][]string{"without an inspector": nil, "an inspector without rights": arguments} {
		report, status := runDoctor(t, e, given...)
		if status != 2 {
			t.Errorf("%s: exit status %d", name, status)
		}
		for _, f := range report.Findings {
			if f.Status == doctor.StatusFail {
				t.Errorf("%s: %s: %s", name, f.Check, f.Seen)
			}
		}
	}
	fatal(t, r.Give(t.Context(), inspector, "view-realm", "view-identity-providers"))
	report, status := runDoctor(t, e, arguments...)
	green(t, report, status, "methods-risk")

	r.change("/identity-provider/instances/"+keycloak.Alias, func(p map[string]any) {
		p["config"].(map[string]any)["pkceMethod"] = "plain"
	})
	report, _ = runDoctor(t, e, arguments...)
	foundAll(t, report, map[string]doctor.Status{"keycloak-broker-request": doctor.StatusFail, "keycloak-idp-entry": doctor.StatusFail})
}
