package broker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	oryfosite "github.com/ory/fosite"

	"github.com/regrant/regrant/fosite/internal/oauth"
)

const (
	maxQuery = 8 << 10
	maxSkew  = 5 * time.Second // fosite's tolerance for an auth_time ahead of its clock
)

// An AuthorizeRequest is an authorization request that has been found good. Only [Server.ParseAuthorize] makes one.
type AuthorizeRequest struct {
	form   url.Values    // the parameters that we act on
	maxAge time.Duration // zero: none
}

// RawQuery returns the request as a query that [Server.ParseAuthorize] accepts and that holds only what we act on: the
// form in which it waits, sealed, in the browser.
func (a *AuthorizeRequest) RawQuery() string { return a.form.Encode() }

// parameters are what we act on and fosite sees. OpenID Connect Core §3.1.2.1; everything else is ignored or, where
// ignoring it would change what the request means, refused.
var parameters = []string{
	"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"prompt", "max_age",
}

// unsupported are parameters that replace others or name a person, with their errors (OpenID Connect Core §3.1.2.6).
// A request object that fosite would fetch is a request that our server makes for a stranger.
var unsupported = []struct{ name, code string }{
	{"request", "request_not_supported"},
	{"request_uri", "request_uri_not_supported"},
	{"registration", "registration_not_supported"},
	{"id_token_hint", "invalid_request"},
}

var codeChallenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // RFC 7636 §4.2, S256

// ParseAuthorize judges an authorization request. It writes nothing and asks nobody. Every error is an [*Error], whose
// Redirect is set only once the client and its redirect URI have been found registered: before, nothing in the request
// says where the browser may be sent.
func (s *Server) ParseAuthorize(ctx context.Context, rawQuery string) (*AuthorizeRequest, error) {
	if len(rawQuery) > maxQuery {
		return nil, oauth.InvalidRequest("the request is too large")
	}
	form, err := oauth.ParseForm(rawQuery)
	if err != nil {
		return nil, err
	}
	if form.Get("client_id") != s.client.ID {
		return nil, oauth.InvalidRequest("the client is not registered")
	}
	// The strings are compared. fosite alone would let the port of a loopback address differ.
	if !slices.Contains(s.client.RedirectURIs, form.Get("redirect_uri")) {
		return nil, oauth.InvalidRequest("the redirect URI is not registered")
	}
	a := &AuthorizeRequest{form: oauth.Pick(form, parameters...)}
	if refusal := a.check(form); refusal != nil {
		return nil, s.report(a, refusal)
	}
	if _, err := s.authorizeRequest(ctx, s.provider(&buffer{}), a); err != nil {
		var refusal *Error
		if errors.As(err, &refusal) {
			return nil, s.report(a, refusal)
		}
		return nil, err
	}
	return a, nil
}

// check is what is demanded beyond fosite, in the order of OpenID Connect Core §3.1.2.1.
func (a *AuthorizeRequest) check(form url.Values) *Error {
	for _, parameter := range unsupported {
		if form.Has(parameter.name) {
			return &Error{Status: http.StatusBadRequest, Code: parameter.code, Description: parameter.name + " is not supported"}
		}
	}
	switch {
	case form.Get("response_type") != "code":
		return &Error{Status: http.StatusBadRequest, Code: "unsupported_response_type", Description: "response_type is not code"}
	case form.Has("response_mode") && form.Get("response_mode") != "query":
		return oauth.InvalidRequest("response_mode is not query")
	case form.Get("scope") != scopeOpenID:
		return &Error{Status: http.StatusBadRequest, Code: "invalid_scope", Description: "scope is not openid"}
	case len(form.Get("state")) < minParameter:
		return oauth.InvalidRequest("state is missing or too short")
	case len(form.Get("nonce")) < minParameter:
		return oauth.InvalidRequest("nonce is missing or too short")
	case form.Get("code_challenge_method") != "S256" || !codeChallenge.MatchString(form.Get("code_challenge")):
		return oauth.InvalidRequest("PKCE with S256 is needed")
	}
	if refusal := checkPrompt(form.Get("prompt")); refusal != nil {
		return refusal
	}
	return a.readMaxAge(form)
}

// checkPrompt knows the values of OpenID Connect Core. Whoever recovers an account proves himself anew, so login,
// consent and select_account are met by every answer and none by no answer.
func checkPrompt(prompt string) *Error {
	prompts := strings.Fields(prompt)
	for _, p := range prompts {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, p) {
			return oauth.InvalidRequest("prompt is not known")
		}
	}
	if !slices.Contains(prompts, "none") {
		return nil
	}
	if len(prompts) > 1 {
		return oauth.InvalidRequest("prompt is none and something else")
	}
	return loginRequired("a recovery needs its person")
}

// readMaxAge reads max_age strictly; fosite takes what it cannot read for no limit.
func (a *AuthorizeRequest) readMaxAge(form url.Values) *Error {
	if !form.Has("max_age") {
		return nil
	}
	seconds, err := strconv.ParseUint(form.Get("max_age"), 10, 31)
	if err != nil {
		return oauth.InvalidRequest("max_age is not a number of seconds")
	}
	a.maxAge = time.Duration(seconds) * time.Second
	return nil
}

func loginRequired(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "login_required", Description: description}
}

// authorizeRequest has fosite parse the request. Each use gets its own, since fosite writes into it.
func (s *Server) authorizeRequest(ctx context.Context, provider oryfosite.OAuth2Provider, a *AuthorizeRequest) (oryfosite.AuthorizeRequester, error) {
	form := oauth.Pick(a.form, parameters...)
	request, err := provider.NewAuthorizeRequest(ctx, oauth.Request(http.MethodGet, form))
	if err != nil {
		return nil, oauth.FromFosite(err)
	}
	return request, nil
}

// Answer issues a code for the login, through [Logins.Issue], and returns where to send the browser. The error is an
// [*Error] with Redirect set if the request cannot be met (max_age), wraps [ErrSpent] if the recovery gets no code (any
// more), else wraps [ErrUnavailable]. Nothing is stored unless the error is nil.
func (s *Server) Answer(ctx context.Context, a *AuthorizeRequest, login Login) (redirect string, err error) {
	now := s.clock()
	if login.Subject == "" || login.Txn == "" || login.AuthTime.IsZero() || login.AuthTime.After(now.Add(maxSkew)) {
		return "", fmt.Errorf("%w: login names no subject, no recovery or no time in the past", ErrUnavailable)
	}
	// max_age=0 asks for a fresh authentication, as prompt=login does; a recovery is one.
	if a.maxAge > 0 && now.Sub(login.AuthTime) > a.maxAge {
		return "", s.report(a, loginRequired("the recovery is older than max_age"))
	}
	writes := &buffer{}
	provider := s.provider(writes)
	request, err := s.authorizeRequest(ctx, provider, a)
	if err != nil {
		return "", err
	}
	request.GrantScope(scopeOpenID)
	response, err := provider.NewAuthorizeResponse(ctx, request, newSession(login, time.Time{}))
	if err != nil {
		return "", oauth.FromFosite(err)
	}
	code, err := writes.code(login, now.Add(CodeLifetime))
	if err != nil {
		return "", err
	}
	if err := s.logins.Issue(ctx, code); errors.Is(err, ErrSpent) {
		return "", fmt.Errorf("issuing a code: %w", ErrSpent)
	} else if err != nil {
		return "", fmt.Errorf("%w: issuing a code: %v", ErrUnavailable, err)
	}
	return s.redirect(a, url.Values{"code": {response.GetCode()}}), nil
}

// Cancel returns where to send a browser whose person gave up or was refused. Nothing is stored.
func (s *Server) Cancel(a *AuthorizeRequest) (redirect string, err error) {
	return s.redirect(a, url.Values{"error": {"access_denied"}}), nil
}

// report adds where a refusal is to be told (RFC 6749 §4.1.2.1).
func (s *Server) report(a *AuthorizeRequest, refusal *Error) *Error {
	told := *refusal
	told.Redirect = s.redirect(a, url.Values{"error": {refusal.Code}, "error_description": {refusal.Description}})
	return &told
}

// redirect returns the client's redirect URI with an answer, the client's state as it came, and our name (RFC 9207).
// The URI was compared with the registered ones by [Server.ParseAuthorize].
func (s *Server) redirect(a *AuthorizeRequest, answer url.Values) string {
	answer.Set("iss", s.issuer)
	if state := a.form.Get("state"); state != "" {
		answer.Set("state", state)
	}
	uri := a.form.Get("redirect_uri")
	separator := "?"
	if strings.Contains(uri, "?") {
		separator = "&"
	}
	return uri + separator + answer.Encode()
}
