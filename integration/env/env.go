// Package env starts everything that a recovery needs, for demos and for the tests that knock at the front door: Caddy
// with the module, an identity provider behind it, an application, and the operator's webhook. All of it is real and
// listens on loopback only; all of it ends with the Env.
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
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// Kinds of identity provider.
const (
	Keycloak = "keycloak"
	Demo     = "demo"
)

// Options say what to start.
type Options struct {
	IdP       string    // Keycloak or Demo
	Bin       string    // folder with caddy, regrant and, for Demo, demoidp
	Dir       string    // everything is kept below; it must exist
	Log       io.Writer // output of the programs
	Probation string    // of new devices; default 0s
	Patient   bool      // limits so wide that a hundred attempts at once pass
	Through   string    // address by which the gateway calls the identity provider, to put faults in between; default: the IdP's own
}

// Env is a running environment. The exported fields without tags are for Go; the tagged ones are what `make up` prints.
type Env struct {
	Origin string `json:"origin"`  // https://localhost:PORT
	Issuer string `json:"issuer"`  // {origin}/recovery
	CAFile string `json:"ca_file"` // anchor of Origin's certificate
	IdP    string `json:"idp"`     // the identity provider's own address
	Admin  string `json:"admin"`   // Caddy's admin address
	Bin    string `json:"bin"`
	Dir    string `json:"dir"`

	Kind     string         `json:"-"`
	App      *App           `json:"-"`
	Hook     *Hook          `json:"-"`
	Provider Provider       `json:"-"`
	Roots    *x509.CertPool `json:"-"`
	Client   *http.Client   `json:"-"` // trusts Roots, follows no redirects

	log       io.Writer
	caddy     *process
	caddyfile string
}

// Provider is the identity provider as a demo or test looks at it, from the side.
type Provider interface {
	// URL is its own address.
	URL() string
	// Sessions counts the sessions of the user at the provider.
	Sessions(ctx context.Context, user string) (int, error)
	// Links counts the user's links to the gateway's broker.
	Links(ctx context.Context, user string) (int, error)
	// Stop ends it.
	Stop()
}

// Start starts everything, and stops what it started when one part cannot be started.
func Start(ctx context.Context, o Options) (_ *Env, err error) {
	e := &Env{Kind: o.IdP, Bin: o.Bin, Dir: o.Dir, log: o.Log}
	defer func() {
		if err != nil {
			e.Stop()
		}
	}()
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	e.Origin = fmt.Sprintf("https://localhost:%d", ports[0])
	e.Issuer = e.Origin + "/recovery"
	e.Admin = fmt.Sprintf("127.0.0.1:%d", ports[1])
	e.CAFile = filepath.Join(o.Dir, "caddy", "pki", "authorities", "local", "root.crt")

	hookSecret := make([]byte, 32)
	_, _ = rand.Read(hookSecret)
	if e.Hook, err = startHook(hookSecret); err != nil {
		return nil, err
	}
	app, listener, err := startApp(appClient)
	if err != nil {
		return nil, err
	}
	e.App = app
	c := config{
		Dir: o.Dir, Port: ports[0], Admin: e.Admin, Origin: e.Origin, IdPPort: ports[2], Upstream: o.Through, Demo: o.IdP == Demo,
		ClientSecret: random(), BrokerSecret: random(), Hook: e.Hook.URL, HookSecret: base64.StdEncoding.EncodeToString(hookSecret),
		Probation: o.Probation, App: app.CallbackURL(), Patient: o.Patient,
	}
	if c.Upstream == "" {
		c.Upstream = fmt.Sprintf("http://127.0.0.1:%d", c.IdPPort)
	}
	if c.Probation == "" {
		c.Probation = "0s"
	}
	if err := e.startCaddy(ctx, c); err != nil {
		return nil, err
	}
	if e.Provider, err = startProvider(ctx, e, c); err != nil {
		return nil, err
	}
	e.IdP = e.Provider.URL()
	authorize, token := endpoints(e)
	app.serve(listener, authorize, token, e.Client)
	return e, nil
}

// appClient is the application's client id at the identity provider.
const appClient = "demo-app"

// Stop ends everything.
func (e *Env) Stop() {
	if e.Provider != nil {
		e.Provider.Stop()
	}
	e.caddy.stop()
	if e.App != nil {
		e.App.stop()
	}
	if e.Hook != nil {
		e.Hook.stop()
	}
}

// config fills in the Caddyfile.
type config struct {
	Dir, Admin, Origin, Upstream, ClientSecret, BrokerSecret, Hook, HookSecret, Probation, App string
	Port, IdPPort                                                                              int
	Demo, Patient                                                                              bool
}

// caddyfile is what an operator would write, for an address on this machine. Java names no server without a dot in the
// handshake (SNI), hence default_sni.
var caddyfile = template.Must(template.New("").Parse(`{
	admin {{.Admin}}
	auto_https disable_redirects
	default_sni localhost
	skip_install_trust
	storage file_system {{.Dir}}/caddy
	regrant {
		issuer {{.Origin}}
		storage badger {{.Dir}}/store
		secret {file.{{.Dir}}/secret}
{{- if .Demo}}
		upstream oidc {{.Origin}} {
			client regrant-gateway {file.{{.Dir}}/client.secret}
			broker_client demo-idp {file.{{.Dir}}/broker.secret}
			broker_redirect {{.Origin}}/callback
			assume_unprivileged risk_analysis RA-DEMO-2
			trust_pool pki_root local
		}
{{- else}}
		upstream keycloak {{.Upstream}} {
			realm acme
			client regrant-gateway {file.{{.Dir}}/client.secret}
			broker_client keycloak-acme {file.{{.Dir}}/broker.secret}
		}
{{- end}}
		method device_certificate {
			risk_analysis RA-DEMO-1
			probation {{.Probation}}
		}
{{- if .Patient}}
		throttle {
			network 1000000 1m
			account 1000000 1m
		}
{{- end}}
		notify webhook {{.Hook}} {
			secret {file.{{.Dir}}/hook.secret}
		}
	}
}

https://localhost:{{.Port}} {
	tls internal
	regrant
	reverse_proxy 127.0.0.1:{{.IdPPort}}
}
`))

// startCaddy writes the configuration and starts Caddy, which makes its certificate authority.
func (e *Env) startCaddy(ctx context.Context, c config) error {
	strong := make([]byte, 32)
	_, _ = rand.Read(strong)
	secrets := map[string]string{"secret": base64.StdEncoding.EncodeToString(strong), "client.secret": c.ClientSecret, "broker.secret": c.BrokerSecret, "hook.secret": c.HookSecret}
	for name, value := range secrets {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(value), 0o600); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	if err := caddyfile.Execute(&text, c); err != nil {
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

// StartCaddy starts Caddy with the environment's Caddyfile and returns when it serves.
func (e *Env) StartCaddy(ctx context.Context) error {
	cmd := e.command("caddy", "run", "--config", e.caddyfile, "--adapter", "caddyfile")
	p, err := startProcess(cmd, e.log)
	if err != nil {
		return err
	}
	e.caddy = p
	return await(ctx, 60*time.Second, "Caddy", p, func() bool {
		if _, err := os.Stat(e.CAFile); err != nil {
			return false
		}
		conn, err := tls.Dial("tcp", strings.TrimPrefix(e.Origin, "https://"), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // only asks whether it listens
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// StopCaddy ends Caddy in good order, KillCaddy as a power cut would.
func (e *Env) StopCaddy() { e.caddy.stop() }

// KillCaddy ends Caddy at once.
func (e *Env) KillCaddy() { e.caddy.kill() }

// Reload loads the same Caddyfile again into the running Caddy.
func (e *Env) Reload(ctx context.Context) error {
	_, err := e.Run(ctx, "caddy", "reload", "--config", e.caddyfile, "--adapter", "caddyfile", "--address", e.Admin, "--force")
	return err
}

// Caddyfile is the path of the configuration.
func (e *Env) Caddyfile() string { return e.caddyfile }

// ExitError is a program of ours that ended with another status than 0.
type ExitError struct {
	Program string
	Code    int
	Stderr  string
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("%s: exit %d: %s", e.Program, e.Code, e.Stderr)
}

// Run runs one of the built programs and returns its standard output.
func (e *Env) Run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := e.command(program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p, err := startProcess(cmd, nil)
	if err != nil {
		return "", err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return stdout.String(), ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return stdout.String(), &ExitError{Program: program, Code: exit.ExitCode(), Stderr: strings.TrimSpace(stderr.String())}
	}
	return stdout.String(), p.err
}

// Operator runs `caddy regrant …` as the operator and decodes its JSON into out, unless that is nil.
func (e *Env) Operator(ctx context.Context, out any, args ...string) error {
	text, err := e.Run(ctx, "caddy", append(append([]string{"regrant"}, args...), "--address", e.Admin, "--json")...)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(text), out)
}

// command prepares a program with nothing of this user's own configuration in reach.
func (e *Env) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(e.Bin, program), args...) //nolint:gosec // the programs of this repository
	cmd.Dir = e.Dir
	cmd.Env = append(os.Environ(), "HOME="+e.Dir, "XDG_DATA_HOME="+filepath.Join(e.Dir, "data"), "XDG_CONFIG_HOME="+filepath.Join(e.Dir, "config"))
	return cmd
}

// freePorts asks the system for ports nobody uses just now.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
