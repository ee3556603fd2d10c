package keycloak

import "github.com/regrant/regrant/internal/setup"

// GrantID is the client to which programs' access tokens are issued.
const GrantID = "regrant-programs"

// grantScopes are those that its tokens need: the subject is among them.
var grantScopes = []string{"basic"}

// lifespan is the attribute that says how long a client's access tokens live, and shortLife how long these do, in seconds.
const (
	lifespan  = "access.token.lifespan"
	shortLife = "120"
)

// grantConfig is what the gateway's entry as identity provider says of the JWT authorization grant. With a maximum of less than
// 30 seconds an assertion could be used twice.
func (o Options) grantConfig() map[string]string {
	if !o.UpstreamGrant {
		return map[string]string{"jwtAuthorizationGrantEnabled": "false"}
	}
	return map[string]string{
		"jwtAuthorizationGrantEnabled": "true", "jwtAuthorizationGrantAssertionSignatureAlg": "ES256",
		"jwtAuthorizationGrantAssertionReuseAllowed": "false", "jwtAuthorizationGrantMaxAllowedAssertionExpiration": "60",
		"jwtAuthorizationGrantAllowedClockSkew": "10",
	}
}

// grantClient are the members of the client of programs, its secret excepted: it can do nothing but this one grant.
func grantClient() map[string]any {
	return map[string]any{
		"name": "Programs that recovered an account", "enabled": true, "publicClient": false, "bearerOnly": false, "clientAuthenticatorType": "client-secret",
		"standardFlowEnabled": false, "implicitFlowEnabled": false, "directAccessGrantsEnabled": false, "serviceAccountsEnabled": false,
		"consentRequired": false, "fullScopeAllowed": false, "redirectUris": []any{}, "webOrigins": []any{},
	}
}

func (o Options) grantAttributes() map[string]string {
	return map[string]string{"oauth2.jwt.authorization.grant.enabled": "true", "oauth2.jwt.authorization.grant.idp": o.Alias, lifespan: shortLife}
}

// wantGrant leaves a life alone that somebody has set.
func (o Options) wantGrant(now setup.State) (setup.State, error) {
	want := with(grantClient(), "attributes", o.grantAttributes())
	if own := now["attributes."+lifespan]; own != nil && own != "" {
		delete(want, "attributes."+lifespan)
	}
	return want, nil
}

func (r *Realm) grantWishes() []setup.Wish {
	if !r.o.UpstreamGrant {
		return nil
	}
	wishes := []setup.Wish{
		{Object: setup.SecretFile(r.o.GrantSecretFile, r.grantSecret), Why: "the secret with which the gateway gets tokens for programs", Want: setup.KeptSecret},
		{Object: r.client(GrantID), Why: "access tokens of programs are issued to it; it takes the gateway's assertions, and can do nothing else", Want: r.o.wantGrant},
	}
	for _, scope := range grantScopes {
		wishes = append(wishes, setup.Wish{Object: r.clientScope(GrantID + "/" + scope), Why: "a token of a program's names whose it is", Want: setup.Always(member())})
	}
	return wishes
}

func (o Options) jsonGrantClient() map[string]any {
	client := grantClient()
	client["clientId"], client["protocol"], client["secret"] = GrantID, "openid-connect", fromEnvironment("REGRANT_PROGRAMS_SECRET")
	client["attributes"], client["defaultClientScopes"], client["optionalClientScopes"] = o.grantAttributes(), grantScopes, []string{}
	return client
}

// programs are the client of programs and its scopes.
func (t *hcl) programs(o Options) {
	attributes := o.grantAttributes()
	delete(attributes, lifespan) // an argument of its own
	t.block(`resource "keycloak_openid_client" "regrant_programs"`, hclMap{
		"realm_id": t.realmID(), "client_id": GrantID, "name": "Programs that recovered an account", "enabled": true, "access_type": "CONFIDENTIAL",
		"client_secret": ref("var.regrant_programs_secret"), "standard_flow_enabled": false, "implicit_flow_enabled": false,
		"direct_access_grants_enabled": false, "service_accounts_enabled": false, "consent_required": false, "full_scope_allowed": false,
		"valid_redirect_uris": []ref{}, "web_origins": []ref{}, "access_token_lifespan": shortLife, "extra_config": attributes,
	})
	var scopes []ref
	for _, name := range grantScopes {
		scopes = append(scopes, ref(quote(name)))
	}
	t.block(`resource "keycloak_openid_client_default_scopes" "regrant_programs"`, hclMap{
		"realm_id": t.realmID(), "client_id": ref("keycloak_openid_client.regrant_programs.id"), "default_scopes": scopes,
	})
}
