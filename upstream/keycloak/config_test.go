package keycloak_test

import (
	"strings"
	"testing"

	"github.com/regrant/regrant/upstream/keycloak"
)

func TestABadConfigurationIsRefused(t *testing.T) {
	good := keycloak.Config{
		URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "acme", ClientID: "gateway", ClientSecret: "secret",
		GrantClientID: "programs", GrantClientSecret: "secret",
	}
	if _, err := keycloak.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*keycloak.Config){
		"no URL":           func(c *keycloak.Config) { c.URL = "" },
		"a path":           func(c *keycloak.Config) { c.URL += "/auth" },
		"a trailing slash": func(c *keycloak.Config) { c.PublicURL += "/" },
		"credentials":      func(c *keycloak.Config) { c.PublicURL = "https://user@id.example.com" },
		"another scheme":   func(c *keycloak.Config) { c.PublicURL = "ftp://id.example.com" },
		"no realm":         func(c *keycloak.Config) { c.Realm = "" },
		"the realm master": func(c *keycloak.Config) { c.Realm = "master" },
		"a realm path":     func(c *keycloak.Config) { c.Realm = "acme/../master" },
		"an alias path":    func(c *keycloak.Config) { c.Alias = "a/b" },
		"no client":        func(c *keycloak.Config) { c.ClientID = "" },
		"no secret":        func(c *keycloak.Config) { c.ClientSecret = "" },
		"nobody's secret":  func(c *keycloak.Config) { c.GrantClientID = "" },
		"a second secret":  func(c *keycloak.Config) { c.GrantClientSecret = "" },
	} {
		cfg := good
		change(&cfg)
		if _, err := keycloak.New(cfg); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// In mode assist the realm's own way for who forgot the password is not the gateway's.
func TestATrialGoesTheWayOfTheMode(t *testing.T) {
	for strict, want := range map[bool]string{true: "/login-actions/reset-credentials", false: "/broker/own/login"} {
		a, err := keycloak.New(keycloak.Config{
			URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "acme", ClientID: "gateway", ClientSecret: "secret", Alias: "own", Strict: strict,
		})
		must(t, err)
		if path := a.TrialPath(); path.Link != want || path.Assist == strict || path.MendEntry == "" || path.MendSignIn == "" {
			t.Errorf("strict %v: %+v", strict, path)
		}
	}
}

func TestATrialKnowsWhetherProgramsAreGivenTokens(t *testing.T) {
	cfg := keycloak.Config{URL: "http://127.0.0.1:8080", PublicURL: "https://id.example.com", Realm: "acme", ClientID: "gateway", ClientSecret: "secret"}
	for client, want := range map[string]string{"": "", "programs": "https://id.example.com/realms/acme/protocol/openid-connect/userinfo"} {
		cfg.GrantClientID, cfg.GrantClientSecret = client, client
		a, err := keycloak.New(cfg)
		must(t, err)
		p := a.TrialPath().Program
		if p.URL != want || p.Option != "upstream_grant" || (p.URL != "") != (len(a.Facts().Programs) > 0) || !strings.Contains(p.Mend, client) {
			t.Errorf("client %q: %+v", client, p)
		}
	}
}
