package grant

import (
	"context"
	"errors"
	"time"
)

// A token is one of the two kinds that this server issues, found by what was presented.
type token struct {
	name                  TokenName
	kind                  string // as introspection calls it
	clientID, subject     string
	scope                 string
	issuedAt, expiresAt   time.Time
	thumbprint, x5tSHA256 string
}

// Kinds of tokens (RFC 7662 §2.2; RFC 8693 §2.2.1 for what is no access token).
const (
	kindAccess   = "DPoP"
	kindRecovery = "N_A"
)

// identify finds what a presented token is, whoever presents it. ErrInvalid: it is none that lives. Whether its recovery
// lives too is for [Recoveries.Standing] to say.
func (s *Server) identify(ctx context.Context, presented string) (token, error) {
	if recovery, err := s.Verify(presented); err == nil {
		return token{
			name: TokenName{Txn: recovery.Txn, JTI: recovery.JTI}, kind: kindRecovery,
			clientID: recovery.ClientID, subject: recovery.Subject, scope: recovery.Scope,
			issuedAt: recovery.IssuedAt, expiresAt: recovery.ExpiresAt,
			thumbprint: recovery.Thumbprint, x5tSHA256: recovery.CertificateSHA256,
		}, nil
	} else if !errors.Is(err, ErrInvalid) {
		return token{}, err
	}
	access, err := s.accessToken(ctx, presented)
	if err != nil {
		return token{}, err
	}
	return token{
		name: TokenName{Txn: access.Txn, Signature: access.Signature}, kind: kindAccess,
		clientID: access.ClientID, subject: access.Subject, scope: access.Scope,
		issuedAt: access.IssuedAt, expiresAt: access.ExpiresAt,
		thumbprint: access.Thumbprint, x5tSHA256: access.CertificateSHA256,
	}, nil
}
