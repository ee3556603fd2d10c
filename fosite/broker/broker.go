// Package broker is the small OpenID provider to which an identity provider hands a login that is a recovery.
//
// The identity provider (Keycloak) is its one client. It sends a browser to the authorization endpoint
// ([Server.ParseAuthorize]); the recovery runs in our own pages, however long that takes; then the browser goes back
// with a code ([Server.Answer]) or without one ([Server.Cancel]), and the identity provider redeems the code for an
// ID token ([Server.Token]) and signs the person in. Only the code flow of OpenID Connect Core 1.0 §3.1 with PKCE S256
// (RFC 7636) exists; there is no user info, no refresh token, and the access token opens nothing. For a program, which has no
// browser, the identity provider takes an assertion of the same issuer ([Server.Assertion]).
//
// The protocol runs on fosite. It writes into a buffer of one request, which reaches [Logins] in one call, so that
// issuing a code is part of the move of the recovery. Keys, secrets, client and issuer are apart from those of the
// grant server.
package broker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	oryfosite "github.com/ory/fosite"
	orycompose "github.com/ory/fosite/compose"
	oryjwt "github.com/ory/fosite/token/jwt"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

const (
	// CodeLifetime is how long a code may be redeemed.
	CodeLifetime = 60 * time.Second
	// IDTokenLifetime is how long an ID token is good.
	IDTokenLifetime = 60 * time.Second

	accessTokenLifetime = IDTokenLifetime

	scopeOpenID  = "openid"
	grantType    = "authorization_code"
	minParameter = 8  // characters of state and nonce, so that they cannot be guessed
	minSecret    = 32 // characters of the client's secret
)

// A Key signs ID tokens (ES256, P-256); its ID is the RFC 7638 thumbprint.
type Key = oauth.Key

// An Error is a refusal (RFC 6749 §4.1.2.1 and §5.2). At the authorization endpoint its Redirect is set where the error
// is to be reported to the client, and empty where the browser must not be sent anywhere.
type Error = oauth.Error

var (
	// ErrSpent says that a recovery has had its code, or that a code opens nothing (any more).
	ErrSpent = oauth.ErrSpent
	// ErrUnavailable says that the question could not be answered. It is never a refusal and never a grant.
	ErrUnavailable = oauth.ErrUnavailable
)

// Config describes one provider. Every field without a default is needed.
type Config struct {
	Issuer string // {issuer}/oidc: https, without query, fragment and trailing slash
	Client Client
	// Audience is the issuer of the identity provider, to which assertions are addressed. Empty: none can be made.
	Audience string
	Keys     func() []Key     // asked for each request; the first signs, all are published
	Secret   []byte           // 32 bytes, for codes
	Clock    func() time.Time // default: time.Now. fosite reads the system's clock too; both must agree to a few seconds
	Logins   Logins
}

// A Client is the identity provider that brokers to us.
type Client struct {
	ID           string
	Secret       string   // made by a machine: at least 32 characters
	RedirectURIs []string // compared as strings
}

// Logins keeps the codes. Implementations are safe for concurrent use.
type Logins interface {
	// Issue stores a code, in the transaction in which the recovery c.Txn reaches its login, if c.Lease is still the
	// one under which that goes on; [ErrSpent] if that recovery has had its code or cannot get one any more. Any other
	// error means that nobody can tell.
	Issue(ctx context.Context, c Code) error
	// Code returns what Issue stored under signature; [ErrSpent] if it is unknown, redeemed or expired.
	Code(ctx context.Context, signature string) (Code, error)
	// Redeem consumes the code: of any number of calls, on any number of nodes, exactly one returns nil and the others
	// [ErrSpent]. Any other error means that nobody can tell.
	Redeem(ctx context.Context, signature string) error
}

// A Code is what an authorization code stands for. The code itself is never stored.
type Code struct {
	Signature string // the key to store it under; reveals nothing of the code
	Txn       string // the recovery
	Lease     string `json:"-"` // that of the login
	Session   []byte // what the server needs to redeem it; opaque
	ExpiresAt time.Time
}

// A Login is what an ID token says of a recovery, and under which lease of it, which no ID token says.
type Login struct {
	Subject  string    `json:"sub"` // under which the identity provider knows the account for this one login
	Txn      string    `json:"txn"` // the recovery
	AuthTime time.Time `json:"auth_time"`
	ACR      string    `json:"acr"`
	AMR      []string  `json:"amr"`
	Lease    string    `json:"-"`
}

// A Server is the provider of one issuer. It is safe for concurrent use.
type Server struct {
	issuer    string
	audience  string
	client    *oryfosite.DefaultClient
	secret    string
	keys      *oauth.KeySource
	clock     func() time.Time
	logins    Logins
	fosite    oryfosite.Config // copied for every request; see provider
	codes     oauth.Opaque
	strategy  orycompose.CommonStrategy
	discovery []byte
}

// New checks the configuration and returns the server. It opens and calls nothing.
func New(c Config) (*Server, error) {
	for _, err := range []error{oauth.CheckIssuer(c.Issuer), c.Client.check(), c.checkAudience()} {
		if err != nil {
			return nil, err
		}
	}
	keys, err := oauth.NewKeySource(c.Keys)
	if err != nil {
		return nil, err
	}
	if len(c.Secret) != oauth.SecretBytes {
		return nil, fmt.Errorf("secret has %d bytes, not %d", len(c.Secret), oauth.SecretBytes)
	}
	if c.Logins == nil {
		return nil, errors.New("no store of logins")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	s := &Server{
		issuer: c.Issuer, audience: c.Audience, client: c.Client.registered(), secret: c.Client.Secret, keys: keys, clock: c.Clock, logins: c.Logins,
	}
	s.fosite = s.fositeConfig(slices.Clone(c.Secret))
	s.codes = oauth.NewOpaque(&s.fosite)
	s.strategy = orycompose.CommonStrategy{
		CoreStrategy:               s.codes,
		OpenIDConnectTokenStrategy: idTokens{issuer: c.Issuer, keys: keys, clock: c.Clock},
		Signer:                     &oryjwt.DefaultSigner{GetPrivateKey: func(context.Context) (any, error) { return keys.Now().Signer() }},
	}
	if err := s.describe(); err != nil {
		return nil, err
	}
	return s, nil
}

func (c Client) check() error {
	if c.ID == "" || len(c.Secret) < minSecret {
		return fmt.Errorf("client %q has no identifier or a secret of less than %d characters", c.ID, minSecret)
	}
	if len(c.RedirectURIs) == 0 {
		return fmt.Errorf("client %q has no redirect URI", c.ID)
	}
	for _, uri := range c.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil || u.Host == "" || u.Fragment != "" || !oryfosite.IsRedirectURISecureStrict(context.Background(), u) {
			return fmt.Errorf("redirect URI %q is not absolute, has a fragment, or is neither https nor of this machine", uri)
		}
	}
	return nil
}

func (c Client) registered() *oryfosite.DefaultClient {
	return &oryfosite.DefaultClient{
		ID: c.ID, RedirectURIs: slices.Clone(c.RedirectURIs),
		GrantTypes: []string{grantType}, ResponseTypes: []string{"code"}, Scopes: []string{scopeOpenID},
	}
}

func (s *Server) fositeConfig(secret []byte) oryfosite.Config {
	return oryfosite.Config{
		GlobalSecret:             secret,
		IDTokenIssuer:            s.issuer,
		TokenURL:                 s.issuer + "/token",
		AuthorizeCodeLifespan:    CodeLifetime,
		IDTokenLifespan:          IDTokenLifetime,
		AccessTokenLifespan:      accessTokenLifetime,
		EnforcePKCE:              true,
		MinParameterEntropy:      minParameter,
		OmitRedirectScopeParam:   true,
		ScopeStrategy:            oryfosite.ExactScopeStrategy,
		AudienceMatchingStrategy: oryfosite.ExactAudienceMatchingStrategy,
	}
}
