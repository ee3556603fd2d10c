package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	oryfosite "github.com/ory/fosite"
	orycompose "github.com/ory/fosite/compose"
	oryoauth2 "github.com/ory/fosite/handler/oauth2"
	oryopenid "github.com/ory/fosite/handler/openid"
	orypkce "github.com/ory/fosite/handler/pkce"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

// record is the content of [Code.Session].
type record struct {
	Form  url.Values `json:"form"` // the parameters of the authorization request that fosite checks again
	Login Login      `json:"login"`
}

// buffer is fosite's store for one request. While a code is issued it collects what fosite writes, for [Logins.Issue];
// while one is redeemed it answers with what [Logins.Code] returned, and [Logins.Redeem] consumes it afterwards.
// fosite keeps three views of one authorization request, one a handler; here they are one.
type buffer struct {
	oauth.Unused
	client    *oryfosite.DefaultClient
	signature string
	form      url.Values         // issuing: what fosite wants to see again
	stored    *oryfosite.Request // redeeming: what the code stands for
}

var (
	_ oryfosite.Storage                     = (*buffer)(nil)
	_ oryoauth2.CoreStorage                 = (*buffer)(nil)
	_ oryoauth2.TokenRevocationStorage      = (*buffer)(nil)
	_ oryopenid.OpenIDConnectRequestStorage = (*buffer)(nil)
	_ orypkce.PKCERequestStorage            = (*buffer)(nil)
)

// provider composes fosite around the buffer of one request. The token endpoint has authenticated the client before.
func (s *Server) provider(b *buffer) oryfosite.OAuth2Provider {
	b.client = s.client
	config := s.fosite
	config.ClientAuthenticationStrategy = func(context.Context, *http.Request, url.Values) (oryfosite.Client, error) {
		return s.client, nil
	}
	return orycompose.Compose(&config, b, s.strategy,
		orycompose.OAuth2AuthorizeExplicitFactory,
		orycompose.OpenIDConnectExplicitFactory, // needs the code of the one before
		orycompose.OAuth2PKCEFactory,
	)
}

// code returns what was collected, ready to be stored.
func (b *buffer) code(login Login, expires time.Time) (Code, error) {
	session, err := json.Marshal(record{Form: b.form, Login: login})
	if err != nil {
		return Code{}, fmt.Errorf("%w: encoding a login: %v", ErrUnavailable, err)
	}
	return Code{Signature: b.signature, Txn: login.Txn, Lease: login.Lease, Session: session, ExpiresAt: expires}, nil
}

// restore makes fosite's request from what was stored.
func (s *Server) restore(c Code) (*oryfosite.Request, error) {
	var r record
	if err := json.Unmarshal(c.Session, &r); err != nil {
		return nil, fmt.Errorf("%w: decoding a login: %v", ErrUnavailable, err)
	}
	return &oryfosite.Request{
		ID: c.Txn, RequestedAt: s.clock(), Client: s.client, Form: r.Form,
		RequestedScope: oryfosite.Arguments{scopeOpenID}, GrantedScope: oryfosite.Arguments{scopeOpenID},
		Session: newSession(r.Login, c.ExpiresAt),
	}, nil
}

func (b *buffer) GetClient(_ context.Context, id string) (oryfosite.Client, error) {
	if id != b.client.ID {
		return nil, oryfosite.ErrNotFound
	}
	return b.client, nil
}

func (b *buffer) collect(r oryfosite.Requester) error {
	if b.form == nil {
		b.form = url.Values{}
	}
	maps.Copy(b.form, r.GetRequestForm())
	return nil
}

func (b *buffer) CreateAuthorizeCodeSession(_ context.Context, signature string, r oryfosite.Requester) error {
	b.signature = signature
	return b.collect(r)
}

func (b *buffer) CreatePKCERequestSession(_ context.Context, _ string, r oryfosite.Requester) error {
	return b.collect(r)
}

func (b *buffer) CreateOpenIDConnectSession(_ context.Context, _ string, r oryfosite.Requester) error {
	return b.collect(r)
}

func (b *buffer) get() (oryfosite.Requester, error) {
	if b.stored == nil {
		return nil, oryfosite.ErrNotFound
	}
	return b.stored, nil
}

func (b *buffer) GetAuthorizeCodeSession(context.Context, string, oryfosite.Session) (oryfosite.Requester, error) {
	return b.get()
}

func (b *buffer) GetPKCERequestSession(context.Context, string, oryfosite.Session) (oryfosite.Requester, error) {
	return b.get()
}

func (b *buffer) GetOpenIDConnectSession(context.Context, string, oryfosite.Requester) (oryfosite.Requester, error) {
	return b.get()
}

// The three views of a code go together, when [Logins.Redeem] consumes it; fosite's single steps have nothing to do.

func (b *buffer) InvalidateAuthorizeCodeSession(context.Context, string) error { return nil }
func (b *buffer) DeletePKCERequestSession(context.Context, string) error       { return nil }
func (b *buffer) DeleteOpenIDConnectSession(context.Context, string) error     { return nil }

// CreateAccessTokenSession keeps nothing: the access token is there because OpenID Connect wants one, and opens nothing.
func (b *buffer) CreateAccessTokenSession(context.Context, string, oryfosite.Requester) error {
	return nil
}
