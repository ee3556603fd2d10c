package caddymodule

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/upstream"
)

// Upstream is a guest module in the namespace `regrant.upstreams`: it knows how to
// reach one realm of an identity provider.
type Upstream interface {
	// name is unique among the upstreams of an app and never changes with a
	// configuration that means the same one; everything stored is stored below it.
	name() string
	// upstreamTerms are what can be written about every upstream.
	upstreamTerms() *UpstreamTerms
	// adapter makes the adapter, calling nobody. origin is the public one, issuer
	// the gateway's own address there. It reads the secrets, so it is not called
	// before the configuration starts.
	adapter(origin, issuer string) (upstream.Adapter, error)
	// brokerClient is the client under which the identity provider asks the
	// gateway to identify a person, its secret not yet read. An empty secret
	// stands for one made by the key ring, an empty id for no client: the
	// identity provider brokers to nobody.
	brokerClient() Client
	// described is what the doctor needs to know of it.
	described() described
	// warnings are what is legal in this configuration but wide open.
	warnings() []string
}

// Client is an OAuth client with its secret.
type Client struct {
	// The client identifier.
	ID string `json:"id,omitempty"`

	// The client secret; usually a placeholder, such as
	// `{file./etc/regrant/keycloak.secret}`, which is read when the
	// configuration starts.
	Secret string `json:"secret,omitempty"`
}

// readClient reads '<id> <secret>'.
func readClient(d *caddyfile.Dispenser, c **Client) error {
	if *c != nil {
		return twice(d)
	}
	*c = new(Client)
	return readOnce(d, &(*c).ID, &(*c).Secret)
}

// expand replaces placeholders in what is no secret.
func (c *Client) expand() error {
	if c == nil {
		return nil
	}
	return expand(&c.ID)
}

// check checks the values of a client that may be missing.
func (c *Client) check(name string) error {
	if c == nil {
		return nil
	}
	if c.ID == "" {
		return fmt.Errorf("%s has no id: write '%s ID SECRET'", name, name)
	}
	return checkWord(name, c.ID)
}

// checkStrong is check for a client whose secret others could try to guess.
func (c *Client) checkStrong(name string) error {
	if c == nil {
		return nil
	}
	return firstError(checkSecret("the secret of "+name, c.Secret), c.check(name))
}

// read reads the secret of a client that may be missing, which has none.
func (c *Client) read(name string) (string, error) {
	if c == nil {
		return "", nil
	}
	return readSecret("the secret of "+name, c.Secret)
}

// httpClient makes the client for calls to an identity provider; nil: with the roots of the system. Time, size and redirects are bounded by
// [upstream.BoundedClient], which is made of it.
func httpClient(config *tls.Config) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// An environment variable must not decide who sees the client secret.
	transport.Proxy = nil
	if config != nil {
		transport.TLSClientConfig = config
	}
	return &http.Client{Transport: observe.Transport(transport)}
}

// plaintextWarning says when a secret travels in clear over a network.
func plaintextWarning(raw, secret string) []string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "https" || upstream.Loopback(u.Hostname()) {
		return nil
	}
	return []string{"the identity provider is called over plain http, so whoever can listen on the way to " + u.Host + " learns " + secret}
}

// hostWord turns the host of a URL into a word for names of stored keys.
func hostWord(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	if host, port, err := net.SplitHostPort(u.Host); err == nil {
		return host + "_" + port
	}
	return u.Host
}
