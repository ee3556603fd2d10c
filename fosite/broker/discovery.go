package broker

import (
	"encoding/json"
	"fmt"
)

// discovery is the provider's description (OpenID Connect Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3).
type discovery struct {
	Issuer           string   `json:"issuer"`
	Authorization    string   `json:"authorization_endpoint"`
	Token            string   `json:"token_endpoint"`
	JWKS             string   `json:"jwks_uri"`
	Scopes           []string `json:"scopes_supported"`
	ResponseTypes    []string `json:"response_types_supported"`
	ResponseModes    []string `json:"response_modes_supported"`
	GrantTypes       []string `json:"grant_types_supported"`
	SubjectTypes     []string `json:"subject_types_supported"`
	Algorithms       []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	ChallengeMethods []string `json:"code_challenge_methods_supported"`
	Claims           []string `json:"claims_supported"`
	IssInAnswer      bool     `json:"authorization_response_iss_parameter_supported"`
	// The standard's default of the next one is true.
	RequestURI bool `json:"request_uri_parameter_supported"`
	Request    bool `json:"request_parameter_supported"`
}

// describe encodes the description, which changes only with the configuration.
func (s *Server) describe() (err error) {
	s.discovery, err = json.Marshal(discovery{
		Issuer: s.issuer, Authorization: s.issuer + "/authorize", Token: s.issuer + "/token", JWKS: s.issuer + "/jwks",
		Scopes: []string{scopeOpenID}, ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		GrantTypes: []string{grantType}, SubjectTypes: []string{"public"}, Algorithms: []string{"ES256"},
		AuthMethods: []string{"client_secret_basic", "client_secret_post"}, ChallengeMethods: []string{"S256"},
		Claims: []string{
			"iss", "sub", "aud", "azp", "nonce", "iat", "exp", "auth_time", "acr", "amr", claimRecovery, "preferred_username",
		},
		IssInAnswer: true,
	})
	if err != nil {
		return fmt.Errorf("encoding the discovery document: %v", err)
	}
	return nil
}

// Discovery returns the document of OpenID Connect Discovery as JSON. The caller must not change it.
func (s *Server) Discovery() []byte { return s.discovery }

// JWKS returns the public keys of this moment (RFC 7517 §5) as JSON. The caller must not change it.
func (s *Server) JWKS() []byte { return s.keys.Now().JWKS() }
