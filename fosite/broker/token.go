package broker

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	oryopenid "github.com/ory/fosite/handler/openid"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// A Response is the success of the token endpoint (OpenID Connect Core §3.1.3.3).
type Response struct {
	AccessToken string // opens nothing
	IDToken     string
	TokenType   string // Bearer
	ExpiresIn   int    // seconds
	Scope       string
}

// Token answers a request to the token endpoint: it redeems a code for an ID token. r has not been parsed yet. Every
// error is an [*Error] or wraps [ErrUnavailable]. A wrong request does not consume the code.
func (s *Server) Token(ctx context.Context, r *http.Request) (Response, error) {
	form, err := readForm(r)
	if err != nil {
		return Response{}, err
	}
	if err := s.authenticate(r, form); err != nil {
		return Response{}, err
	}
	if form.Get("grant_type") != grantType {
		return Response{}, oauth.UnsupportedGrantType()
	}
	for _, name := range []string{"code", "redirect_uri", "code_verifier"} {
		if !form.Has(name) {
			return Response{}, oauth.InvalidRequest(name + " is missing")
		}
	}
	signature, ok := s.codes.Signature(ctx, form.Get("code"))
	if !ok {
		return Response{}, oauth.InvalidGrant().Because(errors.New("not a code of this server"))
	}
	code, err := s.find(ctx, signature)
	if err != nil {
		return Response{}, err
	}
	return s.redeem(ctx, form, code)
}

func readForm(r *http.Request) (url.Values, error) {
	form, err := oauth.ReadForm(r)
	if err != nil {
		return nil, err
	}
	if !form.Has("grant_type") {
		return nil, oauth.InvalidRequest("grant_type is missing")
	}
	return form, nil
}

// authenticate demands the client's secret, either in the Authorization header or in the body (RFC 6749 §2.3.1).
//
// The secret has 256 random bits, made by a machine: nobody can guess it, so a slow password hash would only slow the
// endpoint down. Both sides are hashed to one length and compared in constant time, also for an unknown client.
func (s *Server) authenticate(r *http.Request, form url.Values) error {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if form.Has("client_assertion") || form.Has("client_assertion_type") {
		return oauth.InvalidClient()
	}
	if len(r.Header.Values("Authorization")) > 0 {
		if secret != "" {
			return oauth.InvalidRequest("the client authenticates in two ways")
		}
		basicID, basicSecret, ok := oauth.BasicAuth(r)
		if !ok || id != "" && id != basicID {
			return oauth.InvalidClient()
		}
		id, secret = basicID, basicSecret
	}
	sent, registered := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(s.secret))
	if subtle.ConstantTimeCompare(sent[:], registered[:]) != 1 || id != s.client.ID {
		return oauth.InvalidClient()
	}
	return nil
}

// find returns what the code stands for, while it lives.
func (s *Server) find(ctx context.Context, signature string) (Code, error) {
	code, err := s.logins.Code(ctx, signature)
	switch {
	case errors.Is(err, ErrSpent):
		return Code{}, oauth.InvalidGrant().Because(err)
	case err != nil:
		return Code{}, fmt.Errorf("%w: reading a code: %v", ErrUnavailable, err)
	case code.Signature != signature || !s.clock().Before(code.ExpiresAt):
		return Code{}, oauth.InvalidGrant().Because(errors.New("the code has expired"))
	}
	return code, nil
}

// redeem lets fosite check client, redirect URI and PKCE and make the tokens, then consumes the code. Only whoever
// consumed it gets them.
func (s *Server) redeem(ctx context.Context, form url.Values, code Code) (Response, error) {
	stored, err := s.restore(code)
	if err != nil {
		return Response{}, err
	}
	provider := s.provider(&buffer{stored: stored})
	parameters := oauth.Pick(form, "grant_type", "code", "redirect_uri", "code_verifier")
	request, err := provider.NewAccessRequest(ctx, oauth.Request(http.MethodPost, parameters), &oryopenid.DefaultSession{})
	if err != nil {
		return Response{}, oauth.FromFosite(err)
	}
	response, err := provider.NewAccessResponse(ctx, request)
	if err != nil {
		return Response{}, oauth.FromFosite(err)
	}
	idToken, ok := response.GetExtra("id_token").(string)
	if !ok {
		return Response{}, fmt.Errorf("%w: no ID token was made", ErrUnavailable)
	}
	if err := oauth.Redeemed(s.logins.Redeem(ctx, code.Signature)); err != nil {
		return Response{}, err
	}
	return Response{
		AccessToken: response.GetAccessToken(), IDToken: idToken, TokenType: "Bearer",
		ExpiresIn: int(accessTokenLifetime / time.Second), Scope: scopeOpenID,
	}, nil
}
