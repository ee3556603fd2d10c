package keycloak

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
)

// Inspector is a confidential client of the realm whose service account may read the realm's configuration: it has the roles
// view-realm and view-identity-providers of realm-management, and no more. The gateway's own client has neither.
type Inspector struct{ ID, Secret string }

// Realm is the configuration of a realm, as far as it decides on recoveries.
type Realm struct {
	doctor.Deployment
	settings settings
	provider provider
	first    []execution // of the provider's flow at the first login
	reset    []execution // of the flow for lost passwords
	required []requiredAction
	storages []component
}

type settings struct {
	BruteForce  *bool  `json:"bruteForceProtected"`
	SSL         string `json:"sslRequired"`
	Events      bool   `json:"eventsEnabled"`
	AdminEvents bool   `json:"adminEventsEnabled"`
	ResetFlow   string `json:"resetCredentialsFlow"`
	Duplicates  bool   `json:"duplicateEmailsAllowed"`
	EditNames   bool   `json:"editUsernameAllowed"`
}

type provider struct {
	Enabled    bool              `json:"enabled"`
	TrustEmail bool              `json:"trustEmail"`
	Hidden     bool              `json:"hideOnLogin"`
	LinkOnly   bool              `json:"linkOnly"`
	StoreToken bool              `json:"storeToken"`
	FirstLogin string            `json:"firstBrokerLoginFlowAlias"`
	Config     map[string]string `json:"config"`
}

type execution struct {
	Provider    string `json:"providerId"`
	Requirement string `json:"requirement"`
}

type requiredAction struct {
	Alias   string `json:"alias"`
	Enabled bool   `json:"enabled"`
}

type component struct {
	Name     string              `json:"name"`
	Provider string              `json:"providerId"`
	Config   map[string][]string `json:"config"`
}

// Inspect reads the configuration.
func Inspect(ctx context.Context, s *doctor.Server, i Inspector) (*Realm, error) {
	token, err := i.token(ctx, s)
	if err != nil {
		return nil, err
	}
	r := &Realm{Deployment: s.Deployment}
	read := func(path string, into any) {
		if err == nil {
			err = i.read(ctx, s, token, path, into)
		}
	}
	read("", &r.settings)
	if err == nil && r.settings.BruteForce == nil {
		return nil, fmt.Errorf("the inspector %s does not see the realm's settings: give its service account view-realm", i.ID)
	}
	read("/identity-provider/instances/"+url.PathEscape(s.Provider.Alias), &r.provider)
	read("/authentication/required-actions", &r.required)
	read("/components?type=org.keycloak.storage.UserStorageProvider", &r.storages)
	read(executions(r.settings.ResetFlow), &r.reset)
	read(executions(r.provider.FirstLogin), &r.first)
	return r, err
}

func executions(flow string) string {
	return "/authentication/flows/" + url.PathEscape(flow) + "/executions"
}

func (i Inspector) token(ctx context.Context, s *doctor.Server) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Provider.URL+realm(s)+"/protocol/openid-connect/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(i.ID), url.QueryEscape(i.Secret)) // RFC 6749, section 2.3.1
	a, err := s.Send(r)
	if err != nil {
		return "", err
	}
	var granted struct {
		Token string `json:"access_token"`
	}
	if a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &granted) != nil || granted.Token == "" {
		return "", fmt.Errorf("the realm gives the inspector %s no token: status %d", i.ID, a.Status)
	}
	return granted.Token, nil
}

func (i Inspector) read(ctx context.Context, s *doctor.Server, token, path string, into any) error {
	a, err := s.Ask(ctx, "/admin/realms/"+s.Provider.Realm+path, "Authorization", "Bearer "+token)
	if err != nil {
		return err
	}
	route, _, _ := strings.Cut(path, "?")
	switch {
	case a.Status == http.StatusForbidden:
		return fmt.Errorf("the inspector %s may not read %s: give its service account view-realm and view-identity-providers", i.ID, orRealm(route))
	case a.Status != http.StatusOK:
		return fmt.Errorf("reading %s: status %d", orRealm(route), a.Status)
	case json.Unmarshal([]byte(a.Body), into) != nil:
		return fmt.Errorf("reading %s: not the JSON expected", orRealm(route))
	}
	return nil
}

func orRealm(route string) string {
	if route == "" {
		return "the realm"
	}
	return route
}
