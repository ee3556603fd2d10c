package hydra

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/regrant/regrant/integration/ory"
)

// MakeClient makes a client with these members, in the place of one that has its id.
func (a Admin) MakeClient(ctx context.Context, members map[string]any) error {
	id, _ := members["client_id"].(string)
	err := a.call(ctx, http.MethodDelete, "/admin/clients/"+url.PathEscape(id), nil, nil)
	if refused, ok := errors.AsType[*ory.Error](err); err != nil && !(ok && refused.Status == http.StatusNotFound) {
		return err
	}
	return a.call(ctx, http.MethodPost, "/admin/clients", members, nil)
}

// TrustKey has Hydra take assertions of an issuer about a subject, or about everybody with "", signed with a key that nobody has.
func (a Admin) TrustKey(ctx context.Context, issuer, subject string, until time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return a.call(ctx, http.MethodPost, trusts, map[string]any{
		"issuer": issuer, "subject": subject, "allow_any_subject": subject == "", "scope": []string{"orders:read"},
		"jwk": jose.JSONWebKey{Key: key.Public(), KeyID: issuer, Algorithm: "ES256", Use: "sig"}, "expires_at": until.UTC().Format(time.RFC3339),
	}, nil)
}
