package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	oryfosite "github.com/ory/fosite"
	orycompose "github.com/ory/fosite/compose"

	"github.com/regrant/regrant/fosite/internal/oauth"
	"github.com/regrant/regrant/fosite/recoverytoken"
)

// A Response is the success of the token endpoint (RFC 6749 §5.1). There is never a refresh token.
type Response struct {
	AccessToken string
	TokenType   string // DPoP (RFC 9449 §5)
	Scope       string
	ExpiresIn   int // seconds
}

// Exchange answers a request to the token endpoint: it redeems a recovery token for an access token (RFC 7521 §4.1,
// RFC 7523 §2.1). r has not been parsed yet. thumbprint is the key of the DPoP proof that the caller verified for this
// request; it is empty if there was none.
//
// Every error is an [*Error] or wraps [ErrUnavailable]. Until [Recoveries.Redeem] has committed, nothing has happened:
// a request that could not be answered may be repeated.
func (s *Server) Exchange(ctx context.Context, r *http.Request, thumbprint string) (Response, error) {
	form, err := readForm(r)
	if err != nil {
		return Response{}, err
	}
	client, err := s.authenticate(r, form)
	if err != nil {
		return Response{}, err
	}
	if thumbprint == "" {
		return Response{}, &Error{Status: http.StatusBadRequest, Code: "invalid_dpop_proof", Description: "a DPoP proof is needed"}
	}
	recovery, err := s.Verify(form.Get("assertion"))
	if err != nil {
		return Response{}, oauth.InvalidGrant().Because(err)
	}
	// Without these two a stolen token could be redeemed by whoever holds it.
	if recovery.ClientID != client.ID {
		return Response{}, oauth.InvalidGrant().Because(invalid("client_id is another client"))
	}
	if recovery.Thumbprint != thumbprint {
		return Response{}, oauth.InvalidGrant().Because(invalid("cnf is another DPoP key"))
	}
	return s.redeem(ctx, client, form, recovery)
}

// readForm reads the parameters and demands those of RFC 7523 §2.1. Authentication comes later, so that what is
// malformed is told apart from what is refused.
func readForm(r *http.Request) (url.Values, error) {
	form, err := oauth.ReadForm(r)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"grant_type", "assertion", "client_id"} {
		if !form.Has(name) {
			return nil, oauth.InvalidRequest(name + " is missing")
		}
	}
	if form.Get("grant_type") != GrantType {
		return nil, oauth.UnsupportedGrantType()
	}
	if form.Has("scope") && form.Get("scope") != ScopeComplete {
		return nil, oauth.InvalidScope()
	}
	return form, nil
}

// authenticate finds the public client that the request names. A public client that shows credentials is not what it
// says, or sends a secret where nobody will check it (RFC 6749 §2.3): refused.
func (s *Server) authenticate(r *http.Request, form url.Values) (*oryfosite.DefaultClient, error) {
	if len(r.Header.Values("Authorization")) > 0 {
		return nil, oauth.InvalidClient()
	}
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		if form.Has(name) {
			return nil, oauth.InvalidClient()
		}
	}
	client, ok := s.clients[form.Get("client_id")]
	if !ok {
		return nil, oauth.InvalidClient()
	}
	if !client.GetGrantTypes().Has(GrantType) {
		return nil, &Error{Status: http.StatusBadRequest, Code: "unauthorized_client", Description: "the client may not use this grant"}
	}
	return client, nil
}

// redeem lets fosite judge the assertion once more and make the access token, then commits what it wrote.
func (s *Server) redeem(ctx context.Context, client *oryfosite.DefaultClient, form url.Values, recovery Recovery) (Response, error) {
	writes := &buffer{server: s, client: client}
	provider := s.provider(writes)
	parameters := oauth.Pick(form, "grant_type", "assertion", "client_id")
	parameters.Set("scope", ScopeComplete) // fosite grants what is asked for, not what the assertion says
	request, err := provider.NewAccessRequest(ctx, oauth.Request(http.MethodPost, parameters), &oryfosite.DefaultSession{})
	if err != nil {
		return Response{}, oauth.FromFosite(err)
	}
	response, err := provider.NewAccessResponse(ctx, request)
	if err != nil {
		return Response{}, oauth.FromFosite(err)
	}
	redemption := Redemption{
		Txn: recovery.Txn, JTI: writes.jti, ClientID: client.ID, Thumbprint: recovery.Thumbprint,
		AccessToken: AccessToken{
			Signature: writes.signature, Txn: recovery.Txn, ClientID: client.ID, Thumbprint: recovery.Thumbprint,
			Scope: ScopeComplete, Subject: recovery.Subject, ExpiresAt: s.clock().Add(AccessTokenLifetime),
		},
	}
	if err := oauth.Redeemed(s.recoveries.Redeem(ctx, redemption)); err != nil {
		return Response{}, err
	}
	return Response{
		AccessToken: response.GetAccessToken(), TokenType: "DPoP",
		Scope: ScopeComplete, ExpiresIn: int(AccessTokenLifetime / time.Second),
	}, nil
}

// Authorize returns what an access token stands for, if it is one of this server, still lives, and is presented with the
// DPoP key that it is bound to. thumbprint is that of the proof that the caller verified, with ath. The error is
// [ErrInvalid] for whatever the token's bearer could have done wrong, else wraps [ErrUnavailable].
func (s *Server) Authorize(ctx context.Context, token, thumbprint string) (AccessToken, error) {
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
	case thumbprint == "" || stored.Thumbprint != thumbprint:
		return AccessToken{}, invalid("access token is bound to another DPoP key")
	case !s.clock().Before(stored.ExpiresAt):
		return AccessToken{}, invalid("access token has expired")
	}
	return stored, nil
}

func (s *Server) fositeConfig(secret []byte) oryfosite.Config {
	return oryfosite.Config{
		GlobalSecret:                  secret,
		TokenURL:                      s.tokenURL,
		AccessTokenLifespan:           AccessTokenLifetime,
		GrantTypeJWTBearerMaxDuration: recoverytoken.MaxAge, // fosite's default is 24 h
		ScopeStrategy:                 oryfosite.ExactScopeStrategy,
		AudienceMatchingStrategy:      oryfosite.ExactAudienceMatchingStrategy,
	}
}

// provider composes fosite around the buffer of one request, for the client that has been authenticated.
func (s *Server) provider(writes *buffer) oryfosite.OAuth2Provider {
	config := s.fosite
	config.ClientAuthenticationStrategy = func(context.Context, *http.Request, url.Values) (oryfosite.Client, error) {
		return writes.client, nil
	}
	return orycompose.Compose(&config, writes, s.tokens, orycompose.RFC7523AssertionGrantFactory)
}
