// Package hydra runs a real Ory Hydra for tests and demos, as an authorization server with the login app of somebody, and as
// something to measure beside: it too exchanges an assertion for an access token (RFC 7523).
package hydra

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/ory"
)

// Version is the one that tools/hydra builds.
const Version = "v2.3.0"

// Options say what to start.
type Options struct {
	Program string // the built Hydra
	Dir     string // for its configuration; it must exist
	DSN     string // URL of an empty database of PostgreSQL
	Ports   [2]int // free ones, for the public and the admin API

	Issuer  string // urls.self.issuer and urls.self.public, which lie behind the gateway; default: its own address
	Login   string // urls.login, and the next two likewise; default: Hydra's own page that says that there is none
	Consent string
	Logout  string

	Extra string // further configuration in YAML; it wins
	Dev   bool   // its mode for development, which an issuer without TLS has anyway
	Log   io.Writer
}

// Server is a running Hydra.
type Server struct {
	Admin
	PublicURL, AdminURL string // its own addresses, past the gateway
	Address             string // of the public API, host and port
	Issuer              string
	TokenURL            string // as the audience of assertions has to name it

	process *child.Child
}

// Start starts Hydra and returns when it is ready. It runs until Stop.
func Start(ctx context.Context, o Options) (*Server, error) {
	public, admin := fmt.Sprintf("127.0.0.1:%d", o.Ports[0]), fmt.Sprintf("127.0.0.1:%d", o.Ports[1])
	o.Issuer = cmp.Or(strings.TrimSuffix(o.Issuer, "/"), "http://"+public)
	s := &Server{
		Admin: At("http://" + admin), PublicURL: "http://" + public, AdminURL: "http://" + admin, Address: public,
		Issuer: o.Issuer, TokenURL: o.Issuer + "/oauth2/token",
	}
	serve := []string{"serve", "all"}
	if o.Dev || strings.HasPrefix(o.Issuer, "http:") {
		serve = append(serve, "--dev")
	}
	var err error
	s.process, err = ory.Program{
		Name: "Hydra", Path: o.Program, Dir: o.Dir, DSN: o.DSN, Config: o.config(), Extra: o.Extra, Serve: serve,
		Ready: s.AdminURL + "/health/ready", Log: o.Log,
	}.Start(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends it.
func (s *Server) Stop() { s.process.Stop() }

// config is what its documentation proposes for PostgreSQL, with opaque access tokens.
func (o Options) config() map[string]any {
	urls := map[string]any{"self": map[string]any{
		"issuer": o.Issuer, "public": o.Issuer, "admin": fmt.Sprintf("http://127.0.0.1:%d", o.Ports[1]),
	}}
	for name, address := range map[string]string{"login": o.Login, "consent": o.Consent, "logout": o.Logout} {
		if address != "" {
			urls[name] = address
		}
	}
	return map[string]any{
		"log": map[string]any{"level": "warn"},
		"serve": map[string]any{
			"public": map[string]any{"host": "127.0.0.1", "port": o.Ports[0]},
			"admin":  map[string]any{"host": "127.0.0.1", "port": o.Ports[1]},
		},
		"urls": urls,
		"secrets": map[string]any{
			"system": []string{"only-for-measuring-0123456789abcdef"}, "cookie": []string{"only-for-measuring-0123456789abcdef"},
		},
		"strategies": map[string]any{"access_token": "opaque"},
		"oauth2": map[string]any{"grant": map[string]any{"jwt": map[string]any{
			"jti_optional": false, "iat_optional": false, "max_ttl": "1h",
		}}},
	}
}
