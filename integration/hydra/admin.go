package hydra

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/regrant/regrant/integration/ory"
)

const trusts = "/admin/trust/grants/jwt-bearer/issuers"

// Admin is Hydra's admin API. Every error of it may be an *ory.Error.
type Admin struct{ api ory.API }

// At is the admin API at an address.
func At(address string) Admin { return Admin{ory.API(address)} }

func (a Admin) call(ctx context.Context, method, path string, in, out any) error {
	_, err := a.api.Call(ctx, method, path, nil, in, out)
	return err
}

// Register makes a public client of the authorization code flow, with PKCE and refresh tokens.
func (a Admin) Register(ctx context.Context, id string, redirectURIs ...string) error {
	return a.call(ctx, http.MethodPost, "/admin/clients", map[string]any{
		"client_id": id, "redirect_uris": redirectURIs, "scope": "openid offline", "response_types": []string{"code"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "token_endpoint_auth_method": "none",
	}, nil)
}

// RegisterGateway makes the gateway's confidential client, which signs people in for self-service.
func (a Admin) RegisterGateway(ctx context.Context, id, secret, redirectURI string) error {
	return a.call(ctx, http.MethodPost, "/admin/clients", map[string]any{
		"client_id": id, "client_secret": secret, "redirect_uris": []string{redirectURI}, "scope": "openid profile email",
		"response_types": []string{"code"}, "grant_types": []string{"authorization_code"}, "token_endpoint_auth_method": "client_secret_basic",
	}, nil)
}

// RegisterPrograms makes the confidential client to which the gateway has access tokens of programs issued (RFC 7523). It
// may ask for no scope by itself.
func (a Admin) RegisterPrograms(ctx context.Context, id, secret string) error {
	return a.call(ctx, http.MethodPost, "/admin/clients", map[string]any{
		"client_id": id, "client_secret": secret, "response_types": []string{}, "grant_types": []string{grantType},
		"token_endpoint_auth_method": "client_secret_basic",
	}, nil)
}

// Introspection is what RFC 7662 §2.2 tells of a token.
type Introspection struct {
	Active  bool   `json:"active"`
	Subject string `json:"sub"`
	Client  string `json:"client_id"`
	Scope   string `json:"scope"`
}

// Introspect says what an access or refresh token is good for.
func (a Admin) Introspect(ctx context.Context, token string) (i Introspection, err error) {
	return i, a.api.Form(ctx, "/admin/oauth2/introspect", url.Values{"token": {token}}, &i)
}

// Consent is one that was given: a session in which tokens are issued.
type Consent struct {
	GrantScope []string `json:"grant_scope"`
	Request    struct {
		Subject      string `json:"subject"`
		LoginSession string `json:"login_session_id"`
		Context      struct {
			Txn string `json:"txn"` // of the recovery that accepted the login
		} `json:"context"`
		Client struct {
			ID string `json:"client_id"`
		} `json:"client"`
	} `json:"consent_request"`
}

// Consents lists those of a subject. Login sessions cannot be listed, only ended.
func (a Admin) Consents(ctx context.Context, subject string) (all []Consent, err error) {
	return all, a.call(ctx, http.MethodGet, "/admin/oauth2/auth/sessions/consent?page_size=500&subject="+url.QueryEscape(subject), nil, &all)
}

// EndConsents ends the subject's consents at all clients, and the tokens issued under them.
func (a Admin) EndConsents(ctx context.Context, subject string) error {
	return a.call(ctx, http.MethodDelete, "/admin/oauth2/auth/sessions/consent?all=true&subject="+url.QueryEscape(subject), nil, nil)
}

// EndLogins ends the subject's login sessions: the next login asks again. Tokens stay good.
func (a Admin) EndLogins(ctx context.Context, subject string) error {
	return a.call(ctx, http.MethodDelete, "/admin/oauth2/auth/sessions/login?subject="+url.QueryEscape(subject), nil, nil)
}

// Trust is an issuer of assertions that Hydra trusts (RFC 7523).
type Trust struct {
	ID         string    `json:"id"`
	Issuer     string    `json:"issuer"`
	Subject    string    `json:"subject"` // "" if any may be asserted
	AnySubject bool      `json:"allow_any_subject"`
	Scope      []string  `json:"scope"`
	ExpiresAt  time.Time `json:"expires_at"`
	Key        struct {
		ID string `json:"kid"`
	} `json:"public_key"`
}

// Trusts lists those of an issuer, or all with "", up to 500.
func (a Admin) Trusts(ctx context.Context, issuer string) (all []Trust, err error) {
	return all, a.call(ctx, http.MethodGet, trusts+"?page_size=500&issuer="+url.QueryEscape(issuer), nil, &all)
}

// DeleteTrust ends one.
func (a Admin) DeleteTrust(ctx context.Context, id string) error {
	return a.call(ctx, http.MethodDelete, trusts+"/"+url.PathEscape(id), nil, nil)
}

// Request is one with which Hydra sends a browser to the login app.
type Request struct {
	Skip     bool            `json:"skip"`    // of a login: Hydra remembers the subject; of a consent: it was given before
	Subject  string          `json:"subject"` // of a login: only with Skip
	Scope    []string        `json:"requested_scope"`
	Audience []string        `json:"requested_access_token_audience"`
	Context  json.RawMessage `json:"context"` // what the login was accepted with
	Client   struct {
		ID string `json:"client_id"`
	} `json:"client"`
}

// Kinds of Request.
const (
	LoginRequest   = "login"
	ConsentRequest = "consent"
	LogoutRequest  = "logout"
)

// Request reads the request of a kind with that challenge.
func (a Admin) Request(ctx context.Context, kind, challenge string) (r Request, err error) {
	return r, a.call(ctx, http.MethodGet, request(kind, "", challenge), nil, &r)
}

// Accept accepts a request with what the kind wants, and returns where the browser goes on.
func (a Admin) Accept(ctx context.Context, kind, challenge string, with map[string]any) (to string, err error) {
	return a.answer(ctx, request(kind, "/accept", challenge), with)
}

// Reject rejects a request with an error of RFC 6749 §4.1.2.1, and returns where the browser goes on.
func (a Admin) Reject(ctx context.Context, kind, challenge, code string) (to string, err error) {
	return a.answer(ctx, request(kind, "/reject", challenge), map[string]any{"error": code})
}

func (a Admin) answer(ctx context.Context, path string, with map[string]any) (string, error) {
	var next struct {
		To string `json:"redirect_to"`
	}
	err := a.call(ctx, http.MethodPut, path, with, &next)
	return next.To, err
}

func request(kind, what, challenge string) string {
	return "/admin/oauth2/auth/requests/" + kind + what + "?" + kind + "_challenge=" + url.QueryEscape(challenge)
}
