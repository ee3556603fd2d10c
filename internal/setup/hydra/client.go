package hydra

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/internal/setup"
	adapter "github.com/regrant/regrant/upstream/hydra"
)

// Kinds of objects, in records.
const (
	fileKind   = "file"
	clientKind = "client"
	secretKind = "client secret"
)

func (a api) clientURL(id string) string { return a.admin + "/admin/clients/" + url.PathEscape(id) }

// document is a client as Hydra tells it, which is all but its secret. Nil: there is none.
func (a api) document(ctx context.Context, id string) (whole map[string]any, err error) {
	there, err := a.call(ctx, http.MethodGet, a.clientURL(id), nil, http.StatusOK, &whole)
	if err == nil && there && whole["client_id"] != id {
		err = ErrAnswer
	}
	if !there || err != nil {
		return nil, err
	}
	return whole, nil
}

// lists are the members that Hydra leaves out where they are empty.
var lists = []string{"redirect_uris", "post_logout_redirect_uris", "grant_types", "response_types", "audience", "allowed_cors_origins"}

// client is a client of Hydra's. Its secret, which Hydra tells nobody, is an object of its own.
func (a api) client(id string) setup.Object {
	return setup.Object{
		Kind: clientKind, Name: id,
		Read: func(ctx context.Context) (setup.State, error) {
			state, err := a.document(ctx, id)
			if state == nil || err != nil {
				return nil, err
			}
			for _, name := range lists {
				if state[name] == nil {
					state[name] = []any{}
				}
			}
			return state, nil
		},
		Write: func(ctx context.Context, now, to setup.State) error {
			switch {
			case to == nil:
				_, err := a.call(ctx, http.MethodDelete, a.clientURL(id), nil, http.StatusNoContent, nil)
				return err
			case now == nil:
				whole := map[string]any{"client_id": id}
				maps.Copy(whole, to)
				_, err := a.call(ctx, http.MethodPost, a.admin+"/admin/clients", whole, http.StatusCreated, nil)
				return err
			}
			return a.replace(ctx, id, to)
		},
	}
}

// errGone says that somebody has deleted a client meanwhile.
var errGone = errors.New("the client is gone")

// replace writes the client anew with other fields. Without a secret among them the client keeps its own.
func (a api) replace(ctx context.Context, id string, fields setup.State) error {
	whole, err := a.document(ctx, id)
	switch {
	case err != nil:
		return err
	case whole == nil:
		return errGone
	}
	maps.Copy(whole, fields)
	if whole["jwks_uri"] != nil {
		delete(whole, "jwks") // which Hydra tells as an empty set, and takes with that address from nobody
	}
	there, err := a.call(ctx, http.MethodPut, a.clientURL(id), whole, http.StatusOK, nil)
	if err == nil && !there {
		err = errGone
	}
	return err
}

// opening is that the secret in a file opens a client. To undo it is to give the client a secret that nobody knows: the one
// before, if there was one, Hydra has told nobody.
func (s *Server) opening(id string) setup.Object {
	return setup.Object{
		Kind: secretKind, Name: id,
		Read: func(ctx context.Context) (setup.State, error) {
			whole, err := s.api.document(ctx, id)
			if err != nil || whole == nil || whole["token_endpoint_auth_method"] != byBasic || s.secrets[id] == "" {
				return nil, err
			}
			opens, err := adapter.Takes(ctx, s.api.http, s.o.URL, id, s.secrets[id])
			if !opens || err != nil {
				return nil, err
			}
			return setup.State{"kept in": s.o.files()[id]}, nil
		},
		Write: func(ctx context.Context, _, to setup.State) error {
			secret := rand.Text() + rand.Text()
			if to != nil {
				secret = s.secrets[id]
			}
			return s.api.replace(ctx, id, setup.State{"client_secret": secret})
		},
	}
}
