package faults

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/internal/doctor"
)

// keycloak plants faults in the realm, and in what the gateway is told of its directory.
func (p Planted) keycloak(ctx context.Context, e *env.Env, s *keycloak.Server, listening *exposed) error {
	application, err := s.ClientPath(ctx, keycloak.AppID)
	if err != nil {
		return err
	}
	programs, err := s.ClientPath(ctx, keycloak.ProgramsID)
	if err != nil {
		return err
	}
	if err := errors.Join(
		s.Give(ctx, keycloak.ClientID, "view-events", "manage-realm"),
		s.Change(ctx, "/identity-provider/instances/"+keycloak.Alias, func(b map[string]any) {
			b["trustEmail"], b["hideOnLogin"], b["firstBrokerLoginFlowAlias"] = true, false, "first broker login"
			config := b["config"].(map[string]any)
			config["pkceEnabled"], config["jwtAuthorizationGrantAssertionReuseAllowed"] = "false", "true"
		}),
		s.Change(ctx, "/authentication/required-actions/idp_link", func(a map[string]any) { a["enabled"] = true }),
		s.Change(ctx, application, func(c map[string]any) {
			c["directAccessGrantsEnabled"], c["implicitFlowEnabled"], c["redirectUris"] = true, true, []string{"*"}
		}),
		s.Change(ctx, programs, func(c map[string]any) {
			c["serviceAccountsEnabled"], c["secret"] = true, "another-0123456789-0123456789-0123456"
			c["attributes"].(map[string]any)["access.token.lifespan"] = "3600"
		}),
		s.Admin(ctx, http.MethodPost, "/components", directory, nil),
		s.Change(ctx, "", func(r map[string]any) {
			r["resetCredentialsFlow"], r["bruteForceProtected"], r["registrationAllowed"], r["sslRequired"] = "reset credentials", false, true, "none"
			r["resetPasswordAllowed"], r["eventsEnabled"], r["editUsernameAllowed"] = true, false, true
		}),
		e.Configure(ctx, func(text string) string {
			return strings.Replace(text, "\t\t\trealm acme\n", "\t\t\trealm acme\n\t\t\tfederated_passwords\n", 1)
		}),
	); err != nil {
		return err
	}
	p.found(doctor.StatusFail,
		"keycloak-reset-closed", "keycloak-forgot-closed", "keycloak-reset-flow", "keycloak-first-login", "keycloak-idp-link", "keycloak-idp-entry", "keycloak-brute-force",
		"keycloak-tls", "keycloak-rights", "keycloak-direct-grants", "keycloak-redirects", "keycloak-federated", "keycloak-grant-client",
		"keycloak-grant-secret", "keycloak-grant-entry", "idp-forwarded-host", "idp-admin-paths")
	p.found(doctor.StatusWarn,
		"keycloak-idp-hidden", "keycloak-login-button", "keycloak-registration", "keycloak-identifiers", "keycloak-events", "keycloak-implicit",
		"keycloak-grant-life")
	if listening.add(s.URL) {
		p.found(doctor.StatusWarn, "idp-listens")
	}
	if listening.add("http://127.0.0.1:9000") { // Keycloak's management port, unless it is given another
		p.found(doctor.StatusWarn, "keycloak-management")
	}
	return nil
}

// directory is one that cannot be written to, and nobody answers for.
var directory = map[string]any{
	"name": "people", "providerId": "ldap", "providerType": "org.keycloak.storage.UserStorageProvider",
	"config": map[string][]string{
		"enabled": {"true"}, "vendor": {"other"}, "editMode": {"READ_ONLY"}, "connectionUrl": {"ldap://127.0.0.1:1"}, "usersDn": {"ou=people,dc=example"}, "authType": {"none"},
		"usernameLDAPAttribute": {"uid"}, "rdnLDAPAttribute": {"uid"}, "uuidLDAPAttribute": {"entryUUID"}, "userObjectClasses": {"person"}, "searchScope": {"1"}, "importEnabled": {"true"},
		"connectionTimeout": {"500"}, "readTimeout": {"500"},
	},
}
