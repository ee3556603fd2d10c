package kratos

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/integration/ory"
)

// SessionCookie is the name of the cookie that carries a browser's session.
const SessionCookie = "ory_kratos_session"

// Token is the header of a native application with that session token.
func Token(session string) http.Header { return http.Header{"X-Session-Token": {session}} }

// Cookie is the header of a browser with that value of SessionCookie.
func Cookie(value string) http.Header { return http.Header{"Cookie": {SessionCookie + "=" + value}} }

// SignIn signs in with a password as a native application does, and returns the session token.
func (s *Server) SignIn(ctx context.Context, email, password string) (token string, err error) {
	var flow struct {
		ID string `json:"id"`
	}
	if _, err := s.public.Call(ctx, http.MethodGet, "/self-service/login/api", nil, nil, &flow); err != nil {
		return "", err
	}
	var done struct {
		Token string `json:"session_token"`
	}
	_, err = s.public.Call(ctx, http.MethodPost, "/self-service/login?flow="+url.QueryEscape(flow.ID), nil,
		map[string]any{"method": "password", "identifier": email, "password": password}, &done)
	return done.Token, err
}

// SignInBrowser signs in with a password as a page's script does, and returns the value of SessionCookie.
func (s *Server) SignInBrowser(ctx context.Context, email, password string) (cookie string, err error) {
	var flow Flow
	got, err := s.public.Call(ctx, http.MethodGet, "/self-service/login/browser", nil, nil, &flow)
	if err != nil {
		return "", err
	}
	header := http.Header{}
	for _, c := range cookies(got) {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	got, err = s.public.Call(ctx, http.MethodPost, "/self-service/login?flow="+url.QueryEscape(flow.ID), header,
		map[string]any{"method": "password", "identifier": email, "password": password, "csrf_token": flow.Value("csrf_token")}, nil)
	if err != nil {
		return "", err
	}
	for _, c := range cookies(got) {
		if c.Name == SessionCookie {
			return c.Value, nil
		}
	}
	return "", errors.New("signing in to Kratos: no session cookie")
}

func cookies(h http.Header) []*http.Cookie { return (&http.Response{Header: h}).Cookies() }

// Whoami is the session that the header, a Token or Cookie, stands for. For one that counts for nothing, the *ory.Error has
// the status 401; for one that lacks a second factor, 403.
func (s *Server) Whoami(ctx context.Context, header http.Header) (session Session, err error) {
	_, err = s.public.Call(ctx, http.MethodGet, "/sessions/whoami", header, nil, &session)
	return session, err
}

// Refused tells whether err is an answer of that status.
func Refused(err error, status int) bool {
	var answer *ory.Error
	return errors.As(err, &answer) && answer.Status == status
}

// Recover redeems the code of an api flow, and returns the session token. It needs UseContinueWithTransitions.
func (s *Server) Recover(ctx context.Context, flow, code string) (token string, err error) {
	var done struct {
		Continue []struct {
			Token string `json:"ory_session_token"`
		} `json:"continue_with"`
	}
	_, err = s.public.Call(ctx, http.MethodPost, "/self-service/recovery?flow="+url.QueryEscape(flow), nil,
		map[string]any{"method": "code", "code": code}, &done)
	if err != nil {
		return "", err
	}
	for _, c := range done.Continue {
		token = cmp.Or(token, c.Token)
	}
	if token == "" {
		return "", errors.New("recovering at Kratos: no session token")
	}
	return token, nil
}
