package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// plainSites are the servers that serve the gateway, or lead to the identity provider, without TLS.
func (c Config) plainSites() (lines []string) {
	c.servers(func(name string, s *server) {
		if !c.plain(s) {
			return
		}
		one := c
		one.caddy.Apps.HTTP.Servers = map[string]*server{name: s}
		w := one.walk([]string{target(c.Provider.URL)}) // passing is what counts, whatever is passed on
		if w.guards > 0 || slices.ContainsFunc(w.detours, func(d detour) bool { return !d.named }) {
			lines = append(lines, fmt.Sprintf("server %s (%s) serves it without TLS", name, strings.Join(s.Listen, ", ")))
		}
	})
	return lines
}

func (c Config) plain(s *server) bool {
	port := ":" + strconv.Itoa(cmp.Or(c.caddy.Apps.HTTP.HTTPPort, 80))
	if slices.ContainsFunc(s.Listen, func(l string) bool { return strings.HasSuffix(l, port) }) {
		return true // Caddy speaks no TLS there, whatever the policies are
	}
	return len(s.TLS) == 0 && (s.AutoHTTPS.Disable || !c.hasCertificate(s))
}

// hasCertificate tells whether Caddy has a name for which it turns TLS on by itself.
func (c Config) hasCertificate(s *server) bool {
	for _, r := range s.Routes {
		for _, raw := range r.Match {
			var m struct {
				Host []string `json:"host"`
			}
			if json.Unmarshal(raw, &m) != nil {
				continue
			}
			for _, host := range m.Host {
				if !slices.Contains(s.AutoHTTPS.Skip, host) {
					return true
				}
			}
		}
	}
	return false
}
