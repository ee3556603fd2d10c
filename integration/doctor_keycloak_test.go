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
	var it map[string]any
	r.call(http.MethodGet, path, nil, &it)
	edit(it)
	r.call(http.MethodPut, path, it, nil)
}

// client is the path of a client, and what it is.
func (r acme) client(id string) (path string, it map[string]any) {
	r.t.Helper()
	var found []map[string]any
	r.call(http.MethodGet, "/clients?clientId="+id, nil, &found)
	if len(found) != 1 {
		r.t.Fatalf("%d clients %s", len(found), id)
	}
	return "/clients/" + found[0]["id"].(string), found[0]
}

// give gives a client's service account a role of realm-management.
func (r acme) give(client string, names ...string) {
	r.t.Helper()
	path, _ := r.client(client)
	var user struct {
		ID string `json:"id"`
	}
	r.call(http.MethodGet, path+"/service-account-user", nil, &user)
	management, it := r.client("realm-management")
	var roles []map[string]any
	for _, name := range names {
		var role map[string]any
		r.call(http.MethodGet, management+"/roles/"+name, nil, &role)
		roles = append(roles, role)
	}
	r.call(http.MethodPost, "/users/"+user.ID+"/role-mappings/clients/"+it["id"].(string), roles, nil)
}

// inspector makes the client with which the doctor reads the realm, and returns the arguments that say so.
func (r acme) inspector(e *env.Env) []string {
	r.t.Helper()
	arguments := r.blind(e)
	r.give("regrant-inspector", "view-realm", "view-identity-providers")
	return arguments
}

// blind makes an inspector without any right.
func (r acme) blind(e *env.Env) []string {
	r.t.Helper()
	const secret = "inspector-0123456789-0123456789-012345"
	r.call(http.MethodPost, "/clients", map[string]any{
		"clientId": "regrant-inspector", "secret": secret, "publicClient": false, "standardFlowEnabled": false, "serviceAccountsEnabled": true,
	}, nil)
	file := filepath.Join(e.Dir, "inspector.secret")
	fatal(r.t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	return []string{"--inspector", "regrant-inspector", "--inspector-secret", file}
}

func TestDoctorIsContentWithAGoodKeycloak(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak, Site: hsts + "\n\trequest_header -Client-Cert*"})
	r := realmOf(t, e)
	arguments := r.blind(e)
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
	r.give("regrant-inspector", "view-realm", "view-identity-providers")
	report, status := runDoctor(t, e, arguments...)
	green(t, report, status, "methods-risk")

	r.change("/identity-provider/instances/"+keycloak.Alias, func(p map[string]any) {
		p["config"].(map[string]any)["pkceMethod"] = "plain"
	})
	report, _ = runDoctor(t, e, arguments...)
	foundAll(t, report, map[string]doctor.Status{"keycloak-broker-request": doctor.StatusFail, "keycloak-idp-entry": doctor.StatusFail})
}

func TestDoctorNamesEveryFaultOfAWeakKeycloak(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak, Keycloak: []string{"--http-accept-non-normalized-paths=true"}})
	r := realmOf(t, e)
	inspector := r.inspector(e)
	r.weaken()
	fatal(t, os.Chmod(filepath.Join(e.Dir, "hook.secret"), 0o644))
	fatal(t, e.Configure(t.Context(), weakSites(t, e, r.URL, "127.0.0.1:1")))

	planted := weakEverywhere()
	for _, id := range []string{
		"keycloak-reset-closed", "keycloak-forgot-closed", "keycloak-reset-flow", "keycloak-first-login", "keycloak-idp-link", "keycloak-idp-entry", "keycloak-brute-force",
		"keycloak-tls", "keycloak-rights", "keycloak-direct-grants", "keycloak-redirects", "keycloak-paths-normal", "idp-forwarded-host",
	} {
		planted[id] = doctor.StatusFail
	}
	for _, id := range []string{"keycloak-idp-hidden", "keycloak-login-button", "keycloak-registration", "keycloak-identifiers", "keycloak-events", "keycloak-federated", "client-cert-headers", "keycloak-implicit"} {
		planted[id] = doctor.StatusWarn
	}
	if expose(t, r.URL) {
		planted["idp-listens"] = doctor.StatusFail
	}
	if expose(t, "http://127.0.0.1:9000") { // Keycloak's management port, unless it is given another
		planted["keycloak-management"] = doctor.StatusWarn
	}
	report, status := runDoctor(t, e, inspector...)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, planted)
}

// weaken plants faults in the realm.
func (r acme) weaken() {
	r.t.Helper()
	r.give("regrant-gateway", "view-events", "manage-realm")
	r.change("/identity-provider/instances/"+keycloak.Alias, func(p map[string]any) {
		p["trustEmail"], p["hideOnLogin"], p["firstBrokerLoginFlowAlias"] = true, false, "first broker login"
		p["config"].(map[string]any)["pkceEnabled"] = "false"
	})
	r.change("/authentication/required-actions/idp_link", func(a map[string]any) { a["enabled"] = true })
	path, _ := r.client(keycloak.AppID)
	r.change(path, func(c map[string]any) {
		c["directAccessGrantsEnabled"], c["implicitFlowEnabled"], c["redirectUris"] = true, true, []string{"*"}
	})
	r.call(http.MethodPost, "/components", map[string]any{
		"name": "people", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider",
		"config": map[string][]string{
			"enabled": {"true"}, "vendor": {"other"}, "editMode": {"READ_ONLY"}, "connectionUrl": {"ldap://127.0.0.1:1"}, "usersDn": {"ou=people,dc=example"}, "authType": {"none"},
			"usernameLDAPAttribute": {"uid"}, "rdnLDAPAttribute": {"uid"}, "uuidLDAPAttribute": {"entryUUID"}, "userObjectClasses": {"person"}, "searchScope": {"1"}, "importEnabled": {"true"},
			"connectionTimeout": {"500"}, "readTimeout": {"500"},
		},
	}, nil)
	r.change("", func(s map[string]any) {
		s["resetCredentialsFlow"], s["bruteForceProtected"], s["registrationAllowed"], s["sslRequired"] = "reset credentials", false, true, "none"
		s["eventsEnabled"], s["editUsernameAllowed"] = false, true
	})
}
