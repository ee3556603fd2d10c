// Package keycloak runs a real Keycloak behind a gateway, for tests and
// demonstrations.
//
// [Start] runs start.sh, which fetches the server once and lays a copy of the
// imported realm.json under every start, and then tells the realm where the
// gateway is: the addresses in the realm file are placeholders. A [Server]
// has, as bootstrap administrator, the few calls that a test needs to arrange
// and to look at things without going through the adapter under test.
package keycloak

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
)

//go:embed start.sh
var script []byte

//go:embed realm.json
var realm []byte

// Names in realm.json.
const (
	Realm      = "acme"
	Alias      = "regrant"          // the gateway's broker, as the realm's identity provider
	ClientID   = "regrant-gateway"  // the gateway, as the realm's client
	ProgramsID = "regrant-programs" // the client to which programs' access tokens are issued
	AppID      = "demo-app"         // an application of the realm
)

// Options tell where the server listens and which gateway stands before it.
type Options struct {
	// Port of the server on 127.0.0.1. Zero: a free one.
	Port int
	// Origin of the gateway, such as https://localhost:8443. Every address
	// that the server issues begins with it.
	Origin string
	// Path below which the gateway answers. Empty: /recovery.
	Path string
	// AppRedirectURI of the application. Empty: Origin + "/app/callback".
	AppRedirectURI string
	// ClientSecret of the gateway's client, ProgramsSecret of that for programs,
	// and id and secret with which the server calls the gateway's broker. Empty:
	// made at this start.
	ClientSecret, ProgramsSecret, BrokerID, BrokerSecret string
	// TruststoreFile holds the PEM certificates that the server trusts when it
	// calls the gateway. Empty: the system's.
	TruststoreFile string
	// Dir holds the server's data and outlives it. Empty: a temporary one.
	Dir string
	// Arguments are further options of the server, as `kc.sh start` takes them.
	Arguments []string
	// Log receives what the server prints. Nil: nothing.
	Log io.Writer
}

// Server is a running Keycloak.
type Server struct {
	URL   string // of the server itself, past the gateway
	Realm string

	// ClientSecret is the secret of the gateway's client, ProgramsSecret that of
	// the one for programs.
	ClientSecret, ProgramsSecret string
	// BrokerID and BrokerSecret are those with which the server calls the
	// gateway's broker; see [Server.SetBroker].
	BrokerID, BrokerSecret string

	process *child.Child
	temp    string // directory to remove, if any
	http    http.Client
}

// Missing returns what this machine lacks to run the server, nil if nothing.
func Missing() error {
	for _, name := range []string{"bash", "flock", "java", "jar", "mvn"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("running Keycloak needs bash, flock, a JDK and Maven: %v", err)
		}
	}
	return nil
}

// Start runs the server until [Server.Stop], the end of ctx, or the end of
// this process, whichever comes first, and returns once the realm knows the
// gateway. The first start on a machine takes minutes, later ones seconds.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	if o.Port == 0 {
		if o.Port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	management, err := FreePort()
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL:            "http://127.0.0.1:" + strconv.Itoa(o.Port),
		Realm:          Realm,
		ClientSecret:   cmp.Or(o.ClientSecret, rand.Text()),
		ProgramsSecret: cmp.Or(o.ProgramsSecret, rand.Text()),
		BrokerID:       cmp.Or(o.BrokerID, "keycloak"),
		BrokerSecret:   cmp.Or(o.BrokerSecret, rand.Text()),
		http:           http.Client{Timeout: 20 * time.Second},
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "keycloak-"); err != nil {
			return nil, fmt.Errorf("making a data directory: %v", err)
		}
		s.temp = o.Dir
	}
	if s.process, err = launch(ctx, o, management); err != nil {
		return nil, err
	}
	ready := "http://127.0.0.1:" + strconv.Itoa(management) + "/health/ready"
	if err := s.await(ctx, ready); err != nil {
		return nil, err
	}
	if err := s.introduce(ctx, o); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends the server and waits for it. It may be called more than once.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.Stop()
	}
	if s.temp != "" {
		_ = os.RemoveAll(s.temp) // a leftover in the temporary directory harms nobody
	}
}

// launch lays out script and realm beside the data and runs the script.
func launch(ctx context.Context, o Options, management int) (*child.Child, error) {
	run := filepath.Join(o.Dir, "start.sh")
	if err := os.WriteFile(run, script, 0o600); err != nil {
		return nil, fmt.Errorf("writing the start script: %v", err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "realm.json"), realm, 0o600); err != nil {
		return nil, fmt.Errorf("writing the realm file: %v", err)
	}
	args := []string{
		run, "-p", strconv.Itoa(o.Port), "-m", strconv.Itoa(management), "-d", filepath.Join(o.Dir, "data"), "--",
		"--hostname=" + o.Origin, "--hostname-backchannel-dynamic=true",
		"--proxy-headers=xforwarded", "--proxy-trusted-addresses=127.0.0.1/32",
	}
	if o.TruststoreFile != "" {
		args = append(args, "--truststore-paths="+o.TruststoreFile)
	}
	args = append(args, o.Arguments...)
	cmd := exec.Command("bash", args...) //nolint:gosec // the arguments are ours and the test's
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	// The script gets a chance to take down the server that it has started.
	p, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, fmt.Errorf("starting Keycloak: %v", err)
	}
	context.AfterFunc(ctx, p.Stop)
	return p, nil
}

// await returns once the server is ready. Its port answers earlier, while the
// realm cannot be used yet, so the health endpoint is asked.
func (s *Server) await(ctx context.Context, ready string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for Keycloak: %w", ctx.Err())
		case <-s.process.Done():
			return errors.New("the server ended while starting; its log says why")
		case <-tick.C:
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, ready, nil)
		if err != nil {
			return fmt.Errorf("waiting for Keycloak: %v", err)
		}
		resp, err := s.http.Do(r)
		if err != nil {
			continue // not listening yet
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}
