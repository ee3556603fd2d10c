package keycloak

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// SecondRealm makes another realm like the first, with people of the same names, and introduces it to its gateway at o.Origin and
// o.Path, with the secrets in o. It ends with s.
func (s *Server) SecondRealm(ctx context.Context, name string, o Options) (*Server, error) {
	text := strings.NewReplacer(
		`"realm": "`+Realm+`"`, `"realm": "`+name+`"`,
		"default-roles-"+Realm, "default-roles-"+name,
		"-2f6f5b1f3c01", "-2f6f5b1f3c02", // the id of a flow, of which no two realms may have the same
	).Replace(string(realm))
	if err := s.admin(ctx, "POST", "/admin/realms", json.RawMessage(text), nil); err != nil {
		return nil, fmt.Errorf("making the realm %s: %w", name, err)
	}
	second := &Server{URL: s.URL, Realm: name, http: s.http, ClientSecret: o.ClientSecret, BrokerID: o.BrokerID, BrokerSecret: o.BrokerSecret}
	return second, second.introduce(ctx, o)
}
