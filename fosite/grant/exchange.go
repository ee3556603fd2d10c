package grant

import (
	"context"
	"errors"
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
// RFC 7523 §2.1). r has not been parsed yet. proof is the DPoP proof that the caller verified for this request, if there
// was one.
//
// Every error is an [*Error] or wraps [ErrUnavailable]. Until [Recoveries.Redeem] has committed, nothing has happened:
// a request that could not be answered may be repeated. A request that was refused has used its client assertion up.
func (s *Server) Exchange(ctx context.Context, r *http.Request, proof Proof) (Response, error) {
	form, err := readForm(r)
	if err != nil {
		return Response{}, err
	}
	client, err := s.authenticate(r, form)
	if err != nil {
		return Response{}, err
	}
	response, err := s.exchange(ctx, form, client, proof)
	if _, refused := errors.AsType[*Error](err); refused {
		if err := s.useUp(ctx, client); err != nil {
			return Response{}, err
		}
	}
	return response, err
}

// readForm reads the parameters and demands those of RFC 7523 §2.1. Authentication comes later, so that what is
// malformed is told apart from what is refused.
func readForm(r *http.Request) (url.Values, error) {
	form, err := oauth.ReadForm(r)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"grant_type", "assertion"} {
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

// exchange judges the assertion for the client and the holder that brought it.
func (s *Server) exchange(ctx context.Context, form url.Values, client authenticated, proof Proof) (Response, error) {
	if !client.fosite.GetGrantTypes().Has(GrantType) {
		return Response{}, oauth.UnauthorizedClient()
	}
	// A client that proved itself says who may redeem; the key says for whom. Both are asked of every client, since a
	// recovery belongs to whoever started it.
	if proof.Thumbprint == "" {
		return Response{}, oauth.InvalidProof("a DPoP proof is needed")
	}
	if s.ownerOf(proof.Thumbprint) != "" {
		return Response{}, oauth.InvalidProof("the DPoP key has another purpose")
	}
	recovery, err := s.Verify(form.Get("assertion"))
	if err != nil {
		return Response{}, oauth.InvalidGrant().Because(err)
	}
	// Without these two a stolen token could be redeemed by whoever holds it.
	if recovery.ClientID != client.ID {
		return Response{}, oauth.InvalidGrant().Because(invalid("client_id is another client"))
	}
	if recovery.Thumbprint != proof.Thumbprint {
		return Response{}, oauth.InvalidGrant().Because(invalid("cnf is another DPoP key"))
	}
	return s.redeem(ctx, client, form, recovery, proof)
}

// redeem lets fosite judge the assertion once more and make the access token, then commits what it wrote.
func (s *Server) redeem(ctx context.Context, client authenticated, form url.Values, recovery Recovery, proof Proof) (Response, error) {
	writes := &buffer{issuer: s.issuer, keys: s.keys.Now().Public(), client: client.fosite}
	provider := s.provider(writes)
	parameters := oauth.Pick(form, "grant_type", "assertion")
	parameters.Set("client_id", client.ID)
	parameters.Set("scope", ScopeComplete) // fosite grants what is asked for, not what the assertion says
	request, err := provider.NewAccessRequest(ctx, oauth.Request(http.MethodPost, parameters), &oryfosite.DefaultSession{})
	if err != nil {
		return Response{}, oauth.FromFosite(err)
	}
	response, err := provider.NewAccessResponse(ctx, request)
	if err != nil {
		return Response{}, oauth.FromFosite(err)
	}
	now := s.clock()
	redemption := Redemption{
		Txn: recovery.Txn, JTI: writes.jti, ClientID: client.ID, Thumbprint: proof.Thumbprint,
		Proof: proof.ID, Assertion: client.assertion,
		AccessToken: AccessToken{
			Signature: writes.signature, Txn: recovery.Txn, ClientID: client.ID, Subject: recovery.Subject, Scope: ScopeComplete,
			Thumbprint: proof.Thumbprint, CertificateSHA256: client.certificate,
			IssuedAt: now, ExpiresAt: now.Add(AccessTokenLifetime),
		},
	}
	if err := settle(s.recoveries.Redeem(ctx, redemption)); err != nil {
		return Response{}, err
	}
	return Response{
		AccessToken: response.GetAccessToken(), TokenType: "DPoP",
		Scope: ScopeComplete, ExpiresIn: int(AccessTokenLifetime / time.Second),
	}, nil
}

// settle turns what the store says of a token, a proof and an assertion into an endpoint's answer.
func settle(err error) error {
	switch {
	case errors.Is(err, ErrProofUsed):
		return oauth.InvalidProof("the DPoP proof was used").Because(err)
	case errors.Is(err, ErrAssertionUsed):
		return oauth.InvalidClient().Because(err)
	}
	return oauth.Redeemed(err)
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
