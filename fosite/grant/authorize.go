package grant

import (
	"context"
	"errors"
	"fmt"
)

// Authorize returns what an access token stands for, if it is one of this server, still lives, and comes from the holder
// of what it is bound to: thumbprint is that of the DPoP proof that the caller verified, with ath, and certificate the
// [CertificateSHA256] of the connection. The error is [ErrInvalid] for whatever the token's bearer could have done wrong,
// else wraps [ErrUnavailable].
func (s *Server) Authorize(ctx context.Context, token, thumbprint, certificate string) (AccessToken, error) {
	stored, err := s.accessToken(ctx, token)
	switch {
	case err != nil:
		return AccessToken{}, err
	case thumbprint == "" || stored.Thumbprint != thumbprint:
		return AccessToken{}, invalid("access token is bound to another DPoP key")
	case stored.CertificateSHA256 != "" && stored.CertificateSHA256 != certificate:
		return AccessToken{}, invalid("access token is bound to another certificate")
	}
	return stored, nil
}

// accessToken finds a living access token of this server, whoever brings it.
func (s *Server) accessToken(ctx context.Context, token string) (AccessToken, error) {
	signature, ok := s.tokens.Signature(ctx, token)
	if !ok {
		return AccessToken{}, invalid("not an access token of this server")
	}
	stored, err := s.recoveries.AccessToken(ctx, signature)
	switch {
	case errors.Is(err, ErrSpent):
		return AccessToken{}, invalid("access token is unknown or expired")
	case err != nil:
		return AccessToken{}, fmt.Errorf("%w: reading an access token: %v", ErrUnavailable, err)
	case stored.Signature != signature || stored.Scope != ScopeComplete:
		return AccessToken{}, invalid("record is not of this access token")
	case !s.clock().Before(stored.ExpiresAt):
		return AccessToken{}, invalid("access token has expired")
	}
	return stored, nil
}
