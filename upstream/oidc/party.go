package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/regrant/regrant/upstream"
)

// freshness is how far the issue time of an ID token may lie from our clock.
// The token comes straight from the token endpoint, so this only allows for
// clocks that differ.
const freshness = time.Minute

// PartyConfig describes a provider and the gateway's client there.
type PartyConfig struct {
	// URL is where the provider is called, Issuer its name. They differ if it
	// is called on an internal address.
	URL, Issuer string
	// AuthURL is where logins start. Empty: as the provider says.
	AuthURL                string
	ClientID, ClientSecret string
	// Scopes are asked for besides openid, and demanded of the answer.
	Scopes []string
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
	// Clock is the current time. Nil: time.Now.
	Clock func() time.Time
}

// RelyingParty signs people in at an OpenID provider: authorization code, PKCE
// and nonce (OpenID Connect Core, section 3.1). The provider's metadata is
// discovered at the first use and kept.
type RelyingParty struct {
	cfg  PartyConfig
	http *http.Client

	mu       sync.Mutex
	provider *oidc.Provider // nil: not discovered yet
}

// Identity is what a verified ID token says.
type Identity struct {
	Subject  string
	AuthTime time.Time // zero if the provider does not say

	token *oidc.IDToken
}

// Claims decodes further claims of the ID token.
func (i Identity) Claims(into any) error { return i.token.Claims(into) }

// NewRelyingParty returns a relying party that has called nobody yet.
func NewRelyingParty(cfg PartyConfig) *RelyingParty {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &RelyingParty{cfg: cfg, http: upstream.BoundedClient(cfg.HTTPClient)}
}

// LoginURL is where login l starts, with extra parameters; empty if the
// provider cannot be asked where that is.
func (p *RelyingParty) LoginURL(l upstream.Login, extra url.Values) string {
	start := oauth2.Endpoint{AuthURL: p.cfg.AuthURL}
	if start.AuthURL == "" {
		provider, err := p.discover(context.Background())
		if err != nil {
			return ""
		}
		start = provider.Endpoint()
	}
	// Nobody's older login may answer for this one: prompt=login.
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier), oauth2.SetAuthURLParam("prompt", "login"),
	}
	for name := range extra {
		options = append(options, oauth2.SetAuthURLParam(name, extra.Get(name)))
	}
	return p.client(start, l).AuthCodeURL(l.State, options...)
}

// LoginResult redeems the code that came back for l and verifies the ID token.
func (p *RelyingParty) LoginResult(ctx context.Context, code string, l upstream.Login) (Identity, error) {
	provider, err := p.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	token, err := p.client(provider.Endpoint(), l).Exchange(oidc.ClientContext(ctx, p.http), code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return Identity{}, exchangeError(err)
	}
	if err := p.granted(token); err != nil {
		return Identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	verifier := provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Clock})
	id, err := verifier.Verify(oidc.ClientContext(ctx, p.http), raw)
	if err != nil {
		return Identity{}, fmt.Errorf("verifying the ID token: %w: %v", upstream.ErrUnavailable, err)
	}
	return p.appraise(id, l)
}

// appraise checks what makes a genuine ID token the answer to l.
func (p *RelyingParty) appraise(id *oidc.IDToken, l upstream.Login) (Identity, error) {
	var claims struct {
		AuthTime        int64  `json:"auth_time"`
		AuthorizedParty string `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("decoding the ID token: %w: %v", upstream.ErrUnavailable, err)
	}
	switch age := p.cfg.Clock().Sub(id.IssuedAt); {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1 || l.Nonce == "":
		return Identity{}, fmt.Errorf("%w: the ID token answers another login", upstream.ErrRefused)
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != p.cfg.ClientID:
		return Identity{}, fmt.Errorf("%w: the ID token is for another client", upstream.ErrRefused)
	case age < -freshness || age > freshness:
		return Identity{}, fmt.Errorf("%w: the ID token is not fresh", upstream.ErrRefused)
	case id.Subject == "":
		return Identity{}, fmt.Errorf("%w: the ID token names nobody", upstream.ErrRefused)
	}
	identity := Identity{Subject: id.Subject, token: id}
	if claims.AuthTime > 0 {
		identity.AuthTime = time.Unix(claims.AuthTime, 0)
	}
	return identity, nil
}

// discover returns the provider's metadata, asking for it until it came once.
func (p *RelyingParty) discover(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider != nil {
		return p.provider, nil
	}
	// The document is read at the internal address and names the public
	// issuer. The library then compares nothing, so it is done here.
	ctx = oidc.InsecureIssuerURLContext(oidc.ClientContext(ctx, p.http), p.cfg.Issuer)
	provider, err := oidc.NewProvider(ctx, p.cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("discovering %s: %w: %.200v", p.cfg.Issuer, upstream.ErrUnavailable, err)
	}
	var said struct {
		Issuer string `json:"issuer"`
	}
	if err := provider.Claims(&said); err != nil || said.Issuer != p.cfg.Issuer {
		return nil, fmt.Errorf("discovering %s: %w: another issuer answers", p.cfg.Issuer, upstream.ErrUnavailable)
	}
	p.provider = provider
	return provider, nil
}

// client is the gateway's OAuth client for one login. The secret goes into the
// header at the first try: a second one would find the code redeemed.
func (p *RelyingParty) client(endpoint oauth2.Endpoint, l upstream.Login) *oauth2.Config {
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &oauth2.Config{
		ClientID:     p.cfg.ClientID,
		ClientSecret: p.cfg.ClientSecret,
		Endpoint:     endpoint,
		RedirectURL:  l.RedirectURI,
		Scopes:       append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...),
	}
}

// granted checks that no scope asked for was left out.
func (p *RelyingParty) granted(token *oauth2.Token) error {
	scope, _ := token.Extra("scope").(string)
	for _, wanted := range p.cfg.Scopes {
		if !slices.Contains(strings.Fields(scope), wanted) {
			return fmt.Errorf("%w: scope %q was not granted", upstream.ErrUnavailable, wanted)
		}
	}
	return nil
}

// exchangeError tells a code that the provider does not take (RFC 6749,
// section 5.2) from everything else that can go wrong.
func exchangeError(err error) error {
	var refusal *oauth2.RetrieveError
	if errors.As(err, &refusal) && refusal.Response.StatusCode == http.StatusBadRequest && refusal.ErrorCode == "invalid_grant" {
		return fmt.Errorf("redeeming the code: %w", upstream.ErrRefused)
	}
	return fmt.Errorf("redeeming the code: %w: %s", upstream.ErrUnavailable, reason(err))
}

// reason is what may be logged of an error of the token endpoint: the answer's
// body stays out of it.
func reason(err error) string {
	var refusal *oauth2.RetrieveError
	if errors.As(err, &refusal) {
		return refusal.Response.Status
	}
	return err.Error()
}
