package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/internal/setup"
)

// Realm is a realm that an administrator has signed in to.
type Realm struct {
	o   Options
	api *admin

	clientSecret, brokerSecret, grantSecret string
}

// Connect signs in, and refuses a server or realm that the gateway could not work with. It changes nothing.
func Connect(ctx context.Context, o Options, who Credentials) (*Realm, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	api, err := dial(ctx, o, who)
	if err != nil {
		return nil, err
	}
	if err := api.checkVersion(ctx); err != nil {
		return nil, err
	}
	var there struct {
		Realm string `json:"realm"`
	}
	err = api.get(ctx, "", &there)
	if errors.Is(err, errNotFound) {
		return nil, fmt.Errorf("there is no realm %s", o.Realm)
	}
	if err == nil && there.Realm != o.Realm {
		err = fmt.Errorf("reading the realm: %w", ErrAnswer)
	}
	return &Realm{o: o, api: api}, err
}

// Find returns the object of a kind and name, for undoing.
func (r *Realm) Find(kind, name string) (setup.Object, error) {
	find, ok := map[string]func(string) setup.Object{
		"file":                     func(path string) setup.Object { return setup.SecretFile(path, "") },
		"client scope":             r.scope,
		"protocol mapper":          r.mapper,
		"default client scope":     r.defaultScope,
		"authentication flow":      r.flow,
		"identity provider":        r.provider,
		"identity provider mapper": r.providerMapper,
		"client":                   r.client,
		"default scope of client":  r.clientScope,
		"service account role":     r.role,
		"role in tokens":           r.roleScope,
		"admin policy":             r.policy,
		"admin permission":         r.permission,
		"required action":          r.requiredAction,
		"realm":                    r.realm,
	}[kind]
	if !ok {
		return setup.Object{}, fmt.Errorf("the record names a %q, which nothing here makes", kind)
	}
	return find(name), nil
}

func (r *Realm) realm(name string) setup.Object {
	return document{api: r.api, kind: "realm", name: name, find: at("/"), partial: true}.object()
}

func (r *Realm) requiredAction(alias string) setup.Object {
	return document{api: r.api, kind: "required action", name: alias, find: at("/authentication/required-actions/" + url.PathEscape(alias))}.object()
}

func (r *Realm) scope(name string) setup.Object {
	return document{
		api: r.api, kind: "client scope", name: name, nested: "attributes",
		find:       func(ctx context.Context) (string, error) { return r.scopePath(ctx, name) },
		collection: at("/client-scopes"), identity: map[string]any{"name": name, "protocol": "openid-connect"},
	}.object()
}

// mapper is a mapper of a client scope; its name is scope/mapper.
func (r *Realm) mapper(name string) setup.Object {
	scope, own, _ := strings.Cut(name, "/")
	models := func(ctx context.Context) (string, error) {
		path, err := r.scopePath(ctx, scope)
		return path + "/protocol-mappers/models", err
	}
	return document{
		api: r.api, kind: "protocol mapper", name: name, nested: "config",
		find: func(ctx context.Context) (string, error) {
			path, err := r.scopePath(ctx, scope)
			if path == "" || err != nil {
				return "", err
			}
			return r.byName(ctx, path+"/protocol-mappers/models", "name", own)
		},
		collection: models, identity: map[string]any{"name": own, "protocol": "openid-connect"},
	}.object()
}

// providerMapper is a mapper of an identity provider; its name is alias/mapper.
func (r *Realm) providerMapper(name string) setup.Object {
	alias, own, _ := strings.Cut(name, "/")
	mappers := providerPath(alias) + "/mappers"
	return document{
		api: r.api, kind: "identity provider mapper", name: name, nested: "config",
		find: func(ctx context.Context) (string, error) {
			path, err := r.byName(ctx, mappers, "name", own)
			if errors.Is(err, errNotFound) { // so is the provider
				return "", nil
			}
			return path, err
		},
		collection: at(mappers), identity: map[string]any{"name": own, "identityProviderAlias": alias},
	}.object()
}

func (r *Realm) scopePath(ctx context.Context, name string) (string, error) {
	return r.byName(ctx, "/client-scopes", "name", name)
}

// byName returns the path of the one member of a collection that has a name, "" if none has.
func (r *Realm) byName(ctx context.Context, collection, member, name string) (string, error) {
	path, _, _ := strings.Cut(collection, "?")
	var all []map[string]any
	if err := r.api.get(ctx, collection, &all); err != nil {
		return "", err
	}
	for _, one := range all {
		if one[member] == name {
			return path + "/" + url.PathEscape(fmt.Sprint(one["id"])), nil
		}
	}
	return "", nil
}

// membership is an object that is there or not, and is nothing else.
type membership struct {
	kind, name string
	is         func(context.Context) (bool, error)
	set        func(context.Context, bool) error
}

// member is the state of a membership that is there: it has no field.
func member() setup.State { return setup.State{} }

func (m membership) object() setup.Object {
	return setup.Object{
		Kind: m.kind, Name: m.name,
		Read: func(ctx context.Context) (setup.State, error) {
			is, err := m.is(ctx)
			if !is || err != nil {
				return nil, err
			}
			return member(), nil
		},
		Write: func(ctx context.Context, now, to setup.State) error {
			if (now == nil) == (to == nil) {
				return nil
			}
			return m.set(ctx, to != nil)
		},
	}
}

// method of a call that puts something into a set, or takes it out.
func method(in bool, into string) string {
	if in {
		return into
	}
	return http.MethodDelete
}
