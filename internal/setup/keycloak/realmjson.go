package keycloak

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RealmJSON is all of it as a part of a realm file: what is in the lists is added to those of the file, by its name, and what is
// no list is set. A list of client scopes or of required actions in a realm file is taken for the whole of it, so it is no
// file of its own.
func (o Options) RealmJSON() (string, error) {
	realm := map[string]any{
		"realm":                      o.Realm,
		"authenticationFlows":        o.jsonFlows(),
		"authenticatorConfig":        o.jsonConfigs(),
		"identityProviders":          []any{o.jsonProvider()},
		"identityProviderMappers":    []any{map[string]any{"name": "recovery id", "identityProviderAlias": o.Alias, "identityProviderMapper": recoveryIDMapper, "config": providerMapperConfig()}},
		"clientScopes":               []any{jsonScope()},
		"defaultDefaultClientScopes": []string{telling},
		"clients":                    o.jsonClients(),
		"clientScopeMappings":        map[string]any{management: []any{map[string]any{"client": ClientID, "roles": o.roleNames()}}},
		"users":                      []any{o.jsonServiceAccount()},
		"requiredActions":            jsonActions(),
	}
	if o.Strict {
		realm["resetCredentialsFlow"], realm["resetPasswordAllowed"] = recoverFlow, true
	}
	text, err := json.Marshal(realm, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return "", fmt.Errorf("writing the realm: %v", err)
	}
	return string(text) + "\n", nil
}

// fromEnvironment is the placeholder of a secret, which Keycloak takes from its environment when it imports a realm.
func fromEnvironment(name string) string { return "${" + name + "}" }

// jsonFlows are the flows and those inside of them, which stand beside them in a realm file.
func (o Options) jsonFlows() (all []any) {
	var add func(f flow, top bool)
	add = func(f flow, top bool) {
		var executions []any
		for i, s := range f.Steps {
			e := map[string]any{"requirement": s.Requirement, "priority": 10 * (i + 1), "authenticatorFlow": s.Subflow != "", "userSetupAllowed": false}
			if s.Subflow != "" {
				e["flowAlias"] = s.Subflow
			} else {
				e["authenticator"] = s.Authenticator
			}
			if s.Config != nil {
				e["authenticatorConfig"] = configAlias(f.Alias, s)
			}
			executions = append(executions, e)
		}
		all = append(all, map[string]any{
			"id": o.flowUUID(f.Alias), "alias": f.Alias, "description": f.Description, "providerId": "basic-flow", "topLevel": top, "builtIn": false,
			"authenticationExecutions": executions,
		})
		for _, s := range f.Steps {
			if s.Subflow != "" {
				add(flow{s.Subflow, "", s.Steps}, false)
			}
		}
	}
	for _, f := range o.flows() {
		add(f, true)
	}
	return all
}

func (o Options) jsonConfigs() (all []any) {
	var add func(alias string, steps []step)
	add = func(alias string, steps []step) {
		for _, s := range steps {
			if s.Config != nil {
				all = append(all, map[string]any{"alias": configAlias(alias, s), "config": s.Config})
			}
			add(s.Subflow, s.Steps)
		}
	}
	for _, f := range o.flows() {
		add(f.Alias, f.Steps)
	}
	return all
}

// configAlias names the settings of a step. A flow here has one step of each authenticator at most.
func configAlias(flow string, s step) string { return flow + " " + s.Authenticator }

// flowUUID is the same at each run, so that the client can name the flow that its sign-in takes.
func (o Options) flowUUID(alias string) string {
	b := sha256.Sum256([]byte("regrant flow\n" + o.Realm + "\n" + alias))
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], []byte{b[6]&0x0f | 0x80, b[7]}, []byte{b[8]&0x3f | 0x80, b[9]}, b[10:16]) // RFC 9562 section 5.8
}

func (o Options) jsonProvider() map[string]any {
	config := o.providerConfig()
	config["clientSecret"] = fromEnvironment("REGRANT_BROKER_SECRET")
	provider := maps.Clone(o.provider())
	maps.Copy(provider, map[string]any{"alias": o.Alias, "providerId": "oidc", "displayName": o.displayName(), "hideOnLogin": !o.Button, "config": config})
	return provider
}

func (o Options) jsonClients() []any {
	if o.UpstreamGrant {
		return []any{o.jsonClient(), o.jsonGrantClient()}
	}
	return []any{o.jsonClient()}
}

func (o Options) jsonClient() map[string]any {
	client := maps.Clone(o.client())
	maps.Copy(client, map[string]any{
		"clientId": ClientID, "protocol": "openid-connect", "secret": fromEnvironment("REGRANT_CLIENT_SECRET"), "attributes": clientAttributes(),
		"authenticationFlowBindingOverrides": map[string]string{"browser": o.flowUUID(stepUpFlow)},
		"defaultClientScopes":                clientScopes, "optionalClientScopes": []string{},
	})
	return client
}

func (o Options) jsonServiceAccount() map[string]any {
	return map[string]any{
		"username": "service-account-" + ClientID, "enabled": true, "serviceAccountClientId": ClientID,
		"clientRoles": map[string]any{management: o.roleNames()},
	}
}

func jsonScope() map[string]any {
	var mappers []any
	for _, c := range claims {
		mappers = append(mappers, map[string]any{"name": c.name, "protocol": "openid-connect", "protocolMapper": noteMapper, "config": c.config()})
	}
	return map[string]any{
		"name": telling, "description": scopeDescription, "protocol": "openid-connect", "attributes": scopeAttributes(), "protocolMappers": mappers,
	}
}

// jsonActions says nothing of whether new people have to do one, which is the realm's own to say.
func jsonActions() []any {
	all := []any{map[string]any{"alias": "idp_link", "providerId": "idp_link", "enabled": false}}
	for _, alias := range demanded {
		all = append(all, map[string]any{"alias": alias, "providerId": alias, "enabled": true})
	}
	return all
}

// roleNames are those of the client that manages the realm.
func (o Options) roleNames() (names []string) {
	for _, role := range o.roles() {
		name, _, _ := strings.Cut(role.name, " of ")
		names = append(names, name)
	}
	return names
}
