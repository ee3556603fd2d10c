package hydra

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
)

// recovered begins the class of every recovery.
const recovered = "urn:regrant:acr:"

// LoginResult implements [upstream.Adapter]. A login that a recovery answered
// proves nothing here.
func (a *Adapter) LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (upstream.Principal, error) {
	if err := a.admin.CheckVersion(ctx); err != nil {
		return upstream.Principal{}, err
	}
	who, err := a.party.LoginResult(ctx, back, l)
	if err == nil && strings.HasPrefix(who.ACR, recovered) {
		return upstream.Principal{}, fmt.Errorf("%w: nobody has signed in, a recovery did", upstream.ErrRefused)
	}
	return who, err
}

// LoginScopes are those that the gateway's own sign-in asks for, and that its
// client must have.
func LoginScopes() []string { return []string{"openid", "profile", "email"} }

// IdleSignIn is the path and query of a sign-in of the gateway's with which
// nobody goes on: it shows where one leads.
func IdleSignIn(clientID, redirectURI string) string {
	return "/oauth2/auth?" + url.Values{
		"client_id": {clientID}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid"}, "state": {"nobody-goes-on-with-this"},
	}.Encode()
}

func newParty(cfg Config) *oidc.RelyingParty {
	transport := http.DefaultTransport
	if cfg.HTTPClient != nil && cfg.HTTPClient.Transport != nil {
		transport = cfg.HTTPClient.Transport
	}
	return oidc.NewRelyingParty(oidc.PartyConfig{
		URL: cfg.PublicURL, Issuer: cfg.Issuer, AuthURL: cfg.PublicURL + "/oauth2/auth",
		ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, Profile: true, Clock: cfg.Clock,
		HTTPClient: &http.Client{Transport: inward{public: cfg.PublicURL, internal: cfg.URL, next: transport}},
	})
}

// inward takes requests for the public address of Hydra to the one at which the
// gateway calls it. Hydra's metadata names the public one only.
type inward struct {
	public, internal string
	next             http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t inward) RoundTrip(r *http.Request) (*http.Response, error) {
	path, ours := strings.CutPrefix(r.URL.String(), t.public+"/")
	if !ours {
		return nil, fmt.Errorf("%s is not at the address of Hydra", r.URL.Host)
	}
	to, err := url.Parse(t.internal + "/" + path)
	if err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	in.URL, in.Host = to, r.URL.Host
	in.Header.Set("X-Forwarded-Proto", r.URL.Scheme)
	return t.next.RoundTrip(in)
}
