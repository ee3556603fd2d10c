// Package hydra starts Ory Hydra on a PostgreSQL of its own, as something to measure beside: it too exchanges an
// assertion for an access token (RFC 7523). Both are real, listen on loopback only, and leave nothing behind.
package hydra

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// Version is the one that tools/hydra builds.
const Version = "v2.3.0"

// config is what its documentation proposes for PostgreSQL, with opaque access tokens. The pool has the size at which it
// was fastest on two cores.
const config = `sqa:
  opt_out: true
log:
  level: warn
serve:
  public: { host: 127.0.0.1, port: %[1]d }
  admin: { host: 127.0.0.1, port: %[2]d }
urls:
  self:
    issuer: http://127.0.0.1:%[1]d
    public: http://127.0.0.1:%[1]d
    admin: http://127.0.0.1:%[2]d
secrets:
  system: [ "only-for-measuring-0123456789abcdef" ]
  cookie: [ "only-for-measuring-0123456789abcdef" ]
strategies:
  access_token: opaque
oauth2:
  grant:
    jwt:
      jti_optional: false
      iat_optional: false
      max_ttl: 1h
`

// Options say what to start.
type Options struct {
	Program string // the built Hydra
	Dir     string // for its configuration; it must exist
	Ports   [3]int // free ones, for both of its servers and PostgreSQL
	Log     io.Writer
}

// Server is a running Hydra.
type Server struct {
	Address  string // of the public API, host and port
	TokenURL string
	Database string // what keeps its state, with its version

	admin    string
	postgres *postgres
	process  *child.Child
}

// Missing says what of the machine's own programs has to be installed, or nil.
func Missing() error {
	for _, name := range []string{"initdb", "postgres", "pg_isready"} {
		if _, err := exec.LookPath(program(name)); err != nil {
			return fmt.Errorf("PostgreSQL's %s is missing; in Debian it is in the package postgresql-15", name)
		}
	}
	return nil
}

// Start starts both, and stops what it started when one cannot be started.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	public, admin := fmt.Sprintf("127.0.0.1:%d", o.Ports[0]), fmt.Sprintf("127.0.0.1:%d", o.Ports[1])
	s := &Server{Address: public, TokenURL: "http://" + public + "/oauth2/token", admin: "http://" + admin}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if s.postgres, err = startPostgres(ctx, o.Ports[2], o.Log); err != nil {
		return nil, err
	}
	s.Database = s.postgres.version
	file := filepath.Join(o.Dir, "hydra.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, o.Ports[0], o.Ports[1]), 0o600); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx, o, file); err != nil {
		return nil, err
	}
	cmd := s.command(o, "serve", "all", "--dev", "--sqa-opt-out", "-c", file) // --dev: an issuer without TLS
	if s.process, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	return s, s.process.Await(ctx, 30*time.Second, "Hydra", func() bool {
		resp, err := http.Get("http://" + public + "/health/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func (s *Server) migrate(ctx context.Context, o Options, file string) error {
	p, err := child.Start(s.command(o, "migrate", "sql", "-e", "-y", "-c", file), syscall.SIGKILL)
	if err != nil {
		return err
	}
	if err := p.Wait(ctx); err != nil {
		return fmt.Errorf("preparing Hydra's database: %w", err)
	}
	return nil
}

func (s *Server) command(o Options, args ...string) *exec.Cmd {
	cmd := exec.Command(o.Program, args...) //nolint:gosec // the program that tools/hydra built
	cmd.Dir = o.Dir
	cmd.Env = append(os.Environ(), "HOME="+o.Dir, "DSN="+s.postgres.url+"&max_conns=20&max_idle_conns=20")
	cmd.Stdout, cmd.Stderr = o.Log, o.Log
	return cmd
}

// Stop ends both.
func (s *Server) Stop() {
	s.process.Stop()
	if s.postgres != nil {
		s.postgres.stop()
	}
}
