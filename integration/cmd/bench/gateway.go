package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"text/template"
	"time"

	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/claimant"
	realm "github.com/regrant/regrant/integration/keycloak"
)

// Kinds of identity provider that a gateway is configured for; none is a Caddy without the gateway.
const (
	none     = ""
	keycloak = "keycloak" // with its guard on what passes; it need not run for that
	oidc     = "oidc"     // is never asked, so that what is measured is the gateway alone
)

// origin is where the gateway says that it is. The requests come without TLS, as from a proxy before it.
const origin = "https://gateway.example"

const issuer = origin + "/recovery"

// application is a client that every gateway knows and that authenticates by private_key_jwt.
var application = &claimant.Application{ID: "bench-application", Issuer: issuer, Key: claimant.NewKey()}

//go:embed caddyfile.tmpl
var caddyfileText string

var caddyfile = template.Must(template.New("").Parse(caddyfileText))

// caddy is a running Caddy, of the kind that Upstream says.
type caddy struct {
	Dir, Upstream, Admin, Origin, Backend, Hook string
	Port                                        int
	Application                                 *claimant.Application

	process *child.Child
}

// startCaddy starts one with a store of its own. What it proxies is at backend, what gets its notices at hook.
func (b *bench) startCaddy(ctx context.Context, upstream, backend, hook string) (_ *caddy, err error) {
	c := &caddy{Upstream: upstream, Origin: origin, Backend: backend, Hook: hook, Application: application}
	if c.Dir, err = os.MkdirTemp(b.dir, "caddy-"); err != nil {
		return nil, err
	}
	ports, err := realm.FreePorts(2)
	if err != nil {
		return nil, err
	}
	c.Port, c.Admin = ports[0], fmt.Sprintf("127.0.0.1:%d", ports[1])
	file, err := c.configure()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(b.bin, "caddy"), "run", "--config", file, "--adapter", "caddyfile") //nolint:gosec // the program of this repository
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, b.log, b.log
	cmd.Env = append(os.Environ(), "HOME="+c.Dir, "XDG_DATA_HOME="+c.Dir, "XDG_CONFIG_HOME="+c.Dir)
	if c.process, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	if err := c.await(ctx); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// configure writes the configuration and the secret that it names.
func (c *caddy) configure() (file string, err error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	if err := os.WriteFile(filepath.Join(c.Dir, "secret"), []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := caddyfile.Execute(&text, c); err != nil {
		return "", err
	}
	file = filepath.Join(c.Dir, "Caddyfile")
	return file, os.WriteFile(file, text.Bytes(), 0o600)
}

// address is where it serves.
func (c *caddy) address() string { return fmt.Sprintf("127.0.0.1:%d", c.Port) }

// await waits until it serves, and until recovery is open if it is a gateway.
func (c *caddy) await(ctx context.Context) error {
	path := "/"
	if c.Upstream != none {
		path = "/recovery/jwks.json"
	}
	return c.process.Await(ctx, 30*time.Second, "Caddy", func() bool {
		resp, err := http.Get("http://" + c.address() + path)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// stop ends it and removes what it kept.
func (c *caddy) stop() {
	c.process.Stop()
	_ = os.RemoveAll(c.Dir)
}

// serve answers on a free port of this machine until the returned function is called.
func serve(h http.Handler) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}

// backend is what stands behind Caddy: it costs as little as can be, so that what is before it shows.
var backend = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "ok\n")
})
