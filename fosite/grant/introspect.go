package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// An Introspection is what a client may know of its token (RFC 7662 §2.2). The zero value is a token that is not active,
// and says nothing else.
type Introspection struct {
	Active    bool
	ClientID  string
	Subject   string // stable identifier of the account at the upstream
	Txn       string // the recovery
	Scope     string
	TokenType string // DPoP, or N_A for a recovery token, which opens nothing by itself
	IssuedAt  time.Time
	ExpiresAt time.Time
	// Thumbprint and CertificateSHA256 are the members jkt and x5t#S256 of cnf; either may be empty.
	Thumbprint        string
	CertificateSHA256 string
}

// Introspect answers a request to the introspection endpoint. r has not been parsed yet. Only a client that proved itself
// is answered, and only about its own tokens: of another's it learns no more than of a random text (RFC 7662 §4). Every
// error is an [*Error] or wraps [ErrUnavailable].
func (s *Server) Introspect(ctx context.Context, r *http.Request) (Introspection, error) {
	form, err := readTokenForm(r)
	if err != nil {
		return Introspection{}, err
	}
	client, err := s.authenticate(r, form)
	if err != nil {
		return Introspection{}, err
	}
	if !client.confidential() {
		return Introspection{}, oauth.InvalidClient().Because(errors.New("a public client introspects"))
	}
	if err := s.useUp(ctx, client); err != nil {
		return Introspection{}, err
	}
	t, err := s.identify(ctx, form.Get("token"))
	if err == nil && t.clientID == client.ID {
		err = s.recoveries.Standing(ctx, t.name)
	}
	switch {
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrSpent), err == nil && t.clientID != client.ID:
		return Introspection{}, nil
	case err != nil:
		return Introspection{}, fmt.Errorf("%w: introspecting a token: %v", ErrUnavailable, err)
	}
	return Introspection{
		Active: true, ClientID: t.clientID, Subject: t.subject, Txn: t.name.Txn, Scope: t.scope, TokenType: t.kind,
		IssuedAt: t.issuedAt, ExpiresAt: t.expiresAt, Thumbprint: t.thumbprint, CertificateSHA256: t.x5tSHA256,
	}, nil
}

// readTokenForm reads a request about a token (RFC 7009 §2.1, RFC 7662 §2.1). A hint of the token's type is not needed,
// since the two types look different.
func readTokenForm(r *http.Request) (url.Values, error) {
	form, err := oauth.ReadForm(r)
	if err == nil && !form.Has("token") {
		err = oauth.InvalidRequest("token is missing")
	}
	return form, err
}
