package keycloak

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Session is one session of a user, as the server lists it.
type Session struct {
	ID    string `json:"id"`
	Start int64  `json:"start"` // milliseconds since 1970
}

// FederatedIdentity is one link from a user to an account at an identity
// provider of the realm.
type FederatedIdentity struct {
	IdentityProvider string `json:"identityProvider"`
	UserID           string `json:"userId"`
	UserName         string `json:"userName"`
}

// Event is one entry of the realm's event log.
type Event struct {
	Type    string            `json:"type"`
	Time    int64             `json:"time"` // milliseconds since 1970
	UserID  string            `json:"userId"`
	Error   string            `json:"error"`
	Details map[string]string `json:"details"`
}

// SetBroker tells the realm with which credentials to call the gateway's
// broker.
func (s *Server) SetBroker(ctx context.Context, clientID, secret string) error {
	s.BrokerID, s.BrokerSecret = clientID, secret
	return s.changeBroker(ctx, map[string]any{"clientId": clientID, "clientSecret": secret})
}

// AdminToken returns an access token of the bootstrap administrator.
func (s *Server) AdminToken(ctx context.Context) (string, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"}, "password": {"admin"}}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err := s.post(ctx, "/realms/master/protocol/openid-connect/token", form, &token)
	return token.AccessToken, err
}

// Token returns an access token that a public client gets with the user's
// password.
func (s *Server) Token(ctx context.Context, clientID, name, password string) (string, error) {
	return s.TokenByBoth(ctx, clientID, name, password, "")
}

// TokenByBoth is Token for a user who has a second factor, with a one-time
// password of it.
func (s *Server) TokenByBoth(ctx context.Context, clientID, name, password, otp string) (string, error) {
	form := url.Values{"grant_type": {"password"}, "client_id": {clientID}, "username": {name}, "password": {password}, "scope": {"openid"}}
	if otp != "" {
		form.Set("otp", otp)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err := s.post(ctx, "/realms/"+s.Realm+"/protocol/openid-connect/token", form, &token)
	return token.AccessToken, err
}

// UserID returns the id of a user by name.
func (s *Server) UserID(ctx context.Context, name string) (string, error) {
	var users []struct {
		ID string `json:"id"`
	}
	if err := s.Admin(ctx, "GET", "/users?exact=true&username="+url.QueryEscape(name), nil, &users); err != nil {
		return "", err
	}
	if len(users) != 1 {
		return "", fmt.Errorf("%d users are named %s", len(users), name)
	}
	return users[0].ID, nil
}

// NewUser makes a user with the password NAME-password and the address
// NAME@example.com, and returns its id.
func (s *Server) NewUser(ctx context.Context, name string) (string, error) {
	err := s.Admin(ctx, "POST", "/users", map[string]any{
		"username": name, "enabled": true, "email": name + "@example.com", "emailVerified": true, "firstName": name, "lastName": "Example",
		"credentials": []map[string]any{{"type": "password", "value": name + "-password", "temporary": false}},
	}, nil)
	if err != nil {
		return "", err
	}
	return s.UserID(ctx, name)
}

// Sessions lists the user's sessions.
func (s *Server) Sessions(ctx context.Context, userID string) (sessions []Session, err error) {
	return sessions, s.Admin(ctx, "GET", "/users/"+userID+"/sessions", nil, &sessions)
}

// FederatedIdentities lists the user's links.
func (s *Server) FederatedIdentities(ctx context.Context, userID string) (links []FederatedIdentity, err error) {
	return links, s.Admin(ctx, "GET", "/users/"+userID+"/federated-identity", nil, &links)
}

// Link links the user for good to what the gateway's broker calls subject.
func (s *Server) Link(ctx context.Context, userID, subject string) error {
	link := FederatedIdentity{IdentityProvider: Alias, UserID: subject, UserName: subject}
	return s.Admin(ctx, "POST", "/users/"+userID+"/federated-identity/"+Alias, link, nil)
}

// SetEnabled switches the user on or off.
func (s *Server) SetEnabled(ctx context.Context, userID string, enabled bool) error {
	return s.Admin(ctx, "PUT", "/users/"+userID, map[string]bool{"enabled": enabled}, nil)
}

// ResetPassword sets the user's password.
func (s *Server) ResetPassword(ctx context.Context, userID, password string) error {
	body := map[string]any{"type": "password", "value": password, "temporary": false}
	return s.Admin(ctx, "PUT", "/users/"+userID+"/reset-password", body, nil)
}

// BruteForceLock locks the user out as an attacker would: with wrong
// passwords.
func (s *Server) BruteForceLock(ctx context.Context, name string) error {
	id, err := s.UserID(ctx, name)
	if err != nil {
		return err
	}
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {name}, "password": {"wrong"}}
	for range 40 {
		_ = s.post(ctx, "/realms/"+s.Realm+"/protocol/openid-connect/token", form, nil) // refused, as it should be
		var status struct {
			Disabled bool `json:"disabled"`
		}
		if err := s.Admin(ctx, "GET", "/attack-detection/brute-force/users/"+id, nil, &status); err != nil {
			return err
		}
		if status.Disabled {
			return nil
		}
	}
	return fmt.Errorf("%s is still not locked", name)
}

// Events lists the user's newest events of the types named, newest first.
func (s *Server) Events(ctx context.Context, userID string, types ...string) (events []Event, err error) {
	q := url.Values{"user": {userID}, "type": types}
	return events, s.Admin(ctx, "GET", "/events?"+q.Encode(), nil, &events)
}

// Admin calls the admin REST API of the realm as bootstrap administrator. The
// path is relative to the realm, body and into may be nil.
func (s *Server) Admin(ctx context.Context, method, path string, body, into any) error {
	return s.admin(ctx, method, "/admin/realms/"+s.Realm+path, body, into)
}

// admin is Admin for a path of the whole server.
func (s *Server) admin(ctx context.Context, method, path string, body, into any) error {
	token, err := s.AdminToken(ctx)
	if err != nil {
		return err
	}
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the body of %s %s: %v", method, path, err)
		}
		payload = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, payload)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.do(r, into)
}

// Whose asks the realm's userinfo endpoint whose access token that is: the id of
// a user, "" if the token is good no more.
func (s *Server) Whose(ctx context.Context, token string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, "GET", s.URL+"/realms/"+s.Realm+"/protocol/openid-connect/userinfo", http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.http.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return "", nil
	}
	var who struct {
		Subject string `json:"sub"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&who); err != nil || who.Subject == "" {
		return "", fmt.Errorf("userinfo answers %d without a subject: %v", resp.StatusCode, err)
	}
	return who.Subject, nil
}

// introduce puts the gateway's addresses and this start's secrets in place of
// the realm file's.
func (s *Server) introduce(ctx context.Context, o Options) error {
	path := cmp.Or(o.Path, "/recovery")
	issuer := o.Origin + path + "/oidc"
	if err := s.changeBroker(ctx, map[string]any{
		"issuer":           issuer,
		"authorizationUrl": issuer + "/authorize",
		"tokenUrl":         issuer + "/token",
		"jwksUrl":          issuer + "/jwks",
		"clientId":         s.BrokerID,
		"clientSecret":     s.BrokerSecret,
	}); err != nil {
		return err
	}
	if err := s.changeClient(ctx, ClientID, map[string]any{
		"redirectUris": []string{o.Origin + path + "/login/callback"}, "secret": s.ClientSecret,
	}); err != nil {
		return err
	}
	if err := s.changeClient(ctx, ProgramsID, map[string]any{"secret": s.ProgramsSecret}); err != nil {
		return err
	}
	callback := o.AppRedirectURI
	if callback == "" {
		callback = o.Origin + "/app/callback"
	}
	return s.changeClient(ctx, AppID, map[string]any{"redirectUris": []string{callback}})
}

// changeBroker changes members of the identity provider's configuration.
func (s *Server) changeBroker(ctx context.Context, changes map[string]any) error {
	return s.Change(ctx, "/identity-provider/instances/"+Alias, func(provider map[string]any) {
		maps.Copy(provider["config"].(map[string]any), changes)
	})
}

// changeClient changes members of a client.
func (s *Server) changeClient(ctx context.Context, clientID string, changes map[string]any) error {
	path, err := s.ClientPath(ctx, clientID)
	if err != nil {
		return err
	}
	return s.Change(ctx, path, func(client map[string]any) { maps.Copy(client, changes) })
}

// post sends a form.
func (s *Server) post(ctx context.Context, path string, form url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, "POST", s.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(r, into)
}

// do sends r and decodes the answer into into, unless that is nil.
func (s *Server) do(r *http.Request, into any) error {
	resp, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading the answer to %s %s: %v", r.Method, r.URL.Path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %.300s", r.Method, r.URL.Path, resp.Status, body)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decoding the answer to %s %s: %v", r.Method, r.URL.Path, err)
	}
	return nil
}
