package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const idTokenLife = 5 * time.Minute

// authorizeRequest is a checked OpenID Connect request.
type authorizeRequest struct {
	client, redirectURI, state, nonce, challenge string
}

// grant is what a code stands for.
type grant struct {
	authorizeRequest
	session session
}

// signer signs ID tokens.
type signer struct {
	public jose.JSONWebKeySet
	signer jose.Signer
}

func newSigner() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jwk}, (&jose.SignerOptions{}).WithType("JWT"))
	return &signer{jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk.Public()}}, s}, err
}

func (s *server) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.keys.public)
}

func (s *server) discovery(w http.ResponseWriter, _ *http.Request) {
	o := s.config.Origin
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                o,
		"authorization_endpoint":                o + "/authorize",
		"token_endpoint":                        o + "/token",
		"jwks_uri":                              o + "/jwks",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "none"},
		"code_challenge_methods_supported":      []string{"S256"},

		"authorization_response_iss_parameter_supported": true, // RFC 9207
	})
}

func (s *server) client(id string) *client {
	i := slices.IndexFunc(s.config.Clients, func(c *client) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return s.config.Clients[i]
}

// authorize answers from the browser's session, or has it made first. Until client and redirect URI are found to be
// registered together nobody is redirected.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	req := authorizeRequest{q.Get("client_id"), q.Get("redirect_uri"), q.Get("state"), q.Get("nonce"), q.Get("code_challenge")}
	c := s.client(req.client)
	switch {
	case c == nil || !slices.Contains(c.RedirectURIs, req.redirectURI):
		s.loginPage(w, http.StatusBadRequest, "", "The application that sent you here is not known.")
		return
	case q.Get("response_type") != "code" || req.challenge == "" || q.Get("code_challenge_method") != "S256" ||
		!slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		s.redirect(w, r, req, url.Values{"error": {"invalid_request"}})
		return
	}
	_, v, ok := s.session(r)
	switch {
	case ok && !v.setPassword && q.Get("prompt") != "login":
		s.answer(w, r, req, v)
	case q.Get("prompt") == "none":
		s.redirect(w, r, req, url.Values{"error": {"login_required"}})
	default:
		http.Redirect(w, r, "/login?request="+s.requests.add(req), http.StatusSeeOther)
	}
}

// answer sends the browser back to the application with a code.
func (s *server) answer(w http.ResponseWriter, r *http.Request, req authorizeRequest, v session) {
	s.redirect(w, r, req, url.Values{"code": {s.codes.add(grant{req, v})}})
}

func (s *server) redirect(w http.ResponseWriter, r *http.Request, req authorizeRequest, answer url.Values) {
	answer.Set("iss", s.config.Origin) // RFC 9207
	if req.state != "" {
		answer.Set("state", req.state)
	}
	separator := "?"
	if strings.Contains(req.redirectURI, "?") {
		separator = "&"
	}
	http.Redirect(w, r, req.redirectURI+separator+answer.Encode(), http.StatusSeeOther)
}

// token exchanges a code, once, for whom it was made and who knows the verifier (RFC 7636).
func (s *server) token(w http.ResponseWriter, r *http.Request) {
	c := s.authenticate(r)
	if c == nil {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	g, ok := s.codes.take(r.PostFormValue("code"))
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if !ok || r.PostFormValue("grant_type") != "authorization_code" || g.client != c.ID || g.redirectURI != r.PostFormValue("redirect_uri") ||
		subtle.ConstantTimeCompare([]byte(challenge), []byte(g.challenge)) != 1 {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	id, err := s.idToken(g)
	if err != nil {
		s.log.Error("signing an ID token", "error", err)
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	// RFC 6749 demands an access token. This one opens nothing: who signed in is in the ID token.
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": int(idTokenLife.Seconds()), "scope": "openid", "id_token": id,
	})
}

// authenticate returns the client that asks: with its secret (client_secret_basic), or by name alone if it has none.
func (s *server) authenticate(r *http.Request) *client {
	id, secret, basic := r.BasicAuth()
	if basic { // RFC 6749 section 2.3.1: both are form-encoded first
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
	} else {
		id = r.PostFormValue("client_id")
	}
	c := s.client(id)
	if c == nil || subtle.ConstantTimeCompare([]byte(secret), []byte(c.secret)) != 1 {
		return nil
	}
	return c
}

func (s *server) idToken(g grant) (string, error) {
	now := s.now()
	c := map[string]any{
		"iss": s.config.Origin, "sub": g.session.user.id, "aud": g.client, "iat": now.Unix(), "exp": now.Add(idTokenLife).Unix(),
		"auth_time": g.session.startedAt.Unix(), "amr": g.session.amr,
		"preferred_username": g.session.user.name, "email": g.session.user.email, "email_verified": true,
	}
	if g.nonce != "" {
		c["nonce"] = g.nonce
	}
	if g.session.brokered { // the names that Keycloak's mappers are given
		c["identity_provider"], c["recovery_id"] = brokerName, g.session.recovery
	}
	return jwt.Signed(s.keys.signer).Claims(c).Serialize()
}
