package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/regrant/regrant/upstream"
)

// PartyConfig describes a provider and the gateway's client there.
type PartyConfig struct {
	// URL is where the provider is called, Issuer its name. They differ if it
	// is called on an internal address.
	URL, Issuer string
	// AuthURL is where logins start. Empty: as the provider says.
	AuthURL                string
	ClientID, ClientSecret string
	// Profile asks for the names of who signs in: a provider whose accounts
	// cannot be asked otherwise.
	Profile bool
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
	// max_age makes the provider tell. It is not 0, which some take for none.
	options := []oauth2.AuthCodeOption{
		oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier), oauth2.SetAuthURLParam("prompt", "login"),
	}
	if !l.Recovery {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(maxAge/time.Second))))
	}
	if len(l.ACR) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(l.ACR, " ")))
	}
	for name := range extra {
		options = append(options, oauth2.SetAuthURLParam(name, extra.Get(name)))
	}
	return p.client(start, l).AuthCodeURL(l.State, options...), nil
}

// LoginResult redeems what came back for l and verifies the ID token.
func (p *RelyingParty) LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error) {
	provider, err := p.discovery.provider(ctx)
	if err != nil {
		return upstream.Principal{}, err
	}
	if err := p.sentBy(provider, back.Issuer); err != nil {
		return upstream.Principal{}, err
	}
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := p.client(provider.Endpoint(), l).Exchange(ctx, back.Code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return upstream.Principal{}, exchangeError(err)
	}
	raw, _ := token.Extra("id_token").(string)
	// The library takes the algorithms that the provider announces, and of those only ones with a public key.
	verifier := provider.Verifier(&oidc.Config{ClientID: p.cfg.ClientID, Now: p.cfg.Clock})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return upstream.Principal{}, fmt.Errorf("verifying the ID token: %w: %v", upstream.ErrUnavailable, err)
	}
	who, named, err := p.appraise(id, l)
	if err != nil || !p.cfg.Profile {
		return who, err
	}
	if who.Identifiers = named.identifiers(); len(who.Identifiers) == 0 {
		who.Identifiers, err = p.userInfo(ctx, provider, token, who.AccountID)
	}
	if err != nil {
		return upstream.Principal{}, err
	}
	return who, nil
}

// sentBy checks who sent the answer (RFC 9207 section 2.4): a code of another
// provider must not be taken to this one. A provider that announces that it
// names itself always has to.
func (p *RelyingParty) sentBy(provider *oidc.Provider, issuer string) error {
	var announced struct {
		Always bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&announced); err != nil {
		return fmt.Errorf("reading the metadata of %s: %w: %v", p.cfg.Issuer, upstream.ErrUnavailable, err)
	}
	if issuer != p.cfg.Issuer && (issuer != "" || announced.Always) {
		return fmt.Errorf("%w: the answer is another provider's", upstream.ErrRefused)
	}
	return nil
}

// client is the gateway's OAuth client for one login. The secret goes into the
// header at the first try: a second one would find the code redeemed.
func (p *RelyingParty) client(endpoint oauth2.Endpoint, l upstream.Login) *oauth2.Config {
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	scopes := []string{oidc.ScopeOpenID}
	if p.cfg.Profile {
		scopes = append(scopes, "profile", "email")
	}
	return &oauth2.Config{
		ClientID:     p.cfg.ClientID,
		ClientSecret: p.cfg.ClientSecret,
		Endpoint:     endpoint,
		RedirectURL:  l.RedirectURI,
		Scopes:       scopes,
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
