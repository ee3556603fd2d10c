package kratos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Identity is a person as the admin API shows one.
type Identity struct {
	ID          string                     `json:"id"`
	State       string                     `json:"state"` // active or inactive
	Traits      map[string]any             `json:"traits"`
	Credentials map[string]json.RawMessage `json:"credentials"` // by type; without what is secret of them
}

// Session is one session as the admin API and whoami show it.
type Session struct {
	ID              string    `json:"id"`
	Active          bool      `json:"active"`
	AAL             string    `json:"authenticator_assurance_level"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
	ExpiresAt       time.Time `json:"expires_at"`
	Methods         []struct {
		Method string `json:"method"`
		AAL    string `json:"aal"`
	} `json:"authentication_methods"`
	Identity Identity `json:"identity"`
}

// Message is one that a courier sends, or would send. Its text is shown by nobody but the mail server.
type Message struct {
	Recipient string `json:"recipient"`
	Subject   string `json:"subject"`
	Template  string `json:"template_type"`
}

// Create makes an active identity that signs in with the address and a password, and returns its id.
func (s *Server) Create(ctx context.Context, email, password string) (id string, err error) {
	var made Identity
	err = s.Admin(ctx, http.MethodPost, "/identities", map[string]any{
		"schema_id": "default", "traits": map[string]any{"email": email},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
	}, &made)
	return made.ID, err
}

// Identity reads one, with its credentials.
func (s *Server) Identity(ctx context.Context, id string) (i Identity, err error) {
	return i, s.Admin(ctx, http.MethodGet, "/identities/"+url.PathEscape(id), nil, &i)
}

// SetState makes an identity active or inactive. An inactive one cannot sign in, and its sessions count for nothing.
func (s *Server) SetState(ctx context.Context, id, state string) error {
	return s.Admin(ctx, http.MethodPatch, "/identities/"+url.PathEscape(id), []any{
		map[string]any{"op": "replace", "path": "/state", "value": state},
	}, nil)
}

// Sessions lists the identity's active ones, up to a thousand.
func (s *Server) Sessions(ctx context.Context, id string) (all []Session, err error) {
	return all, s.Admin(ctx, http.MethodGet, "/identities/"+url.PathEscape(id)+"/sessions?active=true&page_size=1000", nil, &all)
}

// MostMessages is how many Messages lists at most.
const MostMessages = 1000

// Messages lists what a courier has sent or would send, up to MostMessages, the latest first.
func (s *Server) Messages(ctx context.Context) (all []Message, err error) {
	return all, s.Admin(ctx, http.MethodGet, fmt.Sprintf("/courier/messages?page_size=%d", MostMessages), nil, &all)
}

// RecoveryCode makes a code with which the identity is recovered, and the id of the flow that takes it; flowType is browser
// or api.
func (s *Server) RecoveryCode(ctx context.Context, id, flowType string) (flow, code string, err error) {
	var made struct {
		Link string `json:"recovery_link"`
		Code string `json:"recovery_code"`
	}
	if err := s.Admin(ctx, http.MethodPost, "/recovery/code", map[string]any{"identity_id": id, "flow_type": flowType}, &made); err != nil {
		return "", "", err
	}
	link, err := url.Parse(made.Link)
	if err != nil {
		return "", "", err
	}
	return link.Query().Get("flow"), made.Code, nil
}

// Admin calls the admin API below /admin, with in as JSON unless it is nil, and decodes the answer into out unless that is
// nil. An answer other than 2xx is an *ory.Error.
func (s *Server) Admin(ctx context.Context, method, path string, in, out any) error {
	_, err := s.admin.Call(ctx, method, "/admin"+path, nil, in, out)
	return err
}

// Find returns the id of the identity that signs in by that name.
func (s *Server) Find(ctx context.Context, identifier string) (id string, err error) {
	var found []Identity
	err = s.Admin(ctx, http.MethodGet, "/identities?credentials_identifier="+url.QueryEscape(identifier), nil, &found)
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d identities are called %s", len(found), identifier)
	}
	if err != nil {
		return "", err
	}
	return found[0].ID, nil
}
