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
		"issuer of http":            func(c *Config) { c.Issuer = "http://id.example.com/recovery" },
		"issuer with query":         func(c *Config) { c.Issuer += "?x" },
		"issuer with empty query":   func(c *Config) { c.Issuer += "?" },
		"issuer with fragment":      func(c *Config) { c.Issuer += "#x" },
		"issuer with slash":         func(c *Config) { c.Issuer += "/" },
		"issuer with user":          func(c *Config) { c.Issuer = "https://u@id.example.com/recovery" },
		"no key":                    func(c *Config) { c.Keys = nil },
		"no keys":                   withKeys(),
		"key without private half":  withKeys(Key{ID: "x"}),
		"key on P-384":              withKeys(Key{ID: "x", Private: p384}),
		"key without identifier":    withKeys(newKey(t, "")),
		"identifier used twice":     withKeys(newKey(t, "x"), newKey(t, "x")),
		"short secret":              func(c *Config) { c.Secret = c.Secret[:31] },
		"long secret":               func(c *Config) { c.Secret = append(c.Secret, 0) },
		"no store":                  func(c *Config) { c.Recoveries = nil },
		"client without credential": func(c *Config) { c.Clients = []Client{{ID: "x"}} },
		"public client with a credential": func(c *Config) {
			c.Clients = []Client{{ID: "x", Public: true, Credential: CertificateField{DNS: "x.example.com"}}}
		},
		"client twice":          func(c *Config) { c.Clients = []Client{{ID: "x", Public: true}, {ID: "x", Public: true}} },
		"client without name":   func(c *Config) { c.Clients = []Client{{Public: true}} },
		"built-in client again": func(c *Config) { c.Clients = []Client{{ID: ClientBrowser, Public: true}} },
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

func withKeys(keys ...Key) func(*Config) {
	return func(c *Config) { c.Keys = func() []Key { return keys } }
}

func TestMetadataDescribesTheServer(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(newFixture(t).Metadata(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"issuer":                                     `"https://id.example.com/recovery"`,
		"token_endpoint":                             `"https://id.example.com/recovery/token"`,
		"jwks_uri":                                   `"https://id.example.com/recovery/jwks.json"`,
		"scopes_supported":                           `["recovery:complete"]`,
		"response_types_supported":                   `[]`,
		"grant_types_supported":                      `["urn:ietf:params:oauth:grant-type:jwt-bearer"]`,
		"token_endpoint_auth_methods_supported":      `["none"]`,
		"revocation_endpoint":                        `"https://id.example.com/recovery/revoke"`,
		"introspection_endpoint":                     `"https://id.example.com/recovery/introspect"`,
		"revocation_endpoint_auth_methods_supported": `["none"]`,
		"dpop_signing_alg_values_supported":          `["ES256"]`,
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
