package integration

import (
	"bytes"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/story"
	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/internal/reconcile"
)

// The gateway recovers the members of the group, and has no right over anybody else.
func TestTheGatewayCanBeNarrowedToAGroup(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Keycloak, Patient: true, NoGrant: true})
	h := emptied(t, e)
	h.must("--apply")
	h.admin(http.MethodPut, "/"+h.realm, map[string]any{"resetCredentialsFlow": "regrant recover", "resetPasswordAllowed": true}, nil)
	h.refused("there is no group recoverable", "--recoverable-group", "recoverable")
	h.admin(http.MethodPost, "/"+h.realm+"/groups", map[string]string{"name": "recoverable"}, nil)
	var groups []struct {
		ID string `json:"id"`
	}
	h.admin(http.MethodGet, "/"+h.realm+"/groups?search=recoverable", nil, &groups)
	alice, err := h.server.UserID(t.Context(), "alice")
	fatal(t, err)
	h.admin(http.MethodPut, "/"+h.realm+"/users/"+alice+"/groups/"+groups[0].ID, nil, nil)

	plan := h.must("--recoverable-group", "recoverable", "--apply")
	for _, want := range []string{"realm/" + h.realm, "admin policy/regrant gateway", "admin permission/recoverable", "service account role/query-users of realm-management", "service account role/manage-users of realm-management"} {
		if !strings.Contains(plan.changes(), want) {
			t.Errorf("the plan has no %s: %s", want, plan.changes())
		}
	}
	if plan = h.must("--recoverable-group", "recoverable"); len(plan.Changes) > 0 {
		t.Errorf("a second run would change %s", plan.changes())
	}
	h.refused("say to which with --recoverable-group")

	if err := e.Operator(t.Context(), nil, "authenticators", "bob@example.com"); err == nil {
		t.Error("the gateway finds somebody who is not in the group")
	}
	var transcript bytes.Buffer
	if err := story.New(e, &transcript).Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, transcript.String())
	}
	h.judged(e, "as init leaves it", doctor.StatusPass)
	if out := try(t, e); out.status != 2 || len(out.Steps) != 1 || !strings.Contains(out.step("account"), "may make no account") {
		t.Errorf("%+v", out)
	}
	own, err := h.server.ClientPath(t.Context(), keycloak.ClientID)
	fatal(t, err)
	wide := func(is bool) { // whether each role of the service account counts, or those alone that init has named at the client
		fatal(t, h.server.Change(t.Context(), own, func(c map[string]any) { c["fullScopeAllowed"] = is }))
	}
	wide(true)
	for _, right := range []string{"view-events", "view-realm", "manage-identity-providers"} {
		fatal(t, h.server.Give(t.Context(), keycloak.ClientID, right))
		h.judged(e, right, doctor.StatusFail)
		fatal(t, h.server.Take(t.Context(), keycloak.ClientID, right))
	}
	wide(false)
	h.oneLeaves(e, groups[0].ID)
	h.admin(http.MethodPut, "/"+h.realm, map[string]any{"resetCredentialsFlow": "reset credentials"}, nil)
	h.must("--undo")
	if plan = h.must(); !strings.Contains(plan.changes(), "client/regrant-gateway") {
		t.Errorf("after undoing: %s", plan.changes())
	}
}

// What a realm says besides is not for init to change, also where Keycloak takes what is missing for a default.
func TestTheRestOfTheRealmStaysWhereItIsChanged(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.admin(http.MethodPost, "/"+h.realm+"/groups", map[string]string{"name": "recoverable"}, nil)
	h.must("--apply")                                                                            // Keycloak makes no client of this kind where CIBA pings by default
	kept := []string{"/client-policies/profiles", "/client-policies/policies", "/users/profile"} // in attributes that the realm does not tell, or beside it
	settings := func() (all map[string]any) {
		h.admin(http.MethodGet, "/"+h.realm, nil, &all)
		for _, path := range kept {
			var more map[string]any
			h.admin(http.MethodGet, "/"+h.realm+path, nil, &more)
			all[path] = more
		}
		return all
	}
	realm := settings()
	maps.Copy(realm, map[string]any{
		"displayNameHtml": "<b>Plain</b>", "bruteForceProtected": true, "failureFactor": 7, "passwordPolicy": "length(12)", "otpPolicyDigits": 8,
		"actionTokenGeneratedByUserLifespan": 600, "accessTokenLifespan": 120, "defaultLocale": "de",
		"internationalizationEnabled": true, "supportedLocales": []string{"de", "en"}, "eventsEnabled": true, "eventsExpiration": 3600, "enabledEventTypes": []string{"LOGIN"},
		"webAuthnPolicyRpEntityName": "Two", "webAuthnPolicyRpId": "two.example.com", "webAuthnPolicyUserVerificationRequirement": "required",
		"webAuthnPolicyPasswordlessRpEntityName": "One", "webAuthnPolicyPasswordlessRpId": "one.example.com",
		"smtpServer":             map[string]string{"host": "mail.example.com", "from": "id@example.com", "auth": "true", "user": "id", "password": "a password for mail"},
		"browserSecurityHeaders": map[string]string{"xFrameOptions": "DENY"},
	})
	maps.Copy(realm["attributes"].(map[string]any), map[string]any{
		"cibaBackchannelTokenDeliveryMode": "ping", "cibaExpiresIn": "99", "cibaInterval": "7", "parRequestUriLifespan": "33",
		"theirs": "own",
	})
	for _, path := range kept {
		delete(realm, path)
	}
	h.admin(http.MethodPut, "/"+h.realm, realm, nil)
	h.admin(http.MethodPut, "/"+h.realm+kept[0], map[string]any{"profiles": []any{map[string]any{"name": "theirs", "executors": []any{}}}}, nil)
	h.admin(http.MethodPut, "/"+h.realm+kept[1], map[string]any{"policies": []any{map[string]any{"name": "theirs", "enabled": false, "conditions": []any{}, "profiles": []string{"theirs"}}}}, nil)
	h.admin(http.MethodPut, "/"+h.realm+kept[2], map[string]any{"attributes": []any{map[string]any{"name": "username"}, map[string]any{"name": "email"}}, "unmanagedAttributePolicy": "ENABLED"}, nil)
	before := settings()
	if ciba := before["attributes"].(map[string]any); ciba["cibaExpiresIn"] != "99" || ciba["parRequestUriLifespan"] != "33" || before["webAuthnPolicyRpId"] != "two.example.com" {
		t.Fatalf("Keycloak takes other settings: %v", before)
	}

	h.must("--recoverable-group", "recoverable", "--apply")
	after := settings()
	if after["adminPermissionsEnabled"] != true {
		t.Error("nothing was changed")
	}
	for name, was := range before {
		if name != "adminPermissionsEnabled" && !strings.HasPrefix(name, "adminPermissionsClient") && !reflect.DeepEqual(after[name], was) {
			t.Errorf("%s was %v and is %v", name, was, after[name])
		}
	}
	h.must("--undo")
	if now := settings(); !reflect.DeepEqual(now["attributes"], before["attributes"]) || now["webAuthnPolicyRpId"] != before["webAuthnPolicyRpId"] {
		t.Errorf("undone: %v", now)
	}
}

// judged has the doctor judge the rights of the gateway, which it must be able to.
func (h *house) judged(e *env.Env, what string, want doctor.Status) {
	h.t.Helper()
	report, _ := runDoctor(h.t, e)
	expected := map[string]doctor.Status{"keycloak-version": doctor.StatusPass, "keycloak-rights": want}
	for _, f := range report.Findings {
		if status, judges := expected[f.Check]; judges && f.Status != status {
			h.t.Errorf("%s: %+v", what, f)
		}
		delete(expected, f.Check)
	}
	if len(expected) > 0 {
		h.t.Errorf("%s: nobody looked for %v", what, expected)
	}
}

// oneLeaves has one of two leave the group, whom the gateway then sees no more. Nothing is concluded from that, nor is the other out of sight.
func (h *house) oneLeaves(e *env.Env, group string) {
	h.t.Helper()
	var membership string
	for _, name := range []string{"erin", "frank"} {
		id, err := h.server.NewUser(h.t.Context(), name)
		fatal(h.t, err)
		membership = "/" + h.realm + "/users/" + id + "/groups/" + group
		h.admin(http.MethodPut, membership, nil, nil)
		enrolled(h.t, e, name)
	}
	h.admin(http.MethodDelete, membership, nil, nil)
	var sum reconcile.Summary
	fatal(h.t, e.Operator(h.t.Context(), &sum, "reconcile", "--as", "Olga"))
	if sum != (reconcile.Summary{Accounts: 1, Unseen: 1}) {
		h.t.Errorf("%+v", sum)
	}
}
