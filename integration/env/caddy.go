package env

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// config fills in the Caddyfile.
type config struct {
	Dir, Admin, Origin, Upstream, UpstreamAdmin, UpstreamHydra, ClientSecret, ProgramsSecret, BrokerSecret, Hook, HookSecret, Probation, App string
	Global, Site, Network, Method, Devices, Issuer                                                                                           string
	Kind                                                                                                                                     string
	Port, IdPPort, AdminPort, StatePort, UIPort, HydraPort, HydraAdmin                                                                       int
	Plain, NoGrant, Bare                                                                                                                     bool
	Users, Hosts                                                                                                                             []string

	Gateway  []string // more options
	Keycloak []string // more options
	Kratos   string   // further configuration
	Hydra    string   // likewise
	HydraDev bool
	SMTP     int // port
}

// caddyfile is what an operator would write, for an address on this machine. Java names no server without a dot in the
// handshake (SNI), hence default_sni.
var caddyfile = template.Must(template.New("").Parse(`{
	admin {{.Admin}}
	auto_https disable_redirects
	default_sni localhost
	skip_install_trust
	storage file_system {{.Dir}}/caddy
	{{.Global}}
	regrant {
		issuer {{.Issuer}}
		storage badger {{.Dir}}/store
{{- if not .Plain}}
		secret {file.{{.Dir}}/secret}
{{- end}}
{{- if eq .Kind "demo"}}
		upstream oidc {{.Origin}} {
			client regrant-gateway {file.{{.Dir}}/client.secret}
			broker_client demo-idp {file.{{.Dir}}/broker.secret}
			broker_redirect {{.Origin}}/callback
			assume_unprivileged risk_analysis RA-DEMO-2
			trust_pool pki_root local
		}
{{- else if eq .Kind "keycloak-oidc"}}
		upstream oidc {{.Origin}}/realms/acme {
			client regrant-gateway {file.{{.Dir}}/client.secret}
			broker_client keycloak-acme {file.{{.Dir}}/broker.secret}
			broker_redirect {{.Origin}}/realms/acme/broker/regrant/endpoint
			assume_unprivileged risk_analysis RA-DEMO-2
			trust_pool pki_root local
		}
{{- else if eq .Kind "keycloak"}}
		upstream keycloak {{.Upstream}} {
			realm acme
			client regrant-gateway {file.{{.Dir}}/client.secret}
			broker_client keycloak-acme {file.{{.Dir}}/broker.secret}
{{- if not .NoGrant}}
			upstream_grant regrant-programs {file.{{.Dir}}/programs.secret}
{{- end}}
			acr gold aal2
		}
{{- else if eq .Kind "hydra"}}
		upstream hydra {{.Upstream}} {
			admin {{.UpstreamAdmin}}
			client regrant-gateway {file.{{.Dir}}/client.secret}
			recovery_ui /ui/recovery
{{- if not .NoGrant}}
			upstream_grant regrant-programs {file.{{.Dir}}/programs.secret} orders:read orders:write
{{- end}}
			assume_unprivileged risk_analysis RA-DEMO-2
		}
{{- else}}
		upstream kratos {{.Upstream}} {
			admin {{.UpstreamAdmin}}
{{- if .HydraAdmin}}
			hydra {{.UpstreamHydra}}
{{- end}}
			recovery_ui /ui/recovery
			session_tokens
		}
{{- end}}
		method device_certificate {
			risk_analysis RA-DEMO-1
			probation {{.Probation}}
			{{.Method}}
		}
{{- if .Network}}
		throttle {
			network {{.Network}}
		}
{{- end}}
{{- range .Gateway}}
		{{.}}
{{- end}}
		notify webhook {{.Hook}} {
			secret {file.{{.Dir}}/hook.secret}
		}
	}
}

https://localhost:{{.Port}}{{range .Hosts}}, https://{{.}}:{{$.Port}}{{end}} {
	tls internal
	{{.Site}}
	regrant
{{- if .UIPort}}
	handle /ui/* {
		reverse_proxy 127.0.0.1:{{.UIPort}}
	}
{{- end}}
{{- if .HydraPort}}
	@hydra path /oauth2/* /userinfo /.well-known/openid-configuration /.well-known/jwks.json
	handle @hydra {
		reverse_proxy 127.0.0.1:{{.HydraPort}}
	}
{{- end}}
	reverse_proxy 127.0.0.1:{{.IdPPort}}
}
{{- if .Devices}}

https://devices.localhost:{{.Port}} {
	tls internal {
		protocols tls1.3
		client_auth {
			mode {{.Devices}}
			trust_pool regrant_devices
		}
	}
	regrant
}
{{- end}}
`))

// startCaddy writes the configuration and starts Caddy, which makes its certificate authority.
func (e *Env) startCaddy(ctx context.Context, c config) error {
	if err := c.writeSecrets(); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := caddyfile.Execute(&text, c); err != nil {
		return err
	}
	if err := Swept(filepath.Join(c.Dir, "caddy")); err != nil {
		return err
	}
	e.caddyfile = filepath.Join(c.Dir, "Caddyfile")
	if err := os.WriteFile(e.caddyfile, text.Bytes(), 0o600); err != nil {
		return err
	}
	if err := e.StartCaddy(ctx); err != nil {
		return err
	}
	pem, err := os.ReadFile(e.CAFile)
	if err != nil {
		return err
	}
	e.Roots = x509.NewCertPool()
	e.Roots.AppendCertsFromPEM(pem)
	e.Client = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: e.Roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 128},
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return nil
}

// Swept makes a storage of Caddy's that says it was cleaned just now. Caddy cleans a new one while it makes its first
// certificate, and deletes the folder for that if it finds it empty: it tries again after a minute.
func Swept(dir string) error {
	said, err := json.Marshal(map[string]map[string]time.Time{"tls": {"timestamp": time.Now()}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "last_clean.json"), said, 0o600)
}

// writeSecrets puts the secrets where the Caddyfile points.
func (c config) writeSecrets() error {
	strong := make([]byte, 32)
	_, _ = rand.Read(strong)
	secrets := map[string]string{"secret": base64.StdEncoding.EncodeToString(strong), "client.secret": c.ClientSecret, "programs.secret": c.ProgramsSecret, "broker.secret": c.BrokerSecret, "hook.secret": c.HookSecret}
	for name, value := range secrets {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(value), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// StartCaddy starts Caddy with the environment's Caddyfile and returns when it serves. It gets the variables, each
// NAME=value, besides those of the environment and of this process.
func (e *Env) StartCaddy(ctx context.Context, variables ...string) error {
	cmd := e.command(e.program, "run", "--config", e.caddyfile, "--adapter", "caddyfile")
	cmd.Env = append(append(cmd.Env, e.variables...), variables...)
	cmd.Stdout, cmd.Stderr = e.log, e.log
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	e.caddy = p
	return p.Await(ctx, 60*time.Second, "Caddy", func() bool {
		if _, err := os.Stat(e.CAFile); err != nil {
			return false
		}
		for _, name := range e.names {
			if !e.greets(name) {
				return false
			}
		}
		return e.administers(ctx)
	})
}

// greets tells whether Caddy has a certificate for name, each of which it makes beside serving.
func (e *Env) greets(name string) bool {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(e.Origin, "https://"), &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // only asks whether it is there
	return err == nil && conn.Close() == nil
}

// administers tells whether Caddy's admin endpoint knows the gateway, open or not: the configuration runs when all of its apps have started,
// and the servers listen sooner.
func (e *Env) administers(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.Admin+"/regrant/recoveries", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode != http.StatusNotFound
}

// StopCaddy ends Caddy in good order, KillCaddy as a power cut would.
func (e *Env) StopCaddy() { e.caddy.Stop() }

// KillCaddy ends Caddy at once.
func (e *Env) KillCaddy() { e.caddy.Kill() }

// CaddyEnded is closed when Caddy has ended, in whatever way.
func (e *Env) CaddyEnded() <-chan struct{} { return e.caddy.Done() }

// Reload loads the same Caddyfile again into the running Caddy.
func (e *Env) Reload(ctx context.Context) error {
	_, err := e.Run(ctx, "caddy", "reload", "--config", e.caddyfile, "--adapter", "caddyfile", "--address", e.Admin, "--force")
	return err
}

// Configure changes the Caddyfile and loads it into the running Caddy. A change that changes nothing is an error: what comes after it would be
// looked at in the configuration before.
func (e *Env) Configure(ctx context.Context, change func(string) string) error {
	text, err := os.ReadFile(e.caddyfile)
	if err != nil {
		return err
	}
	changed := change(string(text))
	if changed == string(text) {
		return errors.New("the Caddyfile stays as it is")
	}
	return e.Put(ctx, changed)
}

// Put makes text the Caddyfile, which it may be already, and loads it into the running Caddy.
func (e *Env) Put(ctx context.Context, text string) error {
	if err := os.WriteFile(e.caddyfile, []byte(text), 0o600); err != nil {
		return err
	}
	return e.Reload(ctx)
}

// Caddyfile is the path of the configuration.
func (e *Env) Caddyfile() string { return e.caddyfile }
