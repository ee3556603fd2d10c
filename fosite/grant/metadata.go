package grant

import (
	"encoding/json"
	"fmt"
	"slices"
)

// metadata is the authorization server's description (RFC 8414 §2, RFC 9449 §5.1, RFC 8705 §3.3).
type metadata struct {
	Issuer               string   `json:"issuer"`
	TokenEndpoint        string   `json:"token_endpoint"`
	AuthMethods          []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms           []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	Revocation           string   `json:"revocation_endpoint"`
	RevocationMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgorithms []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`
	Introspection        string   `json:"introspection_endpoint"`
	IntrospectionMethods []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	IntrospectionAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	JWKSURI              string   `json:"jwks_uri"`
	Scopes               []string `json:"scopes_supported"`
	ResponseTypes        []string `json:"response_types_supported"`
	GrantTypes           []string `json:"grant_types_supported"`
	DPoP                 []string `json:"dpop_signing_alg_values_supported"`
	BoundToCertificates  bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	Actions              []string `json:"recovery_actions_supported,omitempty"` // ours: what a recovery here may ask for
}

// describe encodes the description, which changes only with the configuration.
func (s *Server) describe() (err error) {
	confidential := s.methods()
	var algorithms []string
	if slices.Contains(confidential, (*AssertionKeys)(nil).method()) {
		algorithms = []string{"ES256", "PS256"}
	}
	all := append([]string{"none"}, confidential...) // the built-in client of programs is public
	s.metadata, err = json.Marshal(metadata{
		Issuer: s.issuer, TokenEndpoint: s.tokenURL, AuthMethods: all, Algorithms: algorithms,
		Revocation: s.issuer + "/revoke", RevocationMethods: all, RevocationAlgorithms: algorithms,
		Introspection: s.issuer + "/introspect", IntrospectionMethods: confidential, IntrospectionAlgs: algorithms,
		JWKSURI: s.issuer + "/jwks.json", Scopes: []string{ScopeComplete}, ResponseTypes: []string{}, GrantTypes: []string{GrantType},
		DPoP: []string{"ES256"}, BoundToCertificates: slices.Contains(confidential, CertificateField{}.method()), Actions: s.actions,
	})
	if err != nil {
		return fmt.Errorf("encoding metadata: %v", err)
	}
	return nil
}

// methods are the ways in which the configured clients authenticate, each once.
func (s *Server) methods() (out []string) {
	for _, client := range s.clients {
		if client.confidential() && !slices.Contains(out, client.Credential.method()) {
			out = append(out, client.Credential.method())
		}
	}
	slices.Sort(out)
	return out
}

// Metadata returns the document of RFC 8414 as JSON. The caller must not change it.
func (s *Server) Metadata() []byte { return s.metadata }

// JWKS returns the public keys of this moment (RFC 7517 §5) as JSON. The caller must not change it.
func (s *Server) JWKS() []byte { return s.keys.Now().JWKS() }
