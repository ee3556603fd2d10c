package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// workshop runs the built Caddy where nothing is but what a test puts there.
type workshop struct {
	t   *testing.T
	dir string
}

func newWorkshop(t *testing.T) workshop {
	t.Helper()
	needs(t, env.Demo)
	return workshop{t, t.TempDir()}
}

// caddy returns what the program says, and whether it ended well.
func (w workshop) caddy(args ...string) (string, bool) {
	w.t.Helper()
	return w.program("caddy", args...)
}

// program runs one of the built programs and says what it printed and whether it ended well.
func (w workshop) program(name string, args ...string) (string, bool) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, name), args...)
	cmd.Dir = w.dir
	cmd.Env = []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return said.String(), err == nil
}

func (w workshop) write(text string) (path string) {
	w.t.Helper()
	path = filepath.Join(w.dir, "Caddyfile")
	fatal(w.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// fenced is a block of a Caddyfile in a text.
var fenced = regexp.MustCompile("(?ms)^```caddyfile\n(.*?)^```$")

// authorities are files that are read when a configuration is validated.
var authorities = regexp.MustCompile(`/etc/pki/[a-z0-9-]+\.pem`)

// configurations are all that the repository shows to people, by where they are.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../Caddyfile*", "../*/Caddyfile*", "../*/*/Caddyfile*", "../README.md", "../docs/*.md"} {
		files, err := filepath.Glob(pattern)
		fatal(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			fatal(t, err)
			if filepath.Ext(file) != ".md" {
				texts[file] = string(text)
				continue
			}
			for _, m := range fenced.FindAllSubmatchIndex(text, -1) {
				line := 1 + bytes.Count(text[:m[2]], []byte("\n"))
				texts[file+":"+strconv.Itoa(line)] = string(text[m[2]:m[3]])
			}
		}
	}
	return texts
}

func TestEveryCaddyfileThatIsShownIsValid(t *testing.T) {
	texts := configurations(t)
	if len(texts) < 2 {
		t.Fatalf("only %d found", len(texts))
	}
	for where, text := range texts {
		t.Run(where, func(t *testing.T) {
			w := newWorkshop(t)
			store := filepath.Join(w.dir, "state")
			ca, err := filepath.Abs("../caddymodule/testdata/device-ca.pem")
			fatal(t, err)
			path := w.write(authorities.ReplaceAllString(strings.ReplaceAll(text, "/var/lib/regrant", store), ca))
			if said, ok := w.caddy("adapt", "--validate", "--config", path, "--adapter", "caddyfile"); !ok {
				t.Errorf("not valid: %s", said)
			}
			if said, ok := w.caddy("validate", "--config", path, "--adapter", "caddyfile"); !ok {
				t.Errorf("not valid: %s", said)
			}
			if said, ok := w.caddy("fmt", "--diff", path); !ok {
				t.Errorf("caddy fmt would change it:\n%s", said)
			}
			for _, dir := range []string{store, filepath.Join(w.dir, ".local", "share", "caddy", "regrant")} {
				if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("validating made %s", dir)
				}
			}
		})
	}
}

// Each case changes one thing in a good configuration. What is wrong is named with its line and what to write instead.
func TestAWrongConfigurationIsNamedWithLineAndRemedy(t *testing.T) {
	good, ok := configurations(t)["../Caddyfile.example"]
	if !ok {
		t.Fatal("Caddyfile.example is not there")
	}
	for _, x := range []struct{ name, old, instead, remedy string }{
		{"the issuer is not https", "issuer https://id.example.com /recovery", "issuer http://id.example.com", "write https"},
		{"nobody accepted the risk", "risk_analysis RA-2026-016", "", "risk_analysis"},
		{"a wait is shorter, and nobody accepted that", "risk_analysis RA-2026-015", "", "risk_analysis"},
		{"everybody has names under the RP ID", "rp_id id.example.com", "rp_id co.uk", "that is yours"},
		{"nothing says whose chips count", "trust_pool file /etc/pki/tpm-makers.pem", "", "trust_pool file PATH"},
		{"an option is misspelled", "privileged_roles", "privileged_role", "privileged_roles"},
		{"a time is none", "probation 72h", "probation soon", "72h"},
		{"a notice would travel in the clear", "webhook https://hooks", "webhook http://hooks", "https"},
		{"the limits let nobody in", "network 30 1m", "network 0 1m", "at least 1"},
		{"a storage that there is not", "storage badger", "storage floppy", "badger"},
		{"options at the directive", "\tregrant\n", "\tregrant {\n\t\tmode strict\n\t}\n", "global option"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newWorkshop(t)
			bad := strings.Replace(good, x.old, x.instead, 1)
			if bad == good {
				t.Fatalf("the example has no %q", x.old)
			}
			said, ok := w.caddy("validate", "--config", w.write(bad), "--adapter", "caddyfile")
			if ok {
				t.Fatal("it is taken for valid")
			}
			line := regexp.MustCompile(`Caddyfile:\d+`).FindString(said)
			if line == "" || !strings.Contains(said, x.remedy) {
				t.Errorf("says neither where nor what to do: %s", said)
			}
		})
	}
}
