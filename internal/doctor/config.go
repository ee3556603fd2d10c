package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Config is the configuration that runs, as Caddy's admin endpoint shows it, with the deployment that it should serve.
type Config struct {
	Deployment
	places
	caddy caddyConfig
}

// caddyConfig is what is read of Caddy's JSON.
type caddyConfig struct {
	Admin struct {
		Listen string          `json:"listen"`
		Remote json.RawMessage `json:"remote"`
	} `json:"admin"`
	Logging struct {
		Logs map[string]struct {
			Level string `json:"level"`
		} `json:"logs"`
	} `json:"logging"`
	Apps struct {
		HTTP struct {
			HTTPPort int                `json:"http_port"`
			Servers  map[string]*server `json:"servers"`
		} `json:"http"`
	} `json:"apps"`
}

type server struct {
	Listen []string `json:"listen"`
	Routes []route  `json:"routes"`
	Errors struct {
		Routes []route `json:"routes"`
	} `json:"errors"`
	NamedRoutes    map[string]route  `json:"named_routes"`
	TLS            []json.RawMessage `json:"tls_connection_policies"`
	TrustedProxies *struct {
		Source string   `json:"source"`
		Ranges []string `json:"ranges"`
	} `json:"trusted_proxies"`
	Strict    int `json:"trusted_proxies_strict"`
	AutoHTTPS struct {
		Disable bool     `json:"disable"`
		Skip    []string `json:"skip"`
	} `json:"automatic_https"`
	Logs struct {
		Credentials bool `json:"should_log_credentials"`
	} `json:"logs"`
}

// ParseConfig reads Caddy's configuration.
func ParseConfig(raw []byte, d Deployment) (Config, error) {
	c := Config{Deployment: d}
	if err := json.Unmarshal(raw, &c.caddy); err != nil {
		return c, fmt.Errorf("reading the configuration of Caddy: %v", err)
	}
	return c, nil
}

// servers are those of HTTP, in the order of their names.
func (c Config) servers(each func(name string, s *server)) {
	for _, name := range slices.Sorted(maps.Keys(c.caddy.Apps.HTTP.Servers)) {
		each(name, c.caddy.Apps.HTTP.Servers[name])
	}
}

// adminListen judges where Caddy's admin endpoint listens, which asks nobody for a password.
func (c Config) adminListen() Verdict {
	listen := orDefault(c.caddy.Admin.Listen, c.AdminDefault)
	if strings.HasPrefix(listen, "unix") {
		return Pass("the admin endpoint listens on %s", listen)
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(listen, "tcp/"))
	switch {
	case err != nil:
		return Unknown("the admin endpoint listens on %q, which cannot be read", listen)
	case host == "" || !loopback(host):
		return Fail("the admin endpoint listens on %s, beyond this machine", listen)
	}
	return Pass("the admin endpoint listens on %s", listen)
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// looseProxies are the servers that believe everybody what he says of himself.
func (c Config) looseProxies() (lines []string) {
	c.servers(func(name string, s *server) {
		if s.TrustedProxies == nil {
			return
		}
		for _, text := range s.TrustedProxies.Ranges {
			if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Bits() == 0 {
				lines = append(lines, fmt.Sprintf("server %s trusts %s, which is everybody", name, text))
			}
		}
	})
	return lines
}

// unstrictProxies are the servers that take the first address in a list to which the client may have written.
func (c Config) unstrictProxies() (lines []string) {
	c.servers(func(name string, s *server) {
		if s.TrustedProxies != nil && s.Strict == 0 {
			lines = append(lines, fmt.Sprintf("server %s has trusted_proxies without trusted_proxies_strict", name))
		}
	})
	return lines
}

func (c Config) loggedCredentials() (lines []string) {
	c.servers(func(name string, s *server) {
		if s.Logs.Credentials {
			lines = append(lines, fmt.Sprintf("server %s has log_credentials", name))
		}
	})
	return lines
}

func (c Config) debugLogs() (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(c.caddy.Logging.Logs)) {
		if strings.EqualFold(c.caddy.Logging.Logs[name].Level, "debug") {
			lines = append(lines, fmt.Sprintf("the log %s is at level DEBUG", name))
		}
	}
	return lines
}

// plainCalls are the addresses that the gateway calls over a network without TLS.
func (c Config) plainCalls() (lines []string) {
	for _, address := range c.Calls {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
			lines = append(lines, address+" is called without TLS")
		}
	}
	return lines
}
