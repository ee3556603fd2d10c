package grant

import (
	"context"
	"crypto/ecdsa"
	"time"

	"github.com/go-jose/go-jose/v3"
	oryfosite "github.com/ory/fosite"
	oryoauth2 "github.com/ory/fosite/handler/oauth2"
	oryrfc7523 "github.com/ory/fosite/handler/rfc7523"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// buffer is fosite's store for one exchange. It answers from the configuration and keeps what fosite writes, for
// [Recoveries.Redeem] to commit in one go. fosite asks whether a jti is used and marks it in two calls, and turns a lost
// race into a server error; here both say yes, and the one transaction afterwards decides.
type buffer struct {
	oauth.Unused
	issuer    string
	keys      map[string]*ecdsa.PublicKey
	client    *oryfosite.DefaultClient
	jti       string
	signature string
}

var (
	_ oryfosite.Storage            = (*buffer)(nil)
	_ oryrfc7523.RFC7523KeyStorage = (*buffer)(nil)
	_ oryoauth2.AccessTokenStorage = (*buffer)(nil)
)

func (b *buffer) GetClient(_ context.Context, id string) (oryfosite.Client, error) {
	if id != b.client.ID {
		return nil, oryfosite.ErrNotFound
	}
	return b.client, nil
}

// GetPublicKey returns a key of this issuer. The keys belong to the issuer, not to a subject.
func (b *buffer) GetPublicKey(_ context.Context, issuer, _, keyID string) (*jose.JSONWebKey, error) {
	key, ok := b.keys[keyID]
	if !ok || issuer != b.issuer {
		return nil, oryfosite.ErrNotFound
	}
	return &jose.JSONWebKey{Key: key, KeyID: keyID, Algorithm: string(jose.ES256), Use: "sig"}, nil
}

// GetPublicKeys is asked for tokens without kid, of which none comes this far.
func (b *buffer) GetPublicKeys(context.Context, string, string) (*jose.JSONWebKeySet, error) {
	return nil, oryfosite.ErrNotFound
}

func (b *buffer) GetPublicKeyScopes(context.Context, string, string, string) ([]string, error) {
	return []string{ScopeComplete}, nil
}

func (b *buffer) IsJWTUsed(context.Context, string) (bool, error) { return false, nil }

func (b *buffer) MarkJWTUsedForTime(_ context.Context, jti string, _ time.Time) error {
	b.jti = jti
	return nil
}

// CreateAccessTokenSession keeps the signature alone. fosite's request also carries the assertion's audience, which an
// access token of ours does not inherit.
func (b *buffer) CreateAccessTokenSession(_ context.Context, signature string, _ oryfosite.Requester) error {
	b.signature = signature
	return nil
}
