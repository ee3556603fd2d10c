// Package fosite_test checks that the two authorization servers have nothing in common on the wire.
package fosite_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
)

const (
	issuer      = "https://id.example.com/recovery"
	redirectURI = "https://id.example.com/realms/demo/broker/regrant/endpoint"
	secret      = "q5vN1pX0cVYy8lq7mE3dT2wB9rK4sJ6hZ1fGgUuPoAc"
	verifier    = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	thumbprint  = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

// pair is both servers and a token of each kind.
type pair struct {
	grant  *grant.Server
	broker *broker.Server

	recoveryToken, accessToken string // grant's
	idToken, opaque, code      string // broker's
}

// newPair wires the servers as an operator should or, with shared keys and secrets, as nobody should: even then neither
// takes the other's tokens.
func newPair(t *testing.T, shared bool) *pair {
	t.Helper()
	grantKey, brokerKey := newKey(t, "grant"), newKey(t, "broker")
	grantSecret, brokerSecret := []byte(strings.Repeat("g", 32)), []byte(strings.Repeat("b", 32))
	if shared {
		brokerKey, brokerSecret = grantKey, grantSecret
	}
	p := new(pair)
	var err error
	p.grant, err = grant.New(grant.Config{Issuer: issuer, Keys: func() []grant.Key { return []grant.Key{grantKey} }, Secret: grantSecret, Recoveries: &recoveries{}})
	if err != nil {
		t.Fatal(err)
	}
	p.broker, err = broker.New(broker.Config{
		Issuer: issuer + "/oidc", Keys: func() []broker.Key { return []broker.Key{brokerKey} }, Secret: brokerSecret, Logins: &logins{},
		Client: broker.Client{ID: grant.ClientDevice, Secret: secret, RedirectURIs: []string{redirectURI}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.grantTokens(t)
	p.brokerTokens(t)
	return p
}

func newKey(t *testing.T, id string) grant.Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return grant.Key{ID: id, Private: private}
}

func (p *pair) mint(t *testing.T, txn string) string {
	t.Helper()
	now := time.Now()
	token, err := p.grant.Mint(grant.Recovery{
		Subject: "account", ClientID: grant.ClientDevice, Txn: txn, JTI: "c29tZS1yYW5kb20tMTI4LWJpdHM", Scope: grant.ScopeComplete,
		ACR: "urn:regrant:device", AMR: []string{"hwk"}, AuthTime: now, IssuedAt: now, ExpiresAt: now.Add(2 * time.Minute),
		Thumbprint: thumbprint,
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (p *pair) grantTokens(t *testing.T) {
	t.Helper()
	response, err := p.exchange(t, p.mint(t, "first"))
	if err != nil {
		t.Fatal(err)
	}
	p.accessToken = response.AccessToken
	p.recoveryToken = p.mint(t, "second")
}

func (p *pair) brokerTokens(t *testing.T) {
	t.Helper()
	response, err := p.token(t, p.newCode(t))
	if err != nil {
		t.Fatal(err)
	}
	p.idToken, p.opaque = response.IDToken, response.AccessToken
	p.code = p.newCode(t)
}

func (p *pair) newCode(t *testing.T) string {
	t.Helper()
	challenge := sha256.Sum256([]byte(verifier))
	a, err := p.broker.ParseAuthorize(t.Context(), url.Values{
		"client_id": {grant.ClientDevice}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"0123456789"}, "nonce": {"0123456789"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	redirect, err := p.broker.Answer(t.Context(), a, broker.Login{Subject: "account", Txn: "txn", AuthTime: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("code")
}

func (p *pair) exchange(t *testing.T, assertion string) (grant.Response, error) {
	t.Helper()
	return p.grant.Exchange(t.Context(), post(url.Values{
		"grant_type": {grant.GrantType}, "assertion": {assertion}, "client_id": {grant.ClientDevice},
	}), grant.Proof{Thumbprint: thumbprint})
}

func (p *pair) token(t *testing.T, code string) (broker.Response, error) {
	t.Helper()
	return p.broker.Token(t.Context(), post(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
		"client_id": {grant.ClientDevice}, "client_secret": {secret},
	}))
}

func post(form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestServersRefuseEachOthersTokens(t *testing.T) {
	for name, shared := range map[string]bool{"keys and secrets apart": false, "keys and secrets shared by mistake": true} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, shared)
			for kind, token := range map[string]string{"ID token": p.idToken, "access token": p.opaque, "code": p.code} {
				if _, err := p.grant.Verify(token); !errors.Is(err, grant.ErrInvalid) {
					t.Errorf("grant verifies the broker's %s: %v", kind, err)
				}
				if _, err := p.exchange(t, token); !invalidGrant(err) {
					t.Errorf("grant exchanges the broker's %s: %v", kind, err)
				}
				if _, err := p.grant.Authorize(t.Context(), token, thumbprint, ""); !errors.Is(err, grant.ErrInvalid) {
					t.Errorf("grant authorizes the broker's %s: %v", kind, err)
				}
			}
			for kind, token := range map[string]string{"recovery token": p.recoveryToken, "access token": p.accessToken} {
				if _, err := p.token(t, token); !invalidGrant(err) {
					t.Errorf("broker redeems the grant's %s: %v", kind, err)
				}
			}
			// The tokens were good all along.
			if _, err := p.exchange(t, p.recoveryToken); err != nil {
				t.Error(err)
			}
			if _, err := p.token(t, p.code); err != nil {
				t.Error(err)
			}
		})
	}
}

// A recovery token is for the exchange and an access token for the completion; neither serves for the other.
func TestGrantKeepsItsTokensApart(t *testing.T) {
	p := newPair(t, false)
	if _, err := p.exchange(t, p.accessToken); !invalidGrant(err) {
		t.Errorf("exchanges an access token: %v", err)
	}
	if _, err := p.grant.Authorize(t.Context(), p.recoveryToken, thumbprint, ""); !errors.Is(err, grant.ErrInvalid) {
		t.Errorf("authorizes a recovery token: %v", err)
	}
}

func invalidGrant(err error) bool {
	var refusal *grant.Error
	return errors.As(err, &refusal) && refusal.Status == http.StatusBadRequest && refusal.Code == "invalid_grant"
}

type recoveries struct{ used, tokens sync.Map }

func (r *recoveries) Redeem(_ context.Context, redemption grant.Redemption) error {
	if _, used := r.used.LoadOrStore(redemption.Txn, true); used {
		return grant.ErrSpent
	}
	r.tokens.Store(redemption.AccessToken.Signature, redemption.AccessToken)
	return nil
}

func (r *recoveries) AccessToken(_ context.Context, signature string) (grant.AccessToken, error) {
	token, ok := r.tokens.Load(signature)
	if !ok {
		return grant.AccessToken{}, grant.ErrSpent
	}
	return token.(grant.AccessToken), nil
}

func (r *recoveries) Standing(context.Context, grant.TokenName) error { return nil }

func (r *recoveries) Revoke(context.Context, grant.Revocation) error { return nil }

func (r *recoveries) UseAssertion(context.Context, grant.UsedAssertion) error { return nil }

type logins struct{ codes, used sync.Map }

func (l *logins) Issue(_ context.Context, c broker.Code) error {
	l.codes.Store(c.Signature, c)
	return nil
}

func (l *logins) Code(_ context.Context, signature string) (broker.Code, error) {
	code, ok := l.codes.Load(signature)
	if !ok {
		return broker.Code{}, broker.ErrSpent
	}
	return code.(broker.Code), nil
}

func (l *logins) Redeem(_ context.Context, signature string) error {
	if _, used := l.used.LoadOrStore(signature, true); used {
		return broker.ErrSpent
	}
	return nil
}
