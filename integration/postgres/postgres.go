// Package postgres starts a throw-away PostgreSQL on loopback, for programs of demos and tests that keep their state in one.
package postgres

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// settings are PostgreSQL's own defaults, but for where it listens and for how many. fsync and synchronous_commit stay on.
const settings = `listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
max_connections = 200
`

// Server is a running PostgreSQL with a cluster of its own.
type Server struct {
	Version string // as the server says it

	dir     string // everything of it
	port    int
	as      *syscall.Credential // nil: the user of this process
	process *child.Child
}

// Missing says what of PostgreSQL's programs has to be installed, or nil.
func Missing() error {
	for _, name := range []string{"initdb", "postgres", "pg_isready", "createdb"} {
		if _, err := exec.LookPath(program(name)); err != nil {
			return fmt.Errorf("PostgreSQL's %s is missing; Debian has it in the package postgresql", name)
		}
	}
	return nil
}

// Start makes a cluster in a temporary folder, starts it on a free port, and makes empty databases of these names. What the
// server prints goes to log.
func Start(ctx context.Context, port int, log io.Writer, databases ...string) (_ *Server, err error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	s := &Server{port: port}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "regrant-postgres-"); err != nil {
		return nil, err
	}
	if s.as, err = servant(s.dir); err != nil {
		return nil, err
	}
	if err = s.serve(ctx, log); err != nil {
		return nil, err
	}
	for _, name := range databases {
		if _, err = s.run(ctx, "createdb", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "postgres", name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// URL is where a client finds one of the databases.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, database)
}

// Stop ends the server and removes all that it kept.
func (s *Server) Stop() {
	s.process.Stop()
	_ = os.RemoveAll(s.dir)
}

// serve makes the cluster and starts the server.
func (s *Server) serve(ctx context.Context, log io.Writer) (err error) {
	data := filepath.Join(s.dir, "data")
	if _, err := s.run(ctx, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"); err != nil {
		return err
	}
	if err := appendTo(filepath.Join(data, "postgresql.conf"), fmt.Sprintf(settings, s.port)); err != nil {
		return err
	}
	if s.Version, err = s.run(ctx, "postgres", "--version"); err != nil {
		return err
	}
	server := s.command(context.WithoutCancel(ctx), "postgres", "-D", data)
	server.Stdout, server.Stderr = log, log
	if s.process, err = child.Start(server, syscall.SIGQUIT); err != nil {
		return err
	}
	return s.process.Await(ctx, 30*time.Second, "PostgreSQL", func() bool {
		_, err := s.run(ctx, "pg_isready", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port))
		return err == nil
	})
}

// servant is whom PostgreSQL runs as, which owns dir then: it refuses to run as root. Nil is the user of this process.
func servant(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// command prepares one of PostgreSQL's programs.
func (s *Server) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(name), args...) //nolint:gosec // PostgreSQL's own programs
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

func (s *Server) run(ctx context.Context, name string, args ...string) (string, error) {
	out, err := s.command(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// program is the path of one of PostgreSQL's programs. Debian's packages keep the server's out of PATH; of several versions
// the newest is taken.
func program(name string) string {
	found, _ := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name))
	if len(found) == 0 {
		return name
	}
	return found[len(found)-1]
}

// appendTo keeps the owner of the file.
func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Close()
}
