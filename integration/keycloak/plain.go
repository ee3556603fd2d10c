package keycloak

import (
	"context"
	"maps"
	"net/http"
)

// Plain puts a realm of the same name as Keycloak makes one in the place of the imported one, so that it knows no gateway. It has
// an application and people, and besides what settings say.
func (s *Server) Plain(ctx context.Context, callback string, settings map[string]any, people ...string) error {
	if err := s.Admin(ctx, http.MethodDelete, "", nil, nil); err != nil {
		return err
	}
	it := map[string]any{"realm": s.Realm, "enabled": true}
	maps.Copy(it, settings)
	if err := s.admin(ctx, http.MethodPost, "/admin/realms", it, nil); err != nil {
		return err
	}
	application := map[string]any{"clientId": AppID, "publicClient": true, "redirectUris": []string{callback}}
	if err := s.Admin(ctx, http.MethodPost, "/clients", application, nil); err != nil {
		return err
	}
	for _, name := range people {
		if _, err := s.NewUser(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
