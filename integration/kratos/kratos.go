// Package kratos runs a real Ory Kratos for tests and demos, behind a gateway or by itself, and arranges and looks at things
// from the side, through its admin API. No mail leaves it unless a mail server is named: what would be sent is listed.
package kratos

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/ory"
)

// Version is the one that tools/kratos builds.
const Version = "v1.3.1"

// PersonSchema is of people with an e-mail address, by which they sign in and could be mailed.
//
//go:embed person.schema.json
var PersonSchema []byte

// Options say what to start. The fields with the name of a setting are that setting.
type Options struct {
	Program string // the built Kratos
	Dir     string // for its configuration; it must exist
	DSN     string // URL of an empty database of PostgreSQL
	Ports   [2]int // free ones, for the public and the admin API

	Origin  string   // serve.public.base_url, which is the gateway's origin; default: its own address
	UI      string   // URL below which the login app has its pages login, settings, recovery and error; default: {Origin}/ui
	Returns []string // selfservice.allowed_return_urls besides Origin
	Hydra   string   // oauth2_provider.url, the address of Hydra's admin API; default: none

	RecoveryEnabled            bool   // selfservice.flows.recovery.enabled
	UseContinueWithTransitions bool   // feature_flags.use_continue_with_transitions
	RequiredAAL                string // of whoami and settings: aal1 (default) or highest_available

	SMTP int // port of the mail server on 127.0.0.1 to which a courier sends; default: no courier runs

	Extra string    // further configuration in YAML, such as cookies; it wins
	Log   io.Writer // its output
}

// Server is a running Kratos.
type Server struct {
	PublicURL, AdminURL string // its own addresses, past the gateway

	public, admin ory.API
	process       *child.Child
}

// Start starts Kratos and returns when it is ready. It runs until Stop.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{PublicURL: local(o.Ports[0]), AdminURL: local(o.Ports[1])}
	s.public, s.admin = ory.API(s.PublicURL), ory.API(s.AdminURL)
	o.Origin = cmp.Or(strings.TrimSuffix(o.Origin, "/"), s.PublicURL)
	o.UI = cmp.Or(o.UI, o.Origin+"/ui")
	o.RequiredAAL = cmp.Or(o.RequiredAAL, "aal1")
	config, err := o.config()
	if err != nil {
		return nil, err
	}
	serve := []string{"serve"}
	if strings.HasPrefix(o.Origin, "http:") {
		serve = append(serve, "--dev") // its cookies need not be Secure then
	}
	if o.SMTP != 0 {
		serve = append(serve, "--watch-courier")
	}
	s.process, err = ory.Program{
		Name: "Kratos", Path: o.Program, Dir: o.Dir, DSN: o.DSN, Config: config, Extra: o.Extra, Serve: serve,
		Ready: s.AdminURL + "/admin/health/ready", Log: o.Log,
	}.Start(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends it.
func (s *Server) Stop() { s.process.Stop() }

func local(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

func (o Options) config() (map[string]any, error) {
	origin, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	config := map[string]any{
		"log": map[string]any{"level": "warning", "format": "text"},
		"serve": map[string]any{
			"public": map[string]any{"host": "127.0.0.1", "port": o.Ports[0], "base_url": o.Origin + "/"},
			"admin":  map[string]any{"host": "127.0.0.1", "port": o.Ports[1], "base_url": local(o.Ports[1]) + "/"},
		},
		"selfservice": map[string]any{
			"default_browser_return_url": o.UI + "/", "allowed_return_urls": append([]string{o.Origin}, o.Returns...),
			"methods": methods(origin), "flows": o.flows(),
		},
		"session":       map[string]any{"whoami": map[string]any{"required_aal": o.RequiredAAL}},
		"feature_flags": map[string]any{"use_continue_with_transitions": o.UseContinueWithTransitions},
		"secrets": map[string]any{
			"cookie": []string{"only-for-tests-0123456789abcdefg"}, "cipher": []string{"only-for-tests-0123456789abcdefg"},
		},
		"ciphers": map[string]any{"algorithm": "xchacha20-poly1305"},
		"hashers": map[string]any{"algorithm": "bcrypt", "bcrypt": map[string]any{"cost": 4}},
		"identity": map[string]any{
			"default_schema_id": "default",
			"schemas":           []any{map[string]any{"id": "default", "url": "base64://" + base64.StdEncoding.EncodeToString(PersonSchema)}},
		},
		"courier": map[string]any{"smtp": map[string]any{"connection_uri": fmt.Sprintf("smtp://127.0.0.1:%d/?disable_starttls=true", cmp.Or(o.SMTP, 1))}},
	}
	if o.Hydra != "" {
		config["oauth2_provider"] = map[string]any{"url": o.Hydra}
	}
	return config, nil
}

// methods are those that a common deployment has. Whether a password is a leaked one is not asked of anybody.
func methods(origin *url.URL) map[string]any {
	on := func(config map[string]any) map[string]any { return map[string]any{"enabled": true, "config": config} }
	return map[string]any{
		"password": on(map[string]any{"haveibeenpwned_enabled": false}), "totp": on(map[string]any{"issuer": "Example"}),
		"lookup_secret": map[string]any{"enabled": true}, "code": map[string]any{"enabled": true}, "link": map[string]any{"enabled": true},
		"passkey": on(map[string]any{"rp": map[string]any{
			"display_name": "Example", "id": origin.Hostname(), "origins": []string{origin.Scheme + "://" + origin.Host},
		}}),
	}
}

func (o Options) flows() map[string]any {
	ui := func(name string, more map[string]any) map[string]any {
		flow := map[string]any{"ui_url": o.UI + "/" + name}
		for key, value := range more {
			flow[key] = value
		}
		return flow
	}
	return map[string]any{
		"error": ui("error", nil), "login": ui("login", nil),
		"registration": ui("registration", map[string]any{"enabled": false}),
		"settings":     ui("settings", map[string]any{"privileged_session_max_age": "15m", "required_aal": o.RequiredAAL}),
		"recovery":     ui("recovery", map[string]any{"enabled": o.RecoveryEnabled, "use": "code"}),
		"logout":       map[string]any{"after": map[string]any{"default_browser_return_url": o.UI + "/login"}},
	}
}
