package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/setup"
)

// client is a client of the realm. The flow that its sign-in takes is named by alias (browserFlow), where Keycloak has an id.
func (r *Realm) client(id string) setup.Object {
	return document{
		api: r.api, kind: "client", name: id, nested: "attributes",
		find:       func(ctx context.Context) (string, error) { return r.clientPath(ctx, id) },
		collection: at("/clients"),
		identity:   map[string]any{"clientId": id, "protocol": "openid-connect", "defaultClientScopes": []string{}, "optionalClientScopes": []string{}},
		present: func(ctx context.Context, whole map[string]any) error {
			overrides, _ := whole["authenticationFlowBindingOverrides"].(map[string]any)
			id, _ := overrides["browser"].(string)
			alias, err := r.flowAlias(ctx, id)
			whole["browserFlow"] = alias
			return err
		},
		adjust: func(ctx context.Context, whole map[string]any, _ setup.State) error {
			if secret, _ := whole["secret"].(string); secret == "" {
				whole["secret"] = r.secretOf(id)
			}
			alias, _ := whole["browserFlow"].(string)
			delete(whole, "browserFlow")
			flow, err := r.flowID(ctx, alias)
			whole["authenticationFlowBindingOverrides"] = map[string]string{"browser": flow} // "" takes it away
			return err
		},
	}.object()
}

func (r *Realm) secretOf(client string) string {
	if client == GrantID {
		return r.grantSecret
	}
	return r.clientSecret
}

// clientPath is that of a client, "" if there is none.
func (r *Realm) clientPath(ctx context.Context, id string) (string, error) {
	return r.byName(ctx, "/clients?clientId="+url.QueryEscape(id), "clientId", id)
}

// defaultScope is a scope that every new client of the realm gets.
func (r *Realm) defaultScope(name string) setup.Object {
	return r.scopeMember("default client scope", name, name, at("/default-default-client-scopes"))
}

// clientScope is a scope that a client has; its name is client/scope.
func (r *Realm) clientScope(name string) setup.Object {
	id, scope, _ := strings.Cut(name, "/")
	return r.scopeMember("default scope of client", name, scope, func(ctx context.Context) (string, error) {
		path, err := r.clientPath(ctx, id)
		if path == "" || err != nil {
			return "", err
		}
		return path + "/default-client-scopes", nil
	})
}

// scopeMember is a scope in a set that has a path of its own.
func (r *Realm) scopeMember(kind, name, scope string, set func(context.Context) (string, error)) setup.Object {
	return membership{
		kind: kind, name: name,
		is: func(ctx context.Context) (bool, error) {
			path, err := set(ctx)
			if path == "" || err != nil {
				return false, err
			}
			found, err := r.byName(ctx, path, "name", scope)
			return found != "", err
		},
		set: func(ctx context.Context, in bool) error {
			path, err := set(ctx)
			if err != nil {
				return err
			}
			scopePath, err := r.scopePath(ctx, scope)
			if err == nil && (path == "" || scopePath == "") {
				err = fmt.Errorf("the realm has no client scope %s, or not the client", scope)
			}
			if err != nil {
				return err
			}
			_, err = r.api.send(ctx, method(in, http.MethodPut), path+strings.TrimPrefix(scopePath, "/client-scopes"), nil)
			return err
		},
	}.object()
}

// role is a role of the service account; its name is "ROLE of CLIENT", or that of a realm role.
func (r *Realm) role(name string) setup.Object {
	return r.roleMember("service account role", name, func(ctx context.Context, at string) (string, error) {
		user, err := r.serviceAccount(ctx)
		if user == "" || err != nil {
			return "", err
		}
		return "/users/" + user + "/role-mappings" + at, nil
	})
}

// roleScope is a role that may be in tokens of the gateway's client; its name is as a role's.
func (r *Realm) roleScope(name string) setup.Object {
	return r.roleMember("role in tokens", name, func(ctx context.Context, at string) (string, error) {
		path, err := r.clientPath(ctx, ClientID)
		if path == "" || err != nil {
			return "", err
		}
		return path + "/scope-mappings" + at, nil
	})
}

// serviceAccount is the id of the user that the gateway's client is, "" if there is none.
func (r *Realm) serviceAccount(ctx context.Context) (string, error) {
	path, err := r.clientPath(ctx, ClientID)
	if path == "" || err != nil {
		return "", err
	}
	var client struct {
		ServiceAccounts bool `json:"serviceAccountsEnabled"`
	}
	if err := r.api.get(ctx, path, &client); err != nil || !client.ServiceAccounts {
		return "", err
	}
	var user struct {
		ID string `json:"id"`
	}
	err = r.api.get(ctx, path+"/service-account-user", &user)
	return user.ID, err
}

// roleMember is a role in a set, whose path depends on whose role it is.
func (r *Realm) roleMember(kind, name string, set func(ctx context.Context, at string) (string, error)) setup.Object {
	owner := func(ctx context.Context) (path, at string, err error) {
		role, client, ofClient := strings.Cut(name, " of ")
		if !ofClient {
			return "/roles/" + url.PathEscape(role), "/realm", nil
		}
		of, err := r.clientPath(ctx, client)
		if err == nil && of == "" {
			err = fmt.Errorf("the realm has no client %s", client)
		}
		return of + "/roles/" + url.PathEscape(role), of, err
	}
	return membership{
		kind: kind, name: name,
		is: func(ctx context.Context) (bool, error) {
			_, at, err := owner(ctx)
			if err != nil {
				return false, err
			}
			path, err := set(ctx, at)
			if path == "" || err != nil {
				return false, err
			}
			role, _, _ := strings.Cut(name, " of ")
			found, err := r.byName(ctx, path, "name", role)
			return found != "", err
		},
		set: func(ctx context.Context, in bool) error {
			rolePath, at, err := owner(ctx)
			if err != nil {
				return err
			}
			path, err := set(ctx, at)
			if path == "" || err != nil {
				return err
			}
			var role map[string]any
			if err := r.api.get(ctx, rolePath, &role); err != nil {
				return err
			}
			_, err = r.api.send(ctx, method(in, http.MethodPost), path, []any{role})
			return err
		},
	}.object()
}

// roles are the service account's own roles, by name, without those that every account has.
func (r *Realm) roles(ctx context.Context) ([]string, error) {
	user, err := r.serviceAccount(ctx)
	if user == "" || err != nil {
		return nil, err
	}
	type roles []struct {
		Name string `json:"name"`
	}
	var all struct {
		Realm   roles `json:"realmMappings"`
		Clients map[string]struct {
			Mappings roles `json:"mappings"`
		} `json:"clientMappings"`
	}
	if err := r.api.get(ctx, "/users/"+user+"/role-mappings", &all); err != nil {
		return nil, err
	}
	var names []string
	for _, role := range all.Realm {
		if role.Name != "default-roles-"+strings.ToLower(r.o.Realm) {
			names = append(names, role.Name)
		}
	}
	for client, of := range all.Clients {
		for _, role := range of.Mappings {
			names = append(names, role.Name+" of "+client)
		}
	}
	slices.Sort(names)
	return names, nil
}
