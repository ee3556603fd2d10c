package env

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/regrant/regrant/integration/child"
)

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
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return "", err
	}
	err = p.Wait(ctx)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return stdout.String(), &ExitError{Program: program, Code: exit.ExitCode(), Stderr: strings.TrimSpace(stderr.String())}
	}
	return stdout.String(), err
}

// Operator runs `caddy regrant …` as the operator and decodes its JSON into out, unless that is nil.
func (e *Env) Operator(ctx context.Context, out any, args ...string) error {
	args = append(append([]string{"regrant"}, args...), "--address", e.Admin, "--json")
	if e.Upstream != "" {
		args = append(args, "--upstream", e.Upstream)
	}
	text, err := e.Run(ctx, "caddy", args...)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal([]byte(text), out)
}

// command prepares a program with nothing of this user's own configuration in reach.
func (e *Env) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(e.Bin, program), args...) //nolint:gosec // the programs of this repository
	cmd.Dir = e.Dir
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=console", "HOME="+e.Dir, "XDG_DATA_HOME="+filepath.Join(e.Dir, "data"), "XDG_CONFIG_HOME="+filepath.Join(e.Dir, "config"))
	return cmd
}
