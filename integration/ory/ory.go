// Package ory is what Ory's servers have in common for demos and tests: how they are started on a database, and how their
// JSON APIs are called.
package ory

import (
	"bytes"
	"context"
	"encoding/json"
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

// pool is the size of the pool of connections at which Hydra was fastest on two cores.
const pool = "&max_conns=20&max_idle_conns=20"

// Program is one server that has still to be started.
type Program struct {
	Name   string // in errors
	Path   string // of the built program
	Dir    string // for its configuration; it must exist
	DSN    string // its database's, as postgres.Server.URL gives it
	Config any    // written as JSON
	Extra  string // further configuration in YAML, which wins
	Serve  []string
	Ready  string // URL that answers 200 once the server is ready
	Log    io.Writer
}

// Missing says which make target builds the program at path, if it is not there.
func Missing(path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("%s is not built: make bin/%[1]s", filepath.Base(path))
	}
	return nil
}

// Start prepares the database, starts the server, and returns when it is ready.
func (p Program) Start(ctx context.Context) (_ *child.Child, err error) {
	files, err := p.configure()
	if err != nil {
		return nil, err
	}
	if err := p.migrate(ctx, files); err != nil {
		return nil, fmt.Errorf("preparing %s's database: %w", p.Name, err)
	}
	server, err := child.Start(p.command(append(append(p.Serve, "--sqa-opt-out"), files...)), syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	if err := server.Await(ctx, time.Minute, p.Name, func() bool { return ready(p.Ready) }); err != nil {
		server.Kill()
		return nil, err
	}
	return server, nil
}

// migrate makes the tables. What it prints about each would hide all else in a log.
func (p Program) migrate(ctx context.Context, files []string) error {
	var said bytes.Buffer
	p.Log = &said
	migration, err := child.Start(p.command(append([]string{"migrate", "sql", "-e", "-y"}, files...)), syscall.SIGKILL)
	if err != nil {
		return err
	}
	if err := migration.Wait(ctx); err != nil {
		return fmt.Errorf("%w: %s", err, said.Bytes()[max(0, said.Len()-2000):])
	}
	return nil
}

// configure writes the configuration and returns the options that name it.
func (p Program) configure() (options []string, err error) {
	text, err := json.MarshalIndent(p.Config, "", "  ")
	if err != nil {
		return nil, err
	}
	base := filepath.Join(p.Dir, filepath.Base(p.Path))
	options = []string{"-c", base + ".json"}
	if err := os.WriteFile(base+".json", text, 0o600); err != nil || p.Extra == "" {
		return options, err
	}
	return append(options, "-c", base+".yml"), os.WriteFile(base+".yml", []byte(p.Extra), 0o600)
}

func (p Program) command(args []string) *exec.Cmd {
	cmd := exec.Command(p.Path, args...) //nolint:gosec // a program that tools/ built
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), "HOME="+p.Dir, "DSN="+p.DSN+pool)
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	return cmd
}

func ready(address string) bool {
	resp, err := http.Get(address) //nolint:gosec // the server that was just started
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
