package oauth

import (
	"context"
	"errors"
	"time"

	oryfosite "github.com/ory/fosite"
)

var errUnused = errors.New("not part of this server")

// Unused answers the storage methods that fosite's composition asks for and none of our grants calls: refresh tokens,
// introspection, revocation, client assertions. Each fails, so a call that should not happen ends in a refusal.
type Unused struct{}

// ClientAssertionJWTValid fails: no client authenticates with an assertion here.
func (Unused) ClientAssertionJWTValid(context.Context, string) error { return errUnused }

// SetClientAssertionJWT fails: no client authenticates with an assertion here.
func (Unused) SetClientAssertionJWT(context.Context, string, time.Time) error { return errUnused }

// GetAccessTokenSession fails: access tokens are not looked up through fosite.
func (Unused) GetAccessTokenSession(context.Context, string, oryfosite.Session) (oryfosite.Requester, error) {
	return nil, errUnused
}

// DeleteAccessTokenSession fails: access tokens are not deleted through fosite.
func (Unused) DeleteAccessTokenSession(context.Context, string) error { return errUnused }

// CreateRefreshTokenSession fails: there are no refresh tokens.
func (Unused) CreateRefreshTokenSession(context.Context, string, string, oryfosite.Requester) error {
	return errUnused
}

// GetRefreshTokenSession fails: there are no refresh tokens.
func (Unused) GetRefreshTokenSession(context.Context, string, oryfosite.Session) (oryfosite.Requester, error) {
	return nil, errUnused
}

// DeleteRefreshTokenSession fails: there are no refresh tokens.
func (Unused) DeleteRefreshTokenSession(context.Context, string) error { return errUnused }

// RotateRefreshToken fails: there are no refresh tokens.
func (Unused) RotateRefreshToken(context.Context, string, string) error { return errUnused }

// RevokeRefreshToken fails: there are no refresh tokens.
func (Unused) RevokeRefreshToken(context.Context, string) error { return errUnused }

// RevokeAccessToken fails: access tokens are not revoked through fosite.
func (Unused) RevokeAccessToken(context.Context, string) error { return errUnused }
