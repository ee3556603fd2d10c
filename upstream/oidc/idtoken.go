package oidc

import (
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
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
	// maxAge is how long ago a person may have been authenticated, in the words
	// of the protocol. What counts is that it was in this login.
	maxAge = 5 * time.Minute
	// slack is what the provider's whole seconds and the time until a login
	// began there may add.
	slack = 5 * time.Second
)

// claims are those of an ID token that the library leaves to its caller.
type claims struct {
	AuthTime        int64    `json:"auth_time"`
	AuthorizedParty string   `json:"azp"`
	ACR             string   `json:"acr"`
	AMR             []string `json:"amr"`
	names
}

// names are the claims that name a person (OpenID Connect Core section 5.1).
type names struct {
	Username      string `json:"preferred_username"`
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
}

// identifiers are those that the provider vouches for: who wrote an address
// into a profile need not be who reads the mail there.
func (n names) identifiers() (list []string) {
	if n.Username != "" {
		list = append(list, n.Username)
	}
	if n.Email != "" && n.EmailVerified && n.Email != n.Username {
		list = append(list, n.Email)
	}
	return list
}

// appraise checks what makes a genuine ID token the answer to l.
func (p *RelyingParty) appraise(id *oidc.IDToken, l upstream.Login) (upstream.Principal, names, error) {
	var c claims
	if err := id.Claims(&c); err != nil {
		return upstream.Principal{}, names{}, fmt.Errorf("decoding the ID token: %w", upstream.ErrUnavailable)
	}
	now := p.cfg.Clock()
	// Both times are the provider's, so its clock does not matter here.
	authenticated := id.IssuedAt.Sub(time.Unix(c.AuthTime, 0))
	problem := ""
	switch age := now.Sub(id.IssuedAt); {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(l.Nonce)) != 1 || l.Nonce == "":
		problem = "the ID token answers another login"
	case c.AuthorizedParty != "" && c.AuthorizedParty != p.cfg.ClientID, len(id.Audience) > 1 && c.AuthorizedParty == "":
		problem = "the ID token is for another client"
	case age < -freshness || age > freshness:
		problem = "the ID token is not fresh"
	case authenticated < -slack:
		problem = "the person was authenticated after the ID token was made"
	case !l.Recovery && authenticated > lasted(l, now)+slack:
		// A recovery is exempt: it was the authentication, and may have begun earlier.
		problem = "the person was authenticated before this login"
	case id.Subject == "":
		problem = "the ID token names nobody"
	}
	if problem != "" {
		return upstream.Principal{}, names{}, fmt.Errorf("%w: %s", upstream.ErrRefused, problem)
	}
	return upstream.Principal{
		AccountID: id.Subject, AuthenticatedAt: now.Add(-authenticated), ACR: c.ACR, AMR: slices.Clone(c.AMR),
	}, c.names, nil
}

// lasted is how long l has been under way. One that does not say when it began
// has not lasted at all.
func lasted(l upstream.Login, now time.Time) time.Duration {
	if l.Started.IsZero() {
		return 0
	}
	return now.Sub(l.Started)
}

// userInfo asks for the names that the ID token does not hold. An answer about
// somebody else is not taken (OpenID Connect Core section 5.3.2).
func (p *RelyingParty) userInfo(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, subject string) ([]string, error) {
	if provider.UserInfoEndpoint() == "" {
		return nil, nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, fmt.Errorf("asking who signed in: %w", upstream.ErrUnavailable) // the library quotes the answer, which names a person
	}
	if info.Subject != subject {
		return nil, fmt.Errorf("%w: the provider tells of somebody else", upstream.ErrRefused)
	}
	var n names
	if err := info.Claims(&n); err != nil {
		return nil, fmt.Errorf("decoding who signed in: %w", upstream.ErrUnavailable)
	}
	return n.identifiers(), nil
}
