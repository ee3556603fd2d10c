package claimant

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/regrant/regrant/internal/wire"
)

// Application is a client that the gateway's configuration names. It proves itself with the key, if it has one
// (private_key_jwt), else with the secret (client_secret_basic), else not at all, as a public one.
type Application struct {
	ID     string
	Issuer string // audience of its assertions
	Key    *ecdsa.PrivateKey
	Secret string
}

// builtIn is the client of `regrant device recover`.
const builtIn = "regrant-device"

const formType = "application/x-www-form-urlencoded"

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// JWKS is what the gateway's configuration says of the client's key.
func (a *Application) JWKS() string {
	key := jose.JSONWebKey{Key: a.Key.Public(), KeyID: a.keyID(), Algorithm: string(jose.ES256), Use: "sig"}
	text, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}) // of a P-256 key, which always encodes
	return string(text)
}

func (a *Application) keyID() string { return wire.Thumbprint(a.Key.Public()) }

// Assertion is a fresh client assertion (RFC 7523 §2.2).
func (a *Application) Assertion() string {
	now := time.Now().Unix()
	claims, _ := json.Marshal(map[string]any{ // strings and numbers only
		"iss": a.ID, "sub": a.ID, "aud": a.Issuer, "iat": now, "exp": now + 60, "jti": rand.Text(),
	})
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: crypto.Signer(a.Key), KeyID: a.keyID()}},
		(&jose.SignerOptions{}).WithType("client-authentication+jwt"),
	)
	if err != nil {
		panic(err) // not a P-256 key
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		panic(err) // the random source is gone
	}
	text, _ := signed.CompactSerialize()
	return text
}

// id is the client that a recovery is started for; "" stands for the built-in one.
func (a *Application) id() string {
	if a == nil {
		return ""
	}
	return a.ID
}

// authenticate adds what goes into the header.
func (a *Application) authenticate(req *http.Request) {
	if a != nil && a.Secret != "" {
		req.SetBasicAuth(url.QueryEscape(a.ID), url.QueryEscape(a.Secret))
	}
}

// sign adds to a form what goes into the body.
func (a *Application) sign(form url.Values) url.Values {
	form.Set("client_id", builtIn)
	if a != nil {
		form.Set("client_id", a.ID)
	}
	if a != nil && a.Key != nil {
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", a.Assertion())
	}
	return form
}

// form posts to one of the OAuth endpoints as the client.
func (c *Claimant) form(ctx context.Context, path string, form url.Values, out any) (Answer, error) {
	a, err := c.Do(ctx, path, formType, []byte(c.As.sign(form).Encode()), "")
	if err == nil && a.Status == http.StatusOK && out != nil {
		err = a.Into(out)
	}
	return a, err
}

// Exchange posts the recovery token at the token endpoint (RFC 7523 §2.1).
func (c *Claimant) Exchange(ctx context.Context, token string) (wire.TokenResponse, Answer, error) {
	var out wire.TokenResponse
	a, err := c.form(ctx, "/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {token}}, &out)
	return out, a, err
}

// Introspect asks what a token is worth (RFC 7662).
func (c *Claimant) Introspect(ctx context.Context, token string) (wire.IntrospectionResponse, Answer, error) {
	var out wire.IntrospectionResponse
	a, err := c.form(ctx, "/introspect", url.Values{"token": {token}}, &out)
	return out, a, err
}

// Revoke gives a token up (RFC 7009).
func (c *Claimant) Revoke(ctx context.Context, token string) (Answer, error) {
	return c.form(ctx, "/revoke", url.Values{"token": {token}}, nil)
}
