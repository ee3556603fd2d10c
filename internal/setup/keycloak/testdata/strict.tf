# Made by caddy regrant init keycloak. Two things are settings of resources that own the whole of what they set, and so are yours:
#   * new clients are told of recoveries if the realm's default client scopes have the scope "regrant";
#   * "Forgot password?" is shown where the realm has reset_password_allowed = true, which mode strict needs.

terraform {
  required_providers {
    keycloak = {
      source = "keycloak/keycloak"
    }
  }
}

variable "regrant_client_secret" {
  sensitive = true
  type = string
}

variable "regrant_broker_secret" {
  sensitive = true
  type = string
}

data "keycloak_realm" "realm" {
  realm = "acme"
}

resource "keycloak_openid_client_scope" "regrant" {
  description = "Lets an application see that a session began with a recovery"
  include_in_token_scope = true
  name = "regrant"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_openid_user_session_note_protocol_mapper" "identity_provider" {
  claim_name = "identity_provider"
  claim_value_type = "String"
  client_scope_id = keycloak_openid_client_scope.regrant.id
  name = "identity provider"
  realm_id = data.keycloak_realm.realm.id
  session_note = "identity_provider"
}

resource "keycloak_openid_user_session_note_protocol_mapper" "recovery_id" {
  claim_name = "recovery_id"
  claim_value_type = "String"
  client_scope_id = keycloak_openid_client_scope.regrant.id
  name = "recovery id"
  realm_id = data.keycloak_realm.realm.id
  session_note = "recovery_id"
}

resource "keycloak_authentication_flow" "regrant_first_login" {
  alias = "regrant first login"
  description = "Closed: only the recovery gateway makes links, one for each recovery"
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_execution" "regrant_first_login_deny_access_authenticator" {
  authenticator = "deny-access-authenticator"
  parent_flow_alias = keycloak_authentication_flow.regrant_first_login.alias
  priority = 10
  realm_id = data.keycloak_realm.realm.id
  requirement = "REQUIRED"
}

resource "keycloak_authentication_flow" "regrant_recover" {
  alias = "regrant recover"
  description = "Forgot password leads to the recovery gateway, inside the same authentication session"
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_execution" "regrant_recover_identity_provider_redirector" {
  authenticator = "identity-provider-redirector"
  parent_flow_alias = keycloak_authentication_flow.regrant_recover.alias
  priority = 10
  realm_id = data.keycloak_realm.realm.id
  requirement = "REQUIRED"
}

resource "keycloak_authentication_execution_config" "regrant_recover_identity_provider_redirector" {
  alias = "regrant recover identity provider redirector"
  config = {
    "defaultProvider" = "regrant"
  }
  execution_id = keycloak_authentication_execution.regrant_recover_identity_provider_redirector.id
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_flow" "regrant_step_up" {
  alias = "regrant step-up"
  description = "One factor, and a second one where the class gold is asked for"
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_execution" "regrant_step_up_auth_cookie" {
  authenticator = "auth-cookie"
  parent_flow_alias = keycloak_authentication_flow.regrant_step_up.alias
  priority = 10
  realm_id = data.keycloak_realm.realm.id
  requirement = "ALTERNATIVE"
}

resource "keycloak_authentication_execution" "regrant_step_up_identity_provider_redirector" {
  authenticator = "identity-provider-redirector"
  parent_flow_alias = keycloak_authentication_flow.regrant_step_up.alias
  priority = 20
  realm_id = data.keycloak_realm.realm.id
  requirement = "ALTERNATIVE"
}

resource "keycloak_authentication_subflow" "regrant_step_up_forms" {
  alias = "regrant step-up forms"
  parent_flow_alias = keycloak_authentication_flow.regrant_step_up.alias
  priority = 30
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
  requirement = "ALTERNATIVE"
}

resource "keycloak_authentication_subflow" "regrant_one_factor" {
  alias = "regrant one factor"
  parent_flow_alias = keycloak_authentication_subflow.regrant_step_up_forms.alias
  priority = 10
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
  requirement = "CONDITIONAL"
}

resource "keycloak_authentication_execution" "regrant_one_factor_conditional_level_of_authentication" {
  authenticator = "conditional-level-of-authentication"
  parent_flow_alias = keycloak_authentication_subflow.regrant_one_factor.alias
  priority = 10
  realm_id = data.keycloak_realm.realm.id
  requirement = "REQUIRED"
}

resource "keycloak_authentication_execution_config" "regrant_one_factor_conditional_level_of_authentication" {
  alias = "regrant one factor conditional level of authentication"
  config = {
    "loa-condition-level" = "1"
    "loa-max-age" = "0"
  }
  execution_id = keycloak_authentication_execution.regrant_one_factor_conditional_level_of_authentication.id
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_execution" "regrant_one_factor_auth_username_password_form" {
  authenticator = "auth-username-password-form"
  parent_flow_alias = keycloak_authentication_subflow.regrant_one_factor.alias
  priority = 20
  realm_id = data.keycloak_realm.realm.id
  requirement = "REQUIRED"
}

resource "keycloak_authentication_subflow" "regrant_two_factors" {
  alias = "regrant two factors"
  parent_flow_alias = keycloak_authentication_subflow.regrant_step_up_forms.alias
  priority = 20
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
  requirement = "CONDITIONAL"
}

resource "keycloak_authentication_execution" "regrant_two_factors_conditional_level_of_authentication" {
  authenticator = "conditional-level-of-authentication"
  parent_flow_alias = keycloak_authentication_subflow.regrant_two_factors.alias
  priority = 10
  realm_id = data.keycloak_realm.realm.id
  requirement = "REQUIRED"
}

resource "keycloak_authentication_execution_config" "regrant_two_factors_conditional_level_of_authentication" {
  alias = "regrant two factors conditional level of authentication"
  config = {
    "loa-condition-level" = "2"
    "loa-max-age" = "0"
  }
  execution_id = keycloak_authentication_execution.regrant_two_factors_conditional_level_of_authentication.id
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_subflow" "regrant_second_factor" {
  alias = "regrant second factor"
  parent_flow_alias = keycloak_authentication_subflow.regrant_two_factors.alias
  priority = 20
  provider_id = "basic-flow"
  realm_id = data.keycloak_realm.realm.id
  requirement = "REQUIRED"
}

resource "keycloak_authentication_execution" "regrant_second_factor_auth_otp_form" {
  authenticator = "auth-otp-form"
  parent_flow_alias = keycloak_authentication_subflow.regrant_second_factor.alias
  priority = 10
  realm_id = data.keycloak_realm.realm.id
  requirement = "ALTERNATIVE"
}

resource "keycloak_authentication_execution" "regrant_second_factor_webauthn_authenticator" {
  authenticator = "webauthn-authenticator"
  parent_flow_alias = keycloak_authentication_subflow.regrant_second_factor.alias
  priority = 20
  realm_id = data.keycloak_realm.realm.id
  requirement = "ALTERNATIVE"
}

resource "keycloak_authentication_execution" "regrant_second_factor_auth_recovery_authn_code_form" {
  authenticator = "auth-recovery-authn-code-form"
  parent_flow_alias = keycloak_authentication_subflow.regrant_second_factor.alias
  priority = 30
  realm_id = data.keycloak_realm.realm.id
  requirement = "ALTERNATIVE"
}

resource "keycloak_oidc_identity_provider" "regrant" {
  add_read_token_role_on_create = false
  alias = "regrant"
  authorization_url = "https://id.example.com/recovery/oidc/authorize"
  client_id = "keycloak-acme"
  client_secret = var.regrant_broker_secret
  default_scopes = "openid"
  disable_user_info = true
  display_name = "Account recovery"
  enabled = true
  extra_config = {
    "allowedClockSkew" = "10"
    "clientAuthMethod" = "client_secret_basic"
    "jwtAuthorizationGrantEnabled" = "false"
    "pkceEnabled" = "true"
    "pkceMethod" = "S256"
  }
  first_broker_login_flow_alias = keycloak_authentication_flow.regrant_first_login.alias
  hide_on_login_page = true
  issuer = "https://id.example.com/recovery/oidc"
  jwks_url = "https://id.example.com/recovery/oidc/jwks"
  link_only = false
  realm = data.keycloak_realm.realm.id
  store_token = false
  sync_mode = "IMPORT"
  token_url = "https://id.example.com/recovery/oidc/token"
  trust_email = false
  validate_signature = true
}

resource "keycloak_custom_identity_provider_mapper" "recovery_id" {
  extra_config = {
    "are.claim.values.regex" = "true"
    "claims" = "[{\"key\":\"recovery_id\",\"value\":\"^.+$\"}]"
    "syncMode" = "FORCE"
  }
  identity_provider_alias = keycloak_oidc_identity_provider.regrant.alias
  identity_provider_mapper = "oidc-user-session-note-idp-mapper"
  name = "recovery id"
  realm = data.keycloak_realm.realm.id
}

resource "keycloak_openid_client" "regrant_gateway" {
  access_type = "CONFIDENTIAL"
  authentication_flow_binding_overrides {
    browser_id = keycloak_authentication_flow.regrant_step_up.id
  }
  client_id = "regrant-gateway"
  client_secret = var.regrant_client_secret
  consent_required = false
  direct_access_grants_enabled = false
  enabled = true
  extra_config = {
    "acr.loa.map" = "{\"gold\":2}"
  }
  full_scope_allowed = false
  implicit_flow_enabled = false
  name = "Recovery gateway"
  pkce_code_challenge_method = "S256"
  realm_id = data.keycloak_realm.realm.id
  service_accounts_enabled = true
  standard_flow_enabled = true
  valid_redirect_uris = ["https://id.example.com/recovery/login/callback"]
  web_origins = []
}

resource "keycloak_openid_client_default_scopes" "regrant_gateway" {
  client_id = keycloak_openid_client.regrant_gateway.id
  default_scopes = ["basic", "acr"]
  realm_id = data.keycloak_realm.realm.id
}

data "keycloak_openid_client" "realm_management" {
  client_id = "realm-management"
  realm_id = data.keycloak_realm.realm.id
}

data "keycloak_role" "manage_users" {
  client_id = data.keycloak_openid_client.realm_management.id
  name = "manage-users"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_openid_client_service_account_role" "manage_users" {
  client_id = data.keycloak_openid_client.realm_management.id
  realm_id = data.keycloak_realm.realm.id
  role = "manage-users"
  service_account_user_id = keycloak_openid_client.regrant_gateway.service_account_user_id
}

resource "keycloak_generic_role_mapper" "manage_users" {
  client_id = keycloak_openid_client.regrant_gateway.id
  realm_id = data.keycloak_realm.realm.id
  role_id = data.keycloak_role.manage_users.id
}

data "keycloak_role" "view_clients" {
  client_id = data.keycloak_openid_client.realm_management.id
  name = "view-clients"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_openid_client_service_account_role" "view_clients" {
  client_id = data.keycloak_openid_client.realm_management.id
  realm_id = data.keycloak_realm.realm.id
  role = "view-clients"
  service_account_user_id = keycloak_openid_client.regrant_gateway.service_account_user_id
}

resource "keycloak_generic_role_mapper" "view_clients" {
  client_id = keycloak_openid_client.regrant_gateway.id
  realm_id = data.keycloak_realm.realm.id
  role_id = data.keycloak_role.view_clients.id
}

data "keycloak_role" "query_clients" {
  client_id = data.keycloak_openid_client.realm_management.id
  name = "query-clients"
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_openid_client_service_account_role" "query_clients" {
  client_id = data.keycloak_openid_client.realm_management.id
  realm_id = data.keycloak_realm.realm.id
  role = "query-clients"
  service_account_user_id = keycloak_openid_client.regrant_gateway.service_account_user_id
}

resource "keycloak_generic_role_mapper" "query_clients" {
  client_id = keycloak_openid_client.regrant_gateway.id
  realm_id = data.keycloak_realm.realm.id
  role_id = data.keycloak_role.query_clients.id
}

resource "keycloak_required_action" "idp_link" {
  alias = "idp_link"
  enabled = false
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_required_action" "UPDATE_PASSWORD" {
  alias = "UPDATE_PASSWORD"
  enabled = true
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_required_action" "CONFIGURE_TOTP" {
  alias = "CONFIGURE_TOTP"
  enabled = true
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_required_action" "webauthn_register_passwordless" {
  alias = "webauthn-register-passwordless"
  enabled = true
  realm_id = data.keycloak_realm.realm.id
}

resource "keycloak_authentication_bindings" "regrant" {
  realm_id = data.keycloak_realm.realm.id
  reset_credentials_flow = keycloak_authentication_flow.regrant_recover.alias
}

