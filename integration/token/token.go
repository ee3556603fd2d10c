// Package token is a device whose key nobody can copy, in tests and demos: a PKCS #11 token in software (SoftHSM), which
// openssl and curl use as they would a card.
package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/regrant/regrant/integration/child"
)

const (
	pin = "1234"
	// key is the one key of a token (RFC 7512).
	key = "pkcs11:token=device;object=key;type=private;pin-value=" + pin
)

// modules are where systems keep SoftHSM's library.
var modules = []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"}

// Token is a token with one key, on P-256.
type Token struct {
	dir string
	env []string
}

// Missing tells what this machine lacks for tokens, or nil.
func Missing() error {
	for _, name := range []string{"softhsm2-util", "pkcs11-tool", "openssl", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	if _, err := module(); err != nil {
		return err
	}
	if err := exec.Command("openssl", "engine", "pkcs11").Run(); err != nil {
		return errors.New("openssl has no engine for PKCS #11")
	}
	return nil
}

func module() (string, error) {
	for _, pattern := range modules {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0], nil
		}
	}
	return "", errors.New("SoftHSM's library is not installed")
}

// New makes a token, and a key on it, below dir.
func New(ctx context.Context, dir string) (*Token, error) {
	library, err := module()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "softhsm2.conf")
	t := &Token{dir: dir, env: append(os.Environ(), "SOFTHSM2_CONF="+config, "PKCS11_MODULE_PATH="+library)}
	if err := os.MkdirAll(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return nil, err
	}
	text := "directories.tokendir = " + filepath.Join(dir, "tokens") + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	for _, command := range [][]string{
		{"softhsm2-util", "--init-token", "--free", "--label", "device", "--pin", pin, "--so-pin", pin},
		{"pkcs11-tool", "--module", library, "--login", "--pin", pin, "--token-label", "device", "--keypairgen", "--key-type", "EC:prime256v1", "--id", "01", "--label", "key"},
	} {
		if _, err := t.run(ctx, command...); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Request is a certificate request for the token's key, in PEM, signed with it by openssl.
func (t *Token) Request(ctx context.Context) (string, error) {
	return t.run(ctx, "openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", key, "-sha256", "-subj", "/CN=device")
}

// run runs a program that knows of the token and returns its standard output.
func (t *Token) run(ctx context.Context, command ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := t.command(command...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return "", err
	}
	if err := p.Wait(ctx); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", command[0], err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

func (t *Token) command(command ...string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...) //nolint:gosec // programs of the system, named in this package
	cmd.Dir, cmd.Env = t.dir, t.env
	return cmd
}
