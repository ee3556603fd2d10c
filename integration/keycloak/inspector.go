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
	own, err := s.clientPath(ctx, id)
	if err != nil {
		return err
	}
	var account struct {
		ID string `json:"id"`
	}
	if err := s.Admin(ctx, http.MethodGet, own+"/service-account-user", nil, &account); err != nil {
		return err
	}
	management, err := s.clientPath(ctx, "realm-management")
	if err != nil {
		return err
	}
	var roles []map[string]any
	for _, name := range []string{"view-realm", "view-identity-providers"} {
		var role map[string]any
		if err := s.Admin(ctx, http.MethodGet, management+"/roles/"+name, nil, &role); err != nil {
			return err
		}
		roles = append(roles, role)
	}
	return s.Admin(ctx, http.MethodPost, "/users/"+account.ID+"/role-mappings"+management, roles, nil)
}

// clientPath is where a client is in the admin API.
func (s *Server) clientPath(ctx context.Context, id string) (string, error) {
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
