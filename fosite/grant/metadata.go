package grant

import (
	"encoding/json"
	"fmt"
)

// metadata is the authorization server's description (RFC 8414 §2, RFC 9449 §5.1).
type metadata struct {
	Issuer        string   `json:"issuer"`
	TokenEndpoint string   `json:"token_endpoint"`
	JWKSURI       string   `json:"jwks_uri"`
	Scopes        []string `json:"scopes_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	DPoP          []string `json:"dpop_signing_alg_values_supported"`
	Actions       []string `json:"recovery_actions_supported,omitempty"` // ours: what a recovery here may ask for
}

// publish encodes the two documents, which change only with the configuration.
func (s *Server) publish() (err error) {
	s.metadata, err = json.Marshal(metadata{
		Issuer: s.issuer, TokenEndpoint: s.tokenURL, JWKSURI: s.issuer + "/jwks.json",
		Scopes: []string{ScopeComplete}, ResponseTypes: []string{}, GrantTypes: []string{GrantType},
		AuthMethods: []string{"none"}, DPoP: []string{"ES256"}, Actions: s.actions,
	})
	if err != nil {
		return fmt.Errorf("encoding metadata: %v", err)
	}
	if s.jwks, err = s.keys.JWKS(); err != nil {
		return fmt.Errorf("encoding keys: %v", err)
	}
	return nil
}

// Metadata returns the document of RFC 8414 as JSON. The caller must not change it.
func (s *Server) Metadata() []byte { return s.metadata }

// JWKS returns the public keys (RFC 7517 §5) as JSON. The caller must not change it.
func (s *Server) JWKS() []byte { return s.jwks }
