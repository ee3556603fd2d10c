package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/regrant/regrant/upstream"
)

const (
	// freshness is how far the issue time of an ID token may lie from our
	// clock. The token comes straight from the token endpoint, so this only
	// allows for clocks that differ.
	freshness = time.Minute
	// maxAge is how long ago a person may have been authenticated. A recovery
	// is exempt: it was the authentication, and may have begun earlier.
	maxAge = 5 * time.Minute
)

// PartyConfig describes a provider and the gateway's client there.
type PartyConfig struct {
	// URL is where the provider is called, Issuer its name. They differ if it
	// is called on an internal address.
	URL, Issuer string
	// AuthURL is where logins start. Empty: as the provider says.
	AuthURL                string
	ClientID, ClientSecret string
	// HTTPClient makes the calls. Nil: the default one.
	HTTPClient *http.Client
	// Clock is the current time. Nil: time.Now.
	Clock func() time.Time
}

// RelyingParty signs people in at an OpenID provider: authorization code, PKCE
// and nonce (OpenID Connect Core, section 3.1). The provider's metadata is
// discovered at the first use and kept.
type RelyingParty struct {
	cfg       PartyConfig
	http      *http.Client
	discovery discovery
}

// NewRelyingParty returns a relying party that has called nobody yet.
func NewRelyingParty(cfg PartyConfig) *RelyingParty {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	client := upstream.BoundedClient(cfg.HTTPClient)
	return &RelyingParty{cfg: cfg, http: client, discovery: discovery{url: cfg.URL, issuer: cfg.Issuer, http: client, now: cfg.Clock}}
}

// LoginURL is where login l starts, with extra parameters.
func (p *RelyingParty) LoginURL(ctx context.Context, l upstream.Login, extra url.Values) (string, error) {
	start := oauth2.Endpoint{AuthURL: p.cfg.AuthURL}
	if start.AuthURL == "" {
		provider, err := p.discovery.provider(ctx)
		if err != nil {
			return "", err
		}
		start = provider.Endpoint()
	}
	// Nobody's older login may answer for this one: prompt=login. Who changes
	// that on the way is found out by the time of the authentication, which
	// max_age makes the provider tell.
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier), oauth2.SetAuthURLParam("prompt", "login"),
	}
	if !l.Recovery {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(maxAge/time.Second))))
	}
	for name := range extra {
		options = append(options, oauth2.SetAuthURLParam(name, extra.Get(name)))
	}
	return p.client(start, l).AuthCodeURL(l.State, options...), nil
}

// LoginResult redeems the code that came back for l and verifies the ID token.
func (p *RelyingParty) LoginResult(ctx context.Context, code string, l upstream.Login) (upstream.Principal, error) {
	provider, err := p.discovery.provider(ctx)
	if err != nil {
		return upstream.Principal{}, err
	}
	token, err := p.client(provider.Endpoint(), l).Exchange(oidc.ClientContext(ctx, p.http), code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return upstream.Principal{}, exchangeError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	verifier := provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Clock})
	id, err := verifier.Verify(oidc.ClientContext(ctx, p.http), raw)
	if err != nil {
		return upstream.Principal{}, fmt.Errorf("verifying the ID token: %w: %v", upstream.ErrUnavailable, err)
	}
	return p.appraise(id, l)
}

// appraise checks what makes a genuine ID token the answer to l.
func (p *RelyingParty) appraise(id *oidc.IDToken, l upstream.Login) (upstream.Principal, error) {
	var claims struct {
		AuthTime        int64  `json:"auth_time"`
		AuthorizedParty string `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil {
		return upstream.Principal{}, fmt.Errorf("decoding the ID token: %w: %v", upstream.ErrUnavailable, err)
	}
	// Both times are the provider's, so its clock does not matter here.
	authenticated := id.IssuedAt.Sub(time.Unix(claims.AuthTime, 0))
	switch age := p.cfg.Clock().Sub(id.IssuedAt); {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1 || l.Nonce == "":
		return upstream.Principal{}, fmt.Errorf("%w: the ID token answers another login", upstream.ErrRefused)
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != p.cfg.ClientID:
		return upstream.Principal{}, fmt.Errorf("%w: the ID token is for another client", upstream.ErrRefused)
	case age < -freshness || age > freshness:
		return upstream.Principal{}, fmt.Errorf("%w: the ID token is not fresh", upstream.ErrRefused)
	case !l.Recovery && authenticated > maxAge:
		return upstream.Principal{}, fmt.Errorf("%w: the person was authenticated before this login", upstream.ErrRefused)
	case id.Subject == "":
		return upstream.Principal{}, fmt.Errorf("%w: the ID token names nobody", upstream.ErrRefused)
	}
	return upstream.Principal{AccountID: id.Subject}, nil
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
		Scopes:       []string{oidc.ScopeOpenID},
	}
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
