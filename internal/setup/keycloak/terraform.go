package keycloak

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Terraform is all of it for the provider keycloak/keycloak. The realm is not made here, and the secrets are variables.
func (o Options) Terraform() string {
	t := &hcl{realm: o.Realm}
	t.head(o)
	t.tellingScope()
	t.allFlows(o)
	t.broker(o)
	t.gateway(o)
	if o.UpstreamGrant {
		t.programs(o)
	}
	t.actions()
	if o.Strict {
		t.block(`resource "keycloak_authentication_bindings" "regrant"`, hclMap{"realm_id": t.realmID(), "reset_credentials_flow": ref("keycloak_authentication_flow.regrant_recover.alias")})
	}
	return t.String()
}

// hcl is text in HashiCorp's language, block by block.
type hcl struct {
	strings.Builder
	realm string
}

// ref is an expression, where other values are literals.
type ref string

// hclMap are the arguments of a block. One inside of another is a nested block of one argument.
type hclMap map[string]any

func (t *hcl) realmID() ref { return "data.keycloak_realm.realm.id" }

// block writes one block, its arguments sorted.
func (t *hcl) block(header string, arguments hclMap) {
	fmt.Fprintf(t, "%s {\n", header)
	for _, name := range slices.Sorted(maps.Keys(arguments)) {
		if inner, ok := arguments[name].(hclMap); ok {
			for member, value := range inner { // has one
				fmt.Fprintf(t, "  %s {\n    %s = %s\n  }\n", name, member, literal(value))
			}
			continue
		}
		fmt.Fprintf(t, "  %s = %s\n", name, literal(arguments[name]))
	}
	t.WriteString("}\n\n")
}

func literal(value any) string {
	switch v := value.(type) {
	case ref:
		return string(v)
	case []ref:
		words := make([]string, len(v))
		for i := range v {
			words[i] = string(v[i])
		}
		return "[" + strings.Join(words, ", ") + "]"
	case map[string]string:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, fmt.Sprintf("    %s = %s\n", quote(name), quote(v[name])))
		}
		return "{\n" + strings.Join(pairs, "") + "  }"
	case string:
		return quote(v)
	}
	return fmt.Sprint(value)
}

// quote writes a text as JSON does, which HCL reads alike but for its templates.
func quote(text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // no text of ours
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(string(raw))
}

// missing is what a configuration beside that of the realm cannot set: one resource says the whole of it.
const missing = `# Made by caddy regrant init keycloak. Two things are settings of resources that own the whole of what they set, and so are yours:
#   * new clients are told of recoveries if the realm's default client scopes have the scope "regrant";
#   * "Forgot password?" is shown where the realm has reset_password_allowed = true, which mode strict needs.

`

func (t *hcl) head(o Options) {
	t.WriteString(missing)
	t.WriteString("terraform {\n  required_providers {\n    keycloak = {\n      source = \"keycloak/keycloak\"\n    }\n  }\n}\n\n")
	secrets := []string{"regrant_client_secret", "regrant_broker_secret"}
	if o.UpstreamGrant {
		secrets = append(secrets, "regrant_programs_secret")
	}
	for _, name := range secrets {
		t.block(fmt.Sprintf("variable %q", name), hclMap{"type": ref("string"), "sensitive": true})
	}
	t.block(`data "keycloak_realm" "realm"`, hclMap{"realm": t.realm})
}

func (t *hcl) tellingScope() {
	t.block(`resource "keycloak_openid_client_scope" "regrant"`, hclMap{
		"realm_id": t.realmID(), "name": telling, "description": scopeDescription, "include_in_token_scope": true,
	})
	for _, c := range claims {
		t.block(`resource "keycloak_openid_user_session_note_protocol_mapper" `+quote(c.note), hclMap{
			"realm_id": t.realmID(), "client_scope_id": ref("keycloak_openid_client_scope.regrant.id"), "name": c.name,
			"claim_name": c.note, "claim_value_type": "String", "session_note": c.note,
		})
	}
}

// id makes the name of a resource.
func id(alias string) string { return strings.NewReplacer(" ", "_", "-", "_").Replace(alias) }

func (t *hcl) allFlows(o Options) {
	for _, f := range o.flows() {
		t.block(`resource "keycloak_authentication_flow" `+quote(id(f.Alias)), hclMap{"realm_id": t.realmID(), "alias": f.Alias, "description": f.Description, "provider_id": "basic-flow"})
		t.steps("keycloak_authentication_flow."+id(f.Alias), f.Steps)
	}
}

func (t *hcl) steps(parent string, steps []step) {
	for i, s := range steps {
		arguments := hclMap{"realm_id": t.realmID(), "parent_flow_alias": ref(parent + ".alias"), "requirement": s.Requirement, "priority": 10 * (i + 1)}
		if s.Subflow != "" {
			arguments["alias"], arguments["provider_id"] = s.Subflow, "basic-flow"
			t.block(`resource "keycloak_authentication_subflow" `+quote(id(s.Subflow)), arguments)
			t.steps("keycloak_authentication_subflow."+id(s.Subflow), s.Steps)
			continue
		}
		name := id(parent[strings.LastIndex(parent, ".")+1:] + "_" + s.Authenticator)
		arguments["authenticator"] = s.Authenticator
		t.block(`resource "keycloak_authentication_execution" `+quote(name), arguments)
		if s.Config != nil {
			t.block(`resource "keycloak_authentication_execution_config" `+quote(name), hclMap{
				"realm_id": t.realmID(), "execution_id": ref("keycloak_authentication_execution." + name + ".id"), "alias": strings.ReplaceAll(name, "_", " "), "config": s.Config,
			})
		}
	}
}

func (t *hcl) broker(o Options) {
	c := o.providerConfig()
	extra := pick(c, "clientAuthMethod", "pkceEnabled", "pkceMethod", "allowedClockSkew")
	maps.Copy(extra, o.grantConfig())
	t.block(`resource "keycloak_oidc_identity_provider" "regrant"`, hclMap{
		"realm": t.realmID(), "alias": o.Alias, "display_name": o.displayName(), "enabled": true, "trust_email": false, "store_token": false,
		"add_read_token_role_on_create": false, "link_only": false, "hide_on_login_page": !o.Button,
		"first_broker_login_flow_alias": ref("keycloak_authentication_flow.regrant_first_login.alias"),
		"issuer":                        c["issuer"], "authorization_url": c["authorizationUrl"], "token_url": c["tokenUrl"], "jwks_url": c["jwksUrl"],
		"validate_signature": true, "disable_user_info": true, "client_id": c["clientId"], "client_secret": ref("var.regrant_broker_secret"),
		"default_scopes": c["defaultScope"], "sync_mode": c["syncMode"],
		"extra_config": extra,
	})
	t.block(`resource "keycloak_custom_identity_provider_mapper" "recovery_id"`, hclMap{
		"realm": t.realmID(), "name": "recovery id", "identity_provider_alias": ref("keycloak_oidc_identity_provider.regrant.alias"),
		"identity_provider_mapper": recoveryIDMapper, "extra_config": providerMapperConfig(),
	})
}

func pick(from map[string]string, names ...string) map[string]string {
	picked := map[string]string{}
	for _, name := range names {
		picked[name] = from[name]
	}
	return picked
}

func (t *hcl) gateway(o Options) {
	t.block(`resource "keycloak_openid_client" "regrant_gateway"`, hclMap{
		"realm_id": t.realmID(), "client_id": ClientID, "name": "Recovery gateway", "enabled": true, "access_type": "CONFIDENTIAL",
		"client_secret": ref("var.regrant_client_secret"), "standard_flow_enabled": true, "implicit_flow_enabled": false,
		"direct_access_grants_enabled": false, "service_accounts_enabled": true, "consent_required": false, "full_scope_allowed": false,
		"valid_redirect_uris": []ref{ref(quote(o.issuer() + "/login/callback"))}, "web_origins": []ref{}, "pkce_code_challenge_method": "S256",
		"authentication_flow_binding_overrides": hclMap{"browser_id": ref("keycloak_authentication_flow.regrant_step_up.id")},
		"extra_config":                          map[string]string{"acr.loa.map": levels},
	})
	var scopes []ref
	for _, name := range clientScopes {
		scopes = append(scopes, ref(quote(name)))
	}
	t.block(`resource "keycloak_openid_client_default_scopes" "regrant_gateway"`, hclMap{
		"realm_id": t.realmID(), "client_id": ref("keycloak_openid_client.regrant_gateway.id"), "default_scopes": scopes,
	})
	t.block(`data "keycloak_openid_client" "realm_management"`, hclMap{"realm_id": t.realmID(), "client_id": management})
	const manager = ref("data.keycloak_openid_client.realm_management.id")
	for _, role := range o.roleNames() {
		name := quote(id(role))
		t.block(`data "keycloak_role" `+name, hclMap{"realm_id": t.realmID(), "client_id": manager, "name": role})
		t.block(`resource "keycloak_openid_client_service_account_role" `+name, hclMap{
			"realm_id": t.realmID(), "service_account_user_id": ref("keycloak_openid_client.regrant_gateway.service_account_user_id"), "client_id": manager, "role": role,
		})
		t.block(`resource "keycloak_generic_role_mapper" `+name, hclMap{
			"realm_id": t.realmID(), "client_id": ref("keycloak_openid_client.regrant_gateway.id"), "role_id": ref("data.keycloak_role." + id(role) + ".id"),
		})
	}
}

func (t *hcl) actions() {
	for _, alias := range append([]string{"idp_link"}, demanded...) {
		t.block(`resource "keycloak_required_action" `+quote(id(alias)), hclMap{"realm_id": t.realmID(), "alias": alias, "enabled": alias != "idp_link"})
	}
}
