package grant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v3"
)

func TestNewRefusesBadConfig(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"issuer of http":           func(c *Config) { c.Issuer = "http://id.example.com/recovery" },
		"issuer with query":        func(c *Config) { c.Issuer += "?x" },
		"issuer with empty query":  func(c *Config) { c.Issuer += "?" },
		"issuer with fragment":     func(c *Config) { c.Issuer += "#x" },
		"issuer with slash":        func(c *Config) { c.Issuer += "/" },
		"issuer with user":         func(c *Config) { c.Issuer = "https://u@id.example.com/recovery" },
		"no key":                   func(c *Config) { c.Keys = nil },
		"key without private half": func(c *Config) { c.Keys[0].Private = nil },
		"key on P-384":             func(c *Config) { c.Keys[0].Private = p384 },
		"key without identifier":   func(c *Config) { c.Keys[0].ID = "" },
		"identifier used twice":    func(c *Config) { c.Keys[0].ID = c.Keys[1].ID },
		"short secret":             func(c *Config) { c.Secret = c.Secret[:31] },
		"long secret":              func(c *Config) { c.Secret = append(c.Secret, 0) },
		"no store":                 func(c *Config) { c.Recoveries = nil },
		"client with a secret":     func(c *Config) { c.Clients = []Client{{ID: "x"}} },
		"client without name":      func(c *Config) { c.Clients = []Client{{Public: true}} },
		"built-in client again":    func(c *Config) { c.Clients = []Client{{ID: ClientBrowser, Public: true}} },
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

func TestMetadataDescribesTheServer(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(newFixture(t).Metadata(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"issuer":                                `"https://id.example.com/recovery"`,
		"token_endpoint":                        `"https://id.example.com/recovery/token"`,
		"jwks_uri":                              `"https://id.example.com/recovery/jwks.json"`,
		"scopes_supported":                      `["recovery:complete"]`,
		"response_types_supported":              `[]`,
		"grant_types_supported":                 `["urn:ietf:params:oauth:grant-type:jwt-bearer"]`,
		"token_endpoint_auth_methods_supported": `["none"]`,
		"dpop_signing_alg_values_supported":     `["ES256"]`,
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for member, value := range want {
		if encoded, err := json.Marshal(got[member]); err != nil || string(encoded) != value {
			t.Errorf("%s: %s, want %s", member, encoded, value)
		}
	}
}

func TestJWKSPublishesPublicKeysOnly(t *testing.T) {
	f := newFixture(t)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(f.JWKS(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 || strings.Contains(string(f.JWKS()), `"d"`) {
		t.Fatalf("got %s", f.JWKS())
	}
	signed, err := jose.ParseSigned(f.mint(t, good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signed.Verify(set.Key("key-1")[0]); err != nil {
		t.Errorf("published key does not verify: %v", err)
	}
	for _, key := range set.Keys {
		if !key.IsPublic() || key.Algorithm != "ES256" || key.Use != "sig" {
			t.Errorf("got %+v", key)
		}
	}
}
