package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/setup"
)

// Keycloak's fine-grained permissions, version 2: a policy names the service account, and a permission lets it see and manage the
// members of one group. With them the gateway needs no right over all accounts.
const (
	permissionsClient = "admin-permissions"
	policyName        = "regrant gateway"
)

var memberScopes = []string{"manage-members", "view-members"}

// groupWishes narrow the gateway to the members of a group. A realm that is narrowed already is not widened by a run that does not
// say to which.
func (r *Realm) groupWishes(ctx context.Context) ([]setup.Wish, error) {
	if r.o.RecoverableGroup == "" {
		narrowed, err := r.policyID(ctx)
		if err == nil && narrowed != "" {
			err = errors.New("the gateway's rights are narrowed to a group here: say to which with --recoverable-group, or --undo first")
		}
		return nil, err
	}
	group, err := r.groupID(ctx, r.o.RecoverableGroup)
	if err == nil && group == "" {
		err = fmt.Errorf("there is no group %s: make it, and put into it whom the gateway may recover", r.o.RecoverableGroup)
	}
	return []setup.Wish{
		{Object: r.realm(r.o.Realm), Why: "lets the gateway manage the members of one group, and nobody else", Want: setup.Always(setup.State{"adminPermissionsEnabled": true})},
		{Object: r.policy(policyName), Why: "names the gateway's service account", Want: setup.Always(member())},
		{Object: r.permission(r.o.RecoverableGroup), Why: "the gateway sees and manages the members of this group", Want: setup.Always(member())},
	}, err
}

// rightsOver is the path of the permissions' own API, "" while the realm has none.
func (r *Realm) rightsOver(ctx context.Context) (string, error) {
	path, err := r.clientPath(ctx, permissionsClient)
	if path == "" || err != nil {
		return "", err
	}
	return path + "/authz/resource-server", nil
}

func (r *Realm) groupID(ctx context.Context, group string) (string, error) {
	return lastSegment(r.byName(ctx, "/groups?exact=true&search="+url.QueryEscape(group), "name", group))
}

func (r *Realm) policyID(ctx context.Context) (string, error) {
	base, err := r.rightsOver(ctx)
	if base == "" || err != nil {
		return "", err
	}
	return lastSegment(r.byName(ctx, base+"/policy?type=user&name="+url.QueryEscape(policyName), "name", policyName))
}

// lastSegment is the id at the end of a path.
func lastSegment(path string, err error) (string, error) {
	return path[strings.LastIndex(path, "/")+1:], err
}

// policy is the one that names the service account.
func (r *Realm) policy(name string) setup.Object {
	return membership{
		kind: "admin policy", name: name,
		is: func(ctx context.Context) (bool, error) {
			id, err := r.policyID(ctx)
			if id == "" || err != nil {
				return false, err
			}
			base, err := r.rightsOver(ctx)
			if err != nil {
				return false, err
			}
			var policy struct {
				Users []string `json:"users"`
				Logic string   `json:"logic"`
			}
			if err := r.api.get(ctx, base+"/policy/user/"+id, &policy); err != nil {
				return false, err
			}
			account, err := r.serviceAccount(ctx)
			if err == nil && (policy.Logic != "POSITIVE" || !slices.Equal(policy.Users, []string{account})) {
				err = errors.New("it names others than the gateway: remove it")
			}
			return true, err
		},
		set: func(ctx context.Context, in bool) error {
			base, err := r.rightsOver(ctx)
			if err != nil {
				return err
			}
			if in {
				account, err := r.serviceAccount(ctx)
				if err == nil {
					_, err = r.api.send(ctx, http.MethodPost, base+"/policy/user", map[string]any{"name": name, "logic": "POSITIVE", "users": []string{account}})
				}
				return err
			}
			id, err := r.policyID(ctx)
			if err == nil {
				_, err = r.api.send(ctx, http.MethodDelete, base+"/policy/user/"+id, nil)
			}
			return err
		},
	}.object()
}

// permission is the one over the members of a group.
func (r *Realm) permission(group string) setup.Object {
	name := policyName + " manages " + group
	find := func(ctx context.Context) (string, error) {
		base, err := r.rightsOver(ctx)
		if base == "" || err != nil {
			return "", err
		}
		return r.byName(ctx, base+"/permission/scope?name="+url.QueryEscape(name), "name", name)
	}
	return membership{
		kind: "admin permission", name: group,
		is: func(ctx context.Context) (bool, error) {
			path, err := find(ctx)
			if path == "" || err != nil {
				return false, err
			}
			return true, r.samePermission(ctx, path, group)
		},
		set: func(ctx context.Context, in bool) error {
			if !in {
				path, err := find(ctx)
				if err == nil {
					_, err = r.api.send(ctx, http.MethodDelete, path, nil)
				}
				return err
			}
			base, err := r.rightsOver(ctx)
			if err != nil {
				return err
			}
			policy, err := r.policyID(ctx)
			if err != nil {
				return err
			}
			id, err := r.groupID(ctx, group)
			if err == nil {
				_, err = r.api.send(ctx, http.MethodPost, base+"/permission/scope", map[string]any{
					"name": name, "resourceType": "Groups", "resources": []string{id}, "scopes": memberScopes, "policies": []string{policy},
				})
			}
			return err
		},
	}.object()
}

// samePermission refuses one that says something else under the same name.
func (r *Realm) samePermission(ctx context.Context, path, group string) error {
	for part, want := range map[string][]string{"resources": {group}, "scopes": memberScopes, "associatedPolicies": {policyName}} {
		var list []struct {
			Name        string `json:"name"`
			DisplayName string `json:"displayName"` // of a resource, whose name is an id
		}
		if err := r.api.get(ctx, path+"/"+part, &list); err != nil {
			return err
		}
		var have []string
		for _, one := range list {
			if have = append(have, one.Name); one.DisplayName != "" {
				have[len(have)-1] = one.DisplayName
			}
		}
		if slices.Sort(have); !slices.Equal(have, want) {
			return fmt.Errorf("its %s are %q, and not %q: remove it", part, have, want)
		}
	}
	return nil
}
