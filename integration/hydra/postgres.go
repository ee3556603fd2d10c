package hydra

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

// programs is where Debian's package keeps the server; elsewhere it is looked for in PATH.
const programs = "/usr/lib/postgresql/15/bin"

// settings are PostgreSQL's own defaults, but for where it listens and for how many. fsync and synchronous_commit stay on.
const settings = `listen_addresses = '127.0.0.1'
port = %d
unix_socket_directories = ''
max_connections = 200
`

// postgres is a throw-away cluster.
type postgres struct {
	dir     string // everything of it
	url     string
	version string // as the server says it
	process *child.Child
}

// startPostgres makes a cluster in a temporary folder and starts it.
func startPostgres(ctx context.Context, port int, log io.Writer) (_ *postgres, err error) {
	p := &postgres{url: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port)}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if p.dir, err = os.MkdirTemp("", "regrant-postgres-"); err != nil {
		return nil, err
	}
	as, err := servant(p.dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(p.dir, "data")
	if _, err = p.run(ctx, as, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"); err != nil {
		return nil, err
	}
	if err = appendTo(filepath.Join(data, "postgresql.conf"), fmt.Sprintf(settings, port)); err != nil {
		return nil, err
	}
	if p.version, err = p.run(ctx, as, "postgres", "--version"); err != nil {
		return nil, err
	}
	server := p.command(ctx, as, "postgres", "-D", data)
	server.Stdout, server.Stderr = log, log
	if p.process, err = child.Start(server, syscall.SIGQUIT); err != nil {
		return nil, err
	}
	return p, p.process.Await(ctx, 30*time.Second, "PostgreSQL", func() bool {
		_, err := p.run(ctx, as, "pg_isready", "-h", "127.0.0.1", "-p", strconv.Itoa(port))
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
func (p *postgres) command(ctx context.Context, as *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(name), args...) //nolint:gosec // PostgreSQL's own programs
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}

func (p *postgres) run(ctx context.Context, as *syscall.Credential, name string, args ...string) (string, error) {
	out, err := p.command(ctx, as, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

func (p *postgres) stop() {
	p.process.Stop()
	_ = os.RemoveAll(p.dir)
}

// program is the path of one of PostgreSQL's programs.
func program(name string) string {
	if path := filepath.Join(programs, name); isFile(path) {
		return path
	}
	return name
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
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
