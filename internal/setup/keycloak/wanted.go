package keycloak

import (
	"maps"

	"github.com/regrant/regrant/internal/setup"
)

// needed is a role that the gateway needs, and what for.
type needed struct{ name, why string }

const management = "realm-management"

// manageUsers is the right over every account.
const manageUsers = "manage-users of " + management

// roles are all that upstream/keycloak needs. Permissions over a group take the place of the first.
func (o Options) roles() []needed {
	first := needed{manageUsers, "the gateway finds accounts, links them for one login, and ends their sessions"}
	if o.RecoverableGroup != "" {
		first = needed{"query-users of " + management, "the gateway looks for accounts, and finds those of the group"}
	}
	return append([]needed{first}, privilegeRoles...)
}

// privilegeRoles show which roles an account has.
var privilegeRoles = []needed{
	{"view-clients of " + management, "the gateway cannot tell otherwise who is privileged, and would recover nobody"},
	{"query-clients of " + management, "the gateway cannot tell otherwise who is privileged, and would recover nobody"},
}

// clientScopes are those that the gateway's own sign-in needs.
var clientScopes = []string{"basic", "acr"}

// demanded are the required actions in which a recovery ends.
var demanded = []string{"UPDATE_PASSWORD", "CONFIGURE_TOTP", "webauthn-register-passwordless"}

// claim is one that applications see.
type claim struct{ name, note, why string }

var claims = []claim{
	{"identity provider", "identity_provider", "the claim identity_provider is the gateway's alias in a session that began with a recovery"},
	{"recovery id", "recovery_id", "the claim recovery_id says with which"},
}

func (c claim) config() map[string]string {
	return map[string]string{
		"user.session.note": c.note, "claim.name": c.note, "jsonType.label": "String",
		"id.token.claim": "true", "access.token.claim": "true", "introspection.token.claim": "true",
	}
}

const noteMapper = "oidc-usersessionmodel-note-mapper"

func (c claim) state() setup.State {
	return with(setup.State{"protocolMapper": noteMapper}, "config", c.config())
}

const scopeDescription = "Lets an application see that a session began with a recovery"

func scopeAttributes() map[string]string {
	return map[string]string{"include.in.token.scope": "true", "display.on.consent.screen": "false"}
}

func scopeState() setup.State {
	return with(setup.State{"description": scopeDescription}, "attributes", scopeAttributes())
}

const recoveryIDMapper = "oidc-user-session-note-idp-mapper"

func providerMapperConfig() map[string]string {
	return map[string]string{"syncMode": "FORCE", "claims": `[{"key":"recovery_id","value":"^.+$"}]`, "are.claim.values.regex": "true"}
}

func providerMapperState() setup.State {
	return with(setup.State{"identityProviderMapper": recoveryIDMapper}, "config", providerMapperConfig())
}

// provider are the members of the gateway as identity provider, its secret and looks excepted.
func (o Options) provider() map[string]any {
	return map[string]any{
		"enabled": true, "trustEmail": false, "storeToken": false, "addReadTokenRoleOnCreate": false, "linkOnly": false,
		"firstBrokerLoginFlowAlias": firstLoginFlow,
	}
}

func (o Options) providerConfig() map[string]string {
	issuer := o.issuer() + "/oidc"
	config := map[string]string{
		"issuer": issuer, "authorizationUrl": issuer + "/authorize", "tokenUrl": issuer + "/token", "jwksUrl": issuer + "/jwks",
		"useJwksUrl": "true", "validateSignature": "true", "disableUserInfo": "true",
		"clientId": o.BrokerID(), "clientAuthMethod": "client_secret_basic", "pkceEnabled": "true", "pkceMethod": "S256",
		"defaultScope": "openid", "syncMode": "IMPORT", "allowedClockSkew": "10",
	}
	maps.Copy(config, o.grantConfig())
	return config
}

func (o Options) providerState() setup.State { return with(o.provider(), "config", o.providerConfig()) }

// client are the members of the gateway's client, its secret and its flow excepted.
func (o Options) client() map[string]any {
	return map[string]any{
		"name": "Recovery gateway", "enabled": true, "publicClient": false, "bearerOnly": false, "clientAuthenticatorType": "client-secret",
		"standardFlowEnabled": true, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false, "serviceAccountsEnabled": true,
		"consentRequired": false, "fullScopeAllowed": false,
		"redirectUris": []any{o.issuer() + "/login/callback"}, "webOrigins": []any{},
	}
}

func clientAttributes() map[string]string {
	return map[string]string{"pkce.code.challenge.method": "S256", "acr.loa.map": levels}
}

func (o Options) clientState() setup.State {
	s := with(o.client(), "attributes", clientAttributes())
	s["browserFlow"] = stepUpFlow
	return s
}

// with adds the members of a map to a state, each under the map's name and a dot.
func with(s setup.State, name string, members map[string]string) setup.State {
	for member, value := range members {
		s[name+"."+member] = value
	}
	return s
}
