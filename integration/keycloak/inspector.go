package keycloak

import (
	"context"
	"fmt"
	"net/http"
)

// NewInspector makes a confidential client of the realm that may read how the realm is configured, and change nothing.
func (s *Server) NewInspector(ctx context.Context, id, secret string) error {
	err := s.Admin(ctx, http.MethodPost, "/clients", map[string]any{
		"clientId": id, "secret": secret, "publicClient": false, "standardFlowEnabled": false, "serviceAccountsEnabled": true,
	}, nil)
	if err != nil {
		return err
	}
	return s.Give(ctx, id, "view-realm", "view-identity-providers")
}

// Give gives roles of realm-management to the service account of a client.
func (s *Server) Give(ctx context.Context, clientID string, names ...string) error {
	return s.assign(ctx, http.MethodPost, clientID, names)
}

// Take takes them from it.
func (s *Server) Take(ctx context.Context, clientID string, names ...string) error {
	return s.assign(ctx, http.MethodDelete, clientID, names)
}

func (s *Server) assign(ctx context.Context, method, clientID string, names []string) error {
	own, err := s.ClientPath(ctx, clientID)
	if err != nil {
		return err
	}
	var account struct {
		ID string `json:"id"`
	}
	if err := s.Admin(ctx, http.MethodGet, own+"/service-account-user", nil, &account); err != nil {
		return err
	}
	management, err := s.ClientPath(ctx, "realm-management")
	if err != nil {
		return err
	}
	var roles []map[string]any
	for _, name := range names {
		var role map[string]any
		if err := s.Admin(ctx, http.MethodGet, management+"/roles/"+name, nil, &role); err != nil {
			return err
		}
		roles = append(roles, role)
	}
	return s.Admin(ctx, method, "/users/"+account.ID+"/role-mappings"+management, roles, nil)
}

// Change reads something of the realm, has edit change it, and writes it back.
func (s *Server) Change(ctx context.Context, path string, edit func(map[string]any)) error {
	var it map[string]any
	if err := s.Admin(ctx, http.MethodGet, path, nil, &it); err != nil {
		return err
	}
	edit(it)
	return s.Admin(ctx, http.MethodPut, path, it, nil)
}

// ClientPath is where a client is in the admin API.
func (s *Server) ClientPath(ctx context.Context, id string) (string, error) {
	var found []struct {
		ID string `json:"id"`
	}
	if err := s.Admin(ctx, http.MethodGet, "/clients?clientId="+id, nil, &found); err != nil {
		return "", err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%d clients are called %s", len(found), id)
	}
	return "/clients/" + found[0].ID, nil
}
