package hydra

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// Client is a client that authenticates with private_key_jwt, and an issuer of assertions that Hydra trusts. Both sign
// with ES256.
type Client struct {
	id, tokenURL, issuer string
	self, issuing        jose.Signer
}

// NewClient registers both.
func (s *Server) NewClient(ctx context.Context) (*Client, error) {
	c := &Client{tokenURL: s.TokenURL, issuer: "https://issuer.example"}
	own, err := c.key("client", &c.self)
	if err != nil {
		return nil, err
	}
	issuing, err := c.key("issuer", &c.issuing)
	if err != nil {
		return nil, err
	}
	var registered struct {
		ID string `json:"client_id"`
	}
	err = s.call(ctx, http.MethodPost, "/admin/clients", map[string]any{ //nolint:gosec // names, no secrets
		"grant_types": []string{grantType}, "response_types": []string{}, "scope": "recover",
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256",
		"jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own}},
	}, &registered)
	if err != nil {
		return nil, err
	}
	c.id = registered.ID
	return c, s.call(ctx, http.MethodPost, trusts, map[string]any{
		"issuer": c.issuer, "allow_any_subject": true, "scope": []string{"recover"}, "jwk": issuing,
		"expires_at": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339),
	}, nil)
}

// key makes a key of that name and its signer.
func (c *Client) key(name string, into *jose.Signer) (public jose.JSONWebKey, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return public, err
	}
	key := jose.JSONWebKey{Key: private, KeyID: name, Algorithm: string(jose.ES256), Use: "sig"}
	*into, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	return key.Public(), err
}

// Exchange makes the request that exchanges a new assertion for an access token (RFC 7523 §2.1 and §2.2), as HTTP/1.1
// sends it. It is good for five minutes, once.
func (c *Client) Exchange() ([]byte, error) {
	self, err := c.assertion(c.self, c.id, c.id)
	if err != nil {
		return nil, err
	}
	assertion, err := c.assertion(c.issuing, c.issuer, rand.Text())
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type": {grantType}, "assertion": {assertion}, "scope": {"recover"}, "client_id": {c.id},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {self},
	}
	req, err := http.NewRequest(http.MethodPost, c.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var wire bytes.Buffer
	err = req.Write(&wire)
	return wire.Bytes(), err
}

func (c *Client) assertion(signer jose.Signer, issuer, subject string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": subject, "aud": c.tokenURL, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
