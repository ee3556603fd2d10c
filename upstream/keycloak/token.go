package keycloak

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/regrant/regrant/upstream"
)

// granted is what the token endpoint gives (RFC 6749, section 5.1).
type granted struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

func (g granted) lasts() time.Duration { return time.Duration(g.ExpiresIn) * time.Second }

// claims are what is read of an access token, a JWT. The signature is the
// server's affair; the token comes from it directly.
type claims struct {
	Issuer          string `json:"iss"`
	Subject         string `json:"sub"`
	AuthorizedParty string `json:"azp"`
	IssuedAt        int64  `json:"iat"`
}

// requestToken asks the token endpoint as a confidential client, and checks that
// the token was issued by the realm that people sign in to, to that client:
// everything done with it is then about that realm. Every refusal means that
// nobody can tell, since the server is asked only for what it should give.
func (a *api) requestToken(ctx context.Context, clientID, secret string, form url.Values) (granted, claims, error) {
	reply, err := a.askToken(ctx, clientID, secret, form)
	if err != nil {
		return granted{}, claims{}, err
	}
	var got granted
	if reply.Status != http.StatusOK || !reply.JSON || json.Unmarshal(reply.Body, &got) != nil ||
		got.AccessToken == "" || got.ExpiresIn <= 0 || !strings.EqualFold(got.TokenType, "Bearer") {
		return granted{}, claims{}, fmt.Errorf("asking for a token as %s: %w: status %d%s", clientID, upstream.ErrUnavailable, reply.Status, why(reply))
	}
	c, ok := claimsOf(got.AccessToken)
	if !ok || c.Issuer != a.issuer || c.AuthorizedParty != clientID || c.IssuedAt <= 0 {
		return granted{}, claims{}, fmt.Errorf("asking for a token as %s: %w: another realm answers (is its public address %s?)", clientID, upstream.ErrUnavailable, a.issuer)
	}
	return got, c, nil
}

// askToken sends a form to the token endpoint as a confidential client.
func (a *api) askToken(ctx context.Context, clientID, secret string, form url.Values) (upstream.Response, error) {
	body := strings.NewReader(form.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.base+"/realms/"+a.realm+"/protocol/openid-connect/token", body)
	if err != nil {
		return upstream.Response{}, fmt.Errorf("asking for a token: %w: %v", upstream.ErrUnavailable, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(secret)) // RFC 6749, section 2.3.1
	return upstream.Ask(a.http, r)
}

// why is the server's own word on a refusal (RFC 6749, section 5.2), for whoever
// set the realm up.
func why(r upstream.Response) string {
	var refusal struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if !r.JSON || json.Unmarshal(r.Body, &refusal) != nil || refusal.Error == "" || len(refusal.Error+refusal.Description) > 200 {
		return ""
	}
	return fmt.Sprintf(", %q: %q", refusal.Error, refusal.Description)
}

func claimsOf(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}
