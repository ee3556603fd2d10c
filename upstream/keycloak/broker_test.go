package keycloak_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// broker is the gateway's OpenID provider reduced to what Keycloak needs. It
// answers every request with the subject set last.
type broker struct {
	issuer                 string
	clientID, clientSecret string
	audience               string // of assertions
	key                    *ecdsa.PrivateKey

	mu         sync.Mutex
	subject    string
	nonces     map[string]string // by code
	redeemedAt time.Time
}

func newBroker(issuer string) *broker {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &broker{issuer: issuer, key: key, nonces: make(map[string]string)}
}

func (b *broker) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /recovery/oidc/authorize", b.authorize)
	mux.HandleFunc("POST /recovery/oidc/token", b.token)
	mux.HandleFunc("GET /recovery/oidc/jwks", b.jwks)
}

// present chooses who the next login is; redeemed tells when its code was.
func (b *broker) present(subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subject, b.redeemedAt = subject, time.Time{}
}

func (b *broker) redeemed() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.redeemedAt
}

func (b *broker) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	b.mu.Lock()
	b.nonces[code] = q.Get("nonce")
	b.mu.Unlock()
	answer := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {b.issuer}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (b *broker) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	b.mu.Lock()
	defer b.mu.Unlock()
	nonce, ok := b.nonces[r.PostFormValue("code")]
	if !ok || id != b.clientID || secret != b.clientSecret {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	delete(b.nonces, r.PostFormValue("code"))
	b.redeemedAt = time.Now()
	now := time.Now()
	idToken, err := b.sign(map[string]any{
		"iss": b.issuer, "sub": b.subject, "aud": b.clientID, "azp": b.clientID, "nonce": nonce,
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "auth_time": now.Unix(),
		"recovery_id": "recovery-of-" + b.subject, "preferred_username": "account-recovery",
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": rand.Text(), "id_token": idToken, "token_type": "Bearer", "expires_in": 60,
	})
}

func (b *broker) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: b.key.Public(), KeyID: "test", Algorithm: "ES256", Use: "sig"},
	}})
}

// assertion is what the gateway's broker says to the server itself, for a program.
func (b *broker) assertion(subject string) (string, error) {
	now := time.Now()
	return b.sign(map[string]any{
		"iss": b.issuer, "sub": subject, "aud": b.audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(30 * time.Second).Unix(),
	})
}

func (b *broker) sign(claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: b.key, KeyID: "test"}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
