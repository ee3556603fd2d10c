package keycloak

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/regrant/regrant/internal/setup"
)

// document is an object that one path of the API holds whole. The members of one map in it are fields of the state too, each
// under the map's name and a dot.
type document struct {
	api        *admin
	kind, name string
	nested     string
	// find returns the path, "" if the object is not there.
	find func(context.Context) (string, error)
	// collection returns where a new one is made. Nil: it can be neither made nor removed here.
	collection func(context.Context) (string, error)
	// identity are the members that a new one has besides its state.
	identity map[string]any
	// partial sends the fields that change, and besides them nothing but the attributes as they are: of those Keycloak takes some that
	// are missing for its default.
	partial bool
	// present changes a representation that was read, and adjust one that is to be written. They may be nil.
	present func(ctx context.Context, whole map[string]any) error
	adjust  func(ctx context.Context, whole map[string]any, to setup.State) error
}

func (d document) object() setup.Object {
	return setup.Object{Kind: d.kind, Name: d.name, Read: d.read, Write: d.write}
}

func (d document) read(ctx context.Context) (setup.State, error) {
	whole, _, err := d.whole(ctx)
	if whole == nil || err != nil {
		return nil, err
	}
	state := setup.State{}
	for member, value := range whole {
		if inner, ok := value.(map[string]any); ok && member == d.nested {
			for name, v := range inner {
				state[member+"."+name] = v
			}
			continue
		}
		state[member] = value
	}
	return state, nil
}

func (d document) whole(ctx context.Context) (whole map[string]any, path string, err error) {
	path, err = d.find(ctx)
	if err != nil || path == "" {
		return nil, "", err
	}
	err = d.api.get(ctx, path, &whole)
	if errors.Is(err, errNotFound) {
		return nil, "", nil
	}
	if err == nil && d.present != nil {
		err = d.present(ctx, whole)
	}
	return whole, path, err
}

func (d document) write(ctx context.Context, _, to setup.State) error {
	whole, path, err := d.whole(ctx)
	if err != nil {
		return err
	}
	switch {
	case to == nil && path == "":
		return nil
	case (to == nil || path == "") && d.collection == nil:
		return errors.New("it can be neither made nor removed here")
	case to == nil:
		_, err := d.api.send(ctx, http.MethodDelete, path, nil)
		return err
	case path == "":
		if path, err = d.collection(ctx); err != nil {
			return err
		}
		return d.send(ctx, http.MethodPost, path, maps.Clone(d.identity), to)
	case d.partial:
		whole = map[string]any{"attributes": whole["attributes"]}
	}
	return d.send(ctx, http.MethodPut, path, whole, to)
}

func (d document) send(ctx context.Context, method, path string, whole map[string]any, to setup.State) error {
	d.merge(whole, to)
	if d.adjust != nil {
		if err := d.adjust(ctx, whole, to); err != nil {
			return err
		}
	}
	_, err := d.api.send(ctx, method, path, whole)
	return err
}

// merge puts fields into a representation.
func (d document) merge(whole map[string]any, fields setup.State) {
	inner, _ := whole[d.nested].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	for field, value := range fields {
		if name, ok := strings.CutPrefix(field, d.nested+"."); ok && d.nested != "" {
			if inner[name] = value; value == nil {
				inner[name] = "" // Keycloak forgets what is empty, and keeps what is missing
			}
			continue
		}
		if whole[field] = value; value == nil && d.partial {
			whole[field] = ""
		}
	}
	if d.nested != "" {
		whole[d.nested] = inner
	}
}

// at is the find of what has a path of its own.
func at(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return path, nil }
}
