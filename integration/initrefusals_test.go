package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// Each case changes one thing of a good run, and nothing is changed in the realm.
func TestARealmThatCannotBeSetUpIsRefused(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	wrong, short := filepath.Join(t.TempDir(), "wrong"), filepath.Join(t.TempDir(), "etc")
	fatal(t, os.WriteFile(wrong, []byte("wrong"), 0o600))
	fatal(t, os.MkdirAll(short, 0o700))
	fatal(t, os.WriteFile(filepath.Join(short, "keycloak.secret"), []byte("short"), 0o600))
	programs := filepath.Join(t.TempDir(), "etc")
	fatal(t, os.MkdirAll(programs, 0o700))
	fatal(t, os.WriteFile(filepath.Join(programs, "programs.secret"), []byte("short"), 0o600))
	before := h.export()
	allRefused(h.refused, append([]badRun{
		{"does not let this administrator in", []string{"--admin-password-file", wrong}},
		{"does not let this administrator in", []string{"--admin-user", "nobody"}},
		{"does not let this administrator in", []string{"--admin-realm", "nowhere"}},
		{"there is no realm nowhere", []string{"--realm", "nowhere"}},
		{"the realm master cannot be recovered", []string{"--realm", "master"}},
		{"realm and alias must be", []string{"--realm", "a/b"}},
		{"realm and alias must be", []string{"--alias", "a b"}},
		{"no id of a client", []string{"--application", "a/b"}},
		{"--mode \"open\" is not known", []string{"--mode", "open"}},
		{"use --button", []string{"--link-on-login"}},
		{"[format link-on-login] were all set", []string{"--format", "terraform", "--mode", "strict", "--link-on-login"}},
		{"[application format] were all set", []string{"--format", "realm-json", "--application", "app"}},
		{"[format narrow] were all set", []string{"--format", "realm-json", "--narrow"}},
		{"name with --administrator", []string{"--mode", "strict"}},
		{"comes after mode assist", []string{"--mode", "strict", "--administrator", "alice"}},
		{"fewer than 32 characters", []string{"--dir", short}},
		{"fewer than 32 characters", []string{"--dir", programs, "--upstream-grant"}},
	}, anyRuns...))
	h.same(before, h.export())

	h.url = "http://192.0.2.1:8080"
	h.refused("password in the clear")
	h.url = "http://127.0.0.1:8080/path"
	h.refused("without a path")
}

func TestAServiceAccountOfTheRealmCanSetItUp(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.admin(http.MethodPost, "/"+h.realm+"/clients", map[string]any{"clientId": "operator", "secret": "a secret of the operator's", "serviceAccountsEnabled": true}, nil)
	var clients []struct {
		ID string `json:"id"`
	}
	h.admin(http.MethodGet, "/"+h.realm+"/clients?clientId=operator", nil, &clients)
	var user struct {
		ID string `json:"id"`
	}
	h.admin(http.MethodGet, "/"+h.realm+"/clients/"+clients[0].ID+"/service-account-user", nil, &user)
	secret := filepath.Join(t.TempDir(), "secret")
	fatal(t, os.WriteFile(secret, []byte("a secret of the operator's"), 0o600))
	asClient := func() error {
		_, err := h.e.Run(t.Context(), "caddy", "regrant", "init", "keycloak", h.url, "--realm", h.realm, "--issuer", h.e.Issuer, "--dir", h.dir,
			"--admin-realm", h.realm, "--admin-client", "operator", "--admin-client-secret-file", secret, "--apply")
		return err
	}
	if err := asClient(); err == nil || !strings.Contains(err.Error(), "realm-admin") {
		t.Errorf("without a role: %v", err)
	}
	h.admin(http.MethodGet, "/"+h.realm+"/clients?clientId=realm-management", nil, &clients)
	var role map[string]any
	h.admin(http.MethodGet, "/"+h.realm+"/clients/"+clients[0].ID+"/roles/realm-admin", nil, &role)
	h.admin(http.MethodPost, "/"+h.realm+"/users/"+user.ID+"/role-mappings/clients/"+clients[0].ID, []any{role}, nil)
	fatal(t, asClient())
	if plan := h.must(); len(plan.Changes) > 0 {
		t.Errorf("left to do: %s", plan.changes())
	}
}

// What somebody else has made under the gateway's names is shown before it is changed, put back afterwards, and asked about where
// it was changed in between.
func TestWhatWasThereIsShownAndPutBack(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.admin(http.MethodPost, "/"+h.realm+"/clients", map[string]any{
		"clientId": "regrant-gateway", "name": "An older one", "publicClient": true, "directAccessGrantsEnabled": true, "redirectUris": []string{"https://elsewhere.example/*"},
	}, nil)
	h.admin(http.MethodPost, "/"+h.realm+"/identity-provider/instances", map[string]any{
		"alias": "regrant", "providerId": "oidc", "displayName": "Ours", "trustEmail": true,
		"config": map[string]string{"clientId": "x", "clientSecret": "y", "authorizationUrl": "https://elsewhere.example", "tokenUrl": "https://elsewhere.example"},
	}, nil)
	before := h.export()
	plan := h.must("--apply")
	found := 0
	for _, c := range plan.Changes {
		if c.Kind == "client" && c.Before["name"] == "An older one" && c.After["directAccessGrantsEnabled"] == false ||
			c.Kind == "identity provider" && c.Before["trustEmail"] == true && c.Before["config.clientId"] == "x" {
			found++
		}
	}
	if found != 2 || !strings.Contains(strings.Join(plan.Notes, "\n"), "cannot put the earlier one back") {
		t.Errorf("the plan does not show what was there: %+v; %q", plan.Changes, plan.Notes)
	}
	record, err := os.ReadFile(filepath.Join(h.dir, "init-keycloak-"+h.realm+".json"))
	fatal(t, err)
	for _, name := range []string{"keycloak.secret", "broker.secret"} {
		secret, err := os.ReadFile(filepath.Join(h.dir, name))
		fatal(t, err)
		if strings.Contains(string(record), string(secret)) {
			t.Errorf("the record holds %s", name)
		}
	}

	var clients []map[string]any
	h.admin(http.MethodGet, "/"+h.realm+"/clients?clientId=regrant-gateway", nil, &clients)
	clients[0]["name"] = "Renamed"
	h.admin(http.MethodPut, "/"+h.realm+"/clients/"+clients[0]["id"].(string), clients[0], nil)
	changed := h.export()
	h.refused("client/regrant-gateway. To put back", "--undo")
	h.same(changed, h.export())
	h.must("--undo", "--force", "client/regrant-gateway")
	h.same(before, h.export())
}

// Rights beyond those that are needed are shown, and taken away when that is asked for.
func TestRightsThatAreNotNeededGoWhenAskedFor(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.must("--apply")
	var clients []struct {
		ID string `json:"id"`
	}
	var user struct {
		ID string `json:"id"`
	}
	var role map[string]any
	h.admin(http.MethodGet, "/"+h.realm+"/clients?clientId=regrant-gateway", nil, &clients)
	h.admin(http.MethodGet, "/"+h.realm+"/clients/"+clients[0].ID+"/service-account-user", nil, &user)
	h.admin(http.MethodGet, "/"+h.realm+"/clients?clientId=realm-management", nil, &clients)
	h.admin(http.MethodGet, "/"+h.realm+"/clients/"+clients[0].ID+"/roles/realm-admin", nil, &role)
	h.admin(http.MethodPost, "/"+h.realm+"/users/"+user.ID+"/role-mappings/clients/"+clients[0].ID, []any{role}, nil)

	plan := h.must()
	if len(plan.Changes) > 0 || !strings.Contains(strings.Join(plan.Notes, "\n"), "realm-admin of realm-management") {
		t.Errorf("without --narrow: %s; %q", plan.changes(), plan.Notes)
	}
	if plan = h.must("--narrow", "--apply"); plan.changes() != "service account role/realm-admin of realm-management" {
		t.Errorf("with --narrow: %s", plan.changes())
	}
	if plan = h.must(); strings.Contains(strings.Join(plan.Notes, "\n"), "realm-admin") {
		t.Errorf("it is still there: %q", plan.Notes)
	}
}

// A second realm in the directory of the first would have its secrets.
func TestTwoRealmsDoNotShareSecrets(t *testing.T) {
	e := use(t, env.Keycloak)
	first, second := plainRealm(t, e), plainRealm(t, e)
	second.dir = first.dir
	first.must("--apply")
	before := second.export()
	second.refused("keep those of Keycloak "+second.url+", realm "+second.realm+" in a directory of their own", "--apply")
	second.same(before, second.export())
	second.dir = filepath.Join(first.dir, second.realm)
	second.must("--apply")
	first.must("--undo")
	if left := second.must(); len(left.Changes) > 0 {
		t.Errorf("undoing the first realm has broken the second: %s", left.changes())
	}
}
