package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
)

func TestNewRefusesBadConfig(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"issuer of http":         func(c *Config) { c.Issuer = "http://id.example.com/recovery/oidc" },
		"issuer with slash":      func(c *Config) { c.Issuer += "/" },
		"no key":                 func(c *Config) { c.Keys = nil },
		"key on P-384":           func(c *Config) { c.Keys = func() []Key { return []Key{{ID: "x", Private: p384}} } },
		"short secret":           func(c *Config) { c.Secret = c.Secret[:31] },
		"no store":               func(c *Config) { c.Logins = nil },
		"client without name":    func(c *Config) { c.Client.ID = "" },
		"guessable secret":       func(c *Config) { c.Client.Secret = "changeme" },
		"no redirect URI":        func(c *Config) { c.Client.RedirectURIs = nil },
		"relative redirect URI":  func(c *Config) { c.Client.RedirectURIs = []string{"/cb"} },
		"redirect URI, fragment": func(c *Config) { c.Client.RedirectURIs = []string{redirectURI + "#x"} },
		"redirect URI over http": func(c *Config) { c.Client.RedirectURIs = []string{"http://id.example.com/cb"} },
	} {
		t.Run(name, func(t *testing.T) {
			config := newFixture(t).config
			change(&config)
			if s, err := New(config); err == nil || s != nil {
				t.Errorf("got %v, %v", s, err)
			}
		})
	}
}

func TestDiscoveryDescribesTheProvider(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(newFixture(t).Discovery(), &got); err != nil {
		t.Fatal(err)
	}
	for member, value := range map[string]string{
		"issuer":                                         `"https://id.example.com/recovery/oidc"`,
		"authorization_endpoint":                         `"https://id.example.com/recovery/oidc/authorize"`,
		"token_endpoint":                                 `"https://id.example.com/recovery/oidc/token"`,
		"jwks_uri":                                       `"https://id.example.com/recovery/oidc/jwks"`,
		"scopes_supported":                               `["openid"]`,
		"response_types_supported":                       `["code"]`,
		"response_modes_supported":                       `["query"]`,
		"grant_types_supported":                          `["authorization_code"]`,
		"subject_types_supported":                        `["public"]`,
		"id_token_signing_alg_values_supported":          `["ES256"]`,
		"token_endpoint_auth_methods_supported":          `["client_secret_basic","client_secret_post"]`,
		"code_challenge_methods_supported":               `["S256"]`,
		"request_uri_parameter_supported":                `false`,
		"request_parameter_supported":                    `false`,
		"authorization_response_iss_parameter_supported": `true`,
	} {
		if encoded, err := json.Marshal(got[member]); err != nil || string(encoded) != value {
			t.Errorf("%s: %s, want %s", member, encoded, value)
		}
	}
}

func TestJWKSPublishesPublicKeysOnly(t *testing.T) {
	if jwks := string(newFixture(t).JWKS()); strings.Contains(jwks, `"d"`) || !strings.Contains(jwks, `"kid":"oidc-1"`) {
		t.Errorf("got %s", jwks)
	}
}
