package hydra

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/regrant/regrant/upstream"
)

// Fragment is what Hydra's configuration should say, as YAML. Its clients are no part of it. It calls nobody.
func (o Options) Fragment() string {
	text := fmt.Sprintf(`# What the gateway needs of Hydra: to be merged into its configuration. The clients are made by caddy regrant init hydra.
urls:
  self:
    # what tokens name; another one that is in use may stay, as hydra_issuer in the Caddyfile
    issuer: %[1]q
    # people come through the gateway
    public: %[1]q
  # login, consent and logout: the addresses of your login app, over https
serve:
%[2]s%[3]soidc:
  dynamic_client_registration:
    # nobody makes clients but you
    enabled: false
`, o.Origin, listens("public", o.URL, "nobody reaches it past the gateway"), listens("admin", o.Admin, "it has no password: whoever reaches it signs in as anybody"))
	if len(o.GrantScope) > 0 {
		text += `oauth2:
  grant:
    jwt:
      # an assertion counts once, and not for long
      jti_optional: false
      iat_optional: false
      max_ttl: "5m"
`
	}
	return text
}

// listens is where an API listens that is called on this machine. What is called elsewhere is for people to say.
func listens(name, address, why string) string {
	u, err := url.Parse(address)
	if err != nil || !upstream.Loopback(u.Hostname()) {
		return fmt.Sprintf("  # %s: where the gateway alone can connect (%s)\n", name, why)
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return fmt.Sprintf("  %s:\n    # %s\n    host: %q\n    port: %s\n", name, why, strings.Replace(u.Hostname(), "localhost", "127.0.0.1", 1), port)
}
