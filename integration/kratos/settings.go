package kratos

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Flow is a flow of the public API, as far as a client without a page needs it.
type Flow struct {
	ID string `json:"id"`
	UI struct {
		Nodes []struct {
			Attributes struct {
				ID    string `json:"id"`
				Name  string `json:"name"`
				Value any    `json:"value"`
				Text  struct {
					Text    string `json:"text"`
					Context struct {
						Secret  string `json:"secret"`
						Secrets []struct {
							Context struct {
								Secret string `json:"secret"`
							} `json:"context"`
						} `json:"secrets"`
					} `json:"context"`
				} `json:"text"`
			} `json:"attributes"`
		} `json:"nodes"`
	} `json:"ui"`
}

// Value is that of the field of that name, "" if there is none.
func (f Flow) Value(name string) string {
	for _, n := range f.UI.Nodes {
		if value, ok := n.Attributes.Value.(string); ok && n.Attributes.Name == name {
			return value
		}
	}
	return ""
}

// SetPassword sets a new password with a session of a native application.
func (s *Server) SetPassword(ctx context.Context, token, password string) error {
	flow, err := s.settings(ctx, token)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, token, flow, map[string]any{"method": "password", "password": password})
	return err
}

// EnrolTOTP enrols an app for one-time passwords with a session of a native application, and returns its key, for OTP. The
// admin API enrols none.
func (s *Server) EnrolTOTP(ctx context.Context, token string) (key string, err error) {
	flow, err := s.settings(ctx, token)
	if err != nil {
		return "", err
	}
	for _, n := range flow.UI.Nodes {
		if n.Attributes.ID == "totp_secret_key" {
			key = n.Attributes.Text.Context.Secret
		}
	}
	if key == "" {
		return "", errors.New("settings of Kratos: no key for one-time passwords")
	}
	code, err := OTP(key, time.Now())
	if err != nil {
		return "", err
	}
	_, err = s.change(ctx, token, flow, map[string]any{"method": "totp", "totp_code": code})
	return key, err
}

// EnrolLookupSecrets enrols backup codes with a session of a native application, and returns them. The admin API enrols none.
func (s *Server) EnrolLookupSecrets(ctx context.Context, token string) (codes []string, err error) {
	flow, err := s.settings(ctx, token)
	if err != nil {
		return nil, err
	}
	flow, err = s.change(ctx, token, flow, map[string]any{"method": "lookup_secret", "lookup_secret_regenerate": true})
	if err != nil {
		return nil, err
	}
	for _, n := range flow.UI.Nodes {
		for _, secret := range n.Attributes.Text.Context.Secrets {
			codes = append(codes, secret.Context.Secret)
		}
	}
	_, err = s.change(ctx, token, flow, map[string]any{"method": "lookup_secret", "lookup_secret_confirm": true})
	return codes, err
}

func (s *Server) settings(ctx context.Context, token string) (f Flow, err error) {
	_, err = s.public.Call(ctx, http.MethodGet, "/self-service/settings/api", Token(token), nil, &f)
	return f, err
}

func (s *Server) change(ctx context.Context, token string, f Flow, fields map[string]any) (changed Flow, err error) {
	_, err = s.public.Call(ctx, http.MethodPost, "/self-service/settings?flow="+url.QueryEscape(f.ID), Token(token), fields, &changed)
	return changed, err
}
