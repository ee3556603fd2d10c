// Package sshkeygen has OpenSSH's ssh-keygen make keys and signatures for tests: with files, with certificates, and with a security
// key in software that takes the place of a real one.
package sshkeygen

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// Tool is ssh-keygen with a folder of its own.
type Tool struct {
	t        testing.TB
	dir      string
	provider string // shared library of the security key; "" until it is built
}

// New looks for ssh-keygen. Without it the test is skipped, or fails where everything must be there (CI=true).
func New(t testing.TB) *Tool {
	t.Helper()
	need(t, "ssh-keygen")
	return &Tool{t: t, dir: t.TempDir()}
}

// WithSecurityKey also builds the security key in software.
func WithSecurityKey(t testing.TB) *Tool {
	t.Helper()
	need(t, "gcc")
	k := New(t)
	_, here, _, _ := runtime.Caller(0)
	k.provider = filepath.Join(k.dir, "skprovider.so")
	source := filepath.Join(filepath.Dir(here), "skprovider", "skprovider.c")
	k.command(nil, "gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", "-o", k.provider, source, "-lcrypto")
	return k
}

func need(t testing.TB, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", tool)
	}
	t.Skipf("%s is not installed", tool)
}

// Key makes a key and returns the file of its private half; arguments are those of ssh-keygen, as "-t", "rsa".
func (k *Tool) Key(arguments ...string) string {
	k.t.Helper()
	file := filepath.Join(k.t.TempDir(), "key")
	arguments = append([]string{"-q", "-N", "", "-C", "test key", "-f", file}, arguments...)
	if k.provider != "" {
		arguments = append(arguments, "-w", k.provider)
	}
	k.command(nil, "ssh-keygen", arguments...)
	return file
}

// Certify has one key issue a certificate for another, beside whose file ssh-keygen then finds it.
func (k *Tool) Certify(ca, key string) (certificate string) {
	k.t.Helper()
	k.command(nil, "ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", "alice", key+".pub")
	return k.Read(key + "-cert.pub")
}

// Public returns the line of a key's file that ends in .pub.
func (k *Tool) Public(key string) string { return k.Read(key + ".pub") }

// Sign returns the armoured signature over message. environment is for the security key, as "SKPROVIDER_FLAGS=5".
func (k *Tool) Sign(key, namespace, message string, environment ...string) string {
	k.t.Helper()
	return k.sign(environment, nil, key, namespace, message)
}

// SignWith is Sign with further arguments, as "-O", "hashalg=sha256".
func (k *Tool) SignWith(arguments []string, key, namespace, message string) string {
	k.t.Helper()
	return k.sign(nil, arguments, key, namespace, message)
}

func (k *Tool) sign(environment, arguments []string, key, namespace, message string) string {
	k.t.Helper()
	file := filepath.Join(k.t.TempDir(), "message")
	if err := os.WriteFile(file, []byte(message), 0o600); err != nil {
		k.t.Fatal(err)
	}
	arguments = append([]string{"-q", "-Y", "sign", "-n", namespace, "-f", key}, arguments...)
	k.command(environment, "ssh-keygen", append(arguments, file)...)
	return k.Read(file + ".sig")
}

// Read returns the text of a file.
func (k *Tool) Read(file string) string {
	k.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}

func (k *Tool) command(environment []string, name string, arguments ...string) {
	k.t.Helper()
	cmd := exec.CommandContext(k.t.Context(), name, arguments...) //nolint:gosec // what tests want run
	cmd.Env = append(os.Environ(), "SSH_ASKPASS_REQUIRE=never")
	if k.provider != "" {
		cmd.Env = append(cmd.Env, "SSH_SK_PROVIDER="+k.provider)
	}
	cmd.Env = append(cmd.Env, environment...)
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("%s %v: %v\n%s", name, arguments, err, out)
	}
}
