package doctor

import (
	"net"
	"net/url"
	"strings"

	"github.com/regrant/regrant/upstream"
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
	// AdminDefault is where Caddy's admin endpoint listens if its configuration does not say, which its environment may have changed.
	AdminDefault string `json:"admin_default"`
}

// LeftToMode judges what mode strict closes: a fault there, and in mode assist left open on purpose.
func (d Deployment) LeftToMode(v Verdict) Verdict {
	if d.Strict || v.Status != StatusFail {
		return v
	}
	return Warn("%s. It is open because the mode is assist: 'caddy regrant init %s --mode strict' closes it, with 'mode strict' in the upstream", v.Seen, d.Provider.Kind)
}

// Issuer is what proofs and tokens are bound to.
func (d Deployment) Issuer() string { return d.Origin + d.Path }

// A Provider is the identity provider as the gateway is configured for it.
type Provider struct {
	Kind string `json:"kind"` // keycloak, kratos, hydra or oidc
	// URL is where the gateway calls it; AdminURL its admin API, if that has an address of its own.
	URL      string `json:"url"`
	AdminURL string `json:"admin_url,omitempty"`
	HydraURL string `json:"hydra_url,omitempty"` // admin API of the Hydra whose login app Kratos is
	BasePath string `json:"base_path,omitempty"` // of the public API at the site

	Realm    string `json:"realm,omitempty"`     // of Keycloak
	Alias    string `json:"alias,omitempty"`     // of the gateway in the realm
	BrokerID string `json:"broker_id,omitempty"` // of Keycloak at the gateway
	Grant    bool   `json:"grant,omitempty"`     // programs are given access tokens of Keycloak

	FederatedPasswords bool `json:"federated_passwords,omitempty"` // the stores of Keycloak's accounts are said to take new passwords

	RecoveryUI string `json:"recovery_ui,omitempty"` // page of the login app, at the site

	SessionTokens bool `json:"session_tokens,omitempty"` // of Kratos, for programs

	ClientID     string `json:"client_id,omitempty"`    // of the gateway at Hydra
	GrantID      string `json:"grant_id,omitempty"`     // of programs at Hydra; "": they are given nothing
	HydraIssuer  string `json:"hydra_issuer,omitempty"` // what Hydra calls itself; "": its address at the site
	Unprivileged bool   `json:"unprivileged,omitempty"` // accounts of Hydra's login app count as ordinary
}

// Admins are the admin APIs that have addresses of their own, and no password.
func (p Provider) Admins() (urls []string) {
	for _, u := range []string{p.AdminURL, p.HydraURL} {
		if u != "" {
			urls = append(urls, u)
		}
	}
	return urls
}

// thisMachine stands for the names of loopback in a [target].
const thisMachine = "loopback"

// target is host and port of an address that is dialled, alike for all names of this machine's loopback; "" if it is none.
// It takes what Caddy dials ("host:port", "tcp/host:port") and URLs.
func target(address string) string {
	for _, network := range []string{"tcp/", "tcp4/", "tcp6/"} {
		address = strings.TrimPrefix(address, network)
	}
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
		host = thisMachine
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}

// loopback tells whether a host is this machine and nobody else's business. The empty one is what Caddy dials as localhost.
func loopback(host string) bool {
	return host == "" || upstream.Loopback(host)
}
