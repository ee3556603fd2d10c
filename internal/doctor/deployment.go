package doctor

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// A Deployment is what the gateway says of itself, without a secret.
type Deployment struct {
	// Name is what the upstream is called, by which directives may choose it.
	Name string `json:"name"`
	// Origin is that under which people reach the identity provider; Path the one below which the gateway answers.
	Origin string `json:"origin"`
	Path   string `json:"path"`
	// Strict tells that accounts are recovered through the gateway only.
	Strict   bool     `json:"strict"`
	Provider Provider `json:"provider"`
	// Calls are the addresses that the gateway calls: the identity provider and the receivers of notices.
	Calls []string `json:"calls"`
	// Keys are the identifiers of the public keys of recovery tokens: in use, waiting for it, and just out of it.
	Keys []string `json:"keys"`
}

// Issuer is what proofs and tokens are bound to.
func (d Deployment) Issuer() string { return d.Origin + d.Path }

// A Provider is the identity provider as the gateway is configured for it.
type Provider struct {
	Kind string `json:"kind"` // keycloak, kratos or oidc
	// URL is where the gateway calls it; AdminURL its admin API, if that has an address of its own.
	URL      string `json:"url"`
	AdminURL string `json:"admin_url,omitempty"`

	Realm    string `json:"realm,omitempty"`     // of Keycloak
	Alias    string `json:"alias,omitempty"`     // of the gateway in the realm
	ClientID string `json:"client_id,omitempty"` // of the gateway at Keycloak
	BrokerID string `json:"broker_id,omitempty"` // of Keycloak at the gateway
	Grant    bool   `json:"grant,omitempty"`     // programs are given access tokens of Keycloak

	SessionTokens bool   `json:"session_tokens,omitempty"` // of Kratos, for programs
	RecoveryUI    string `json:"recovery_ui,omitempty"`    // path of Kratos' page for it
	BasePath      string `json:"base_path,omitempty"`      // of Kratos' public API at the site
}

// target is host and port of an address that is dialled, alike for all names of this machine's loopback; "" if it is none.
// It takes what Caddy dials ("host:port", "tcp/host:port") and URLs.
func target(address string) string {
	address = strings.TrimPrefix(strings.TrimPrefix(address, "tcp/"), "tcp4/")
	if u, err := url.Parse(address); err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		address = net.JoinHostPort(u.Hostname(), port)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if loopback(host) {
		host = "loopback"
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}

// loopback tells whether a host is this machine and nobody else's business. The empty one is what Caddy dials as localhost.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}
