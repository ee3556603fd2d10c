package hydra

import (
	"context"
	"crypto/ecdsa"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/regrant/regrant/integration/ory"
)

// Strict is the configuration that takes no assertion of a longer life than the gateway does (see [Options.Extra]).
const Strict = "oauth2: { grant: { jwt: { max_ttl: 5m } } }\n"

// SecretClient makes a client that authenticates with its secret (client_secret_basic) and may use one grant type.
func (s *Server) SecretClient(ctx context.Context, grantType string) (id, secret string, err error) {
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	_, err = ory.API(s.AdminURL).Call(ctx, http.MethodPost, "/admin/clients", nil, map[string]any{
		"grant_types": []string{grantType}, "response_types": []string{}, "scope": "recover", "token_endpoint_auth_method": "client_secret_basic",
	}, &made)
	return made.ID, made.Secret, err
}

// KeyClient makes a client that authenticates with assertions of a P-256 key of that name (private_key_jwt) and may use one
// grant type.
func (s *Server) KeyClient(ctx context.Context, grantType, kid string, key *ecdsa.PublicKey) (id string, err error) {
	var made struct {
		ID string `json:"client_id"`
	}
	_, err = ory.API(s.AdminURL).Call(ctx, http.MethodPost, "/admin/clients", nil, map[string]any{ //nolint:gosec // names, no secrets
		"grant_types": []string{grantType}, "response_types": []string{}, "scope": "recover",
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{signing(kid, key)}},
	}, &made)
	return made.ID, err
}

func signing(kid string, key *ecdsa.PublicKey) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: string(jose.ES256), Use: "sig"}
}

// TrustKey makes Hydra trust the assertions of an issuer that are signed with a P-256 key of that name, for one subject alone.
func (s *Server) TrustKey(ctx context.Context, issuer, subject, kid string, key *ecdsa.PublicKey) error {
	_, err := ory.API(s.AdminURL).Call(ctx, http.MethodPost, "/admin/trust/grants/jwt-bearer/issuers", nil, map[string]any{
		"issuer": issuer, "subject": subject, "allow_any_subject": false, "scope": []string{"recover"},
		"jwk":        signing(kid, key),
		"expires_at": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}, nil)
	return err
}
