package integration

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/postgres"
)

// bin is the folder with the built programs.
var bin string

// shared are environments that many tests look at and none breaks, started at the first use.
var shared = map[string]*environment{env.Demo: {kind: env.Demo}, env.Keycloak: {kind: env.Keycloak}, env.Kratos: {kind: env.Kratos}}

func TestMain(m *testing.M) {
	code := func() int {
		var err error
		if bin, err = built(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() {
			for _, s := range shared {
				s.stop()
			}
		}()
		return m.Run()
	}()
	os.Exit(code)
}

// built returns where `make build` has put the programs, and builds them unless REGRANT_BIN says that this was done.
func built() (string, error) {
	if dir := os.Getenv("REGRANT_BIN"); dir != "" {
		return filepath.Abs(dir)
	}
	cmd := exec.Command("make", "-s", "-C", "..", "build")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the programs: %w", err)
	}
	return filepath.Abs("../bin")
}

// environment is a shared one.
type environment struct {
	kind string
	once sync.Once
	env  *env.Env
	err  error
	dir  string
	end  context.CancelFunc
}

func (s *environment) start() {
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.Background())
	if s.dir, s.err = os.MkdirTemp("", "regrant-"+s.kind+"-"); s.err != nil {
		return
	}
	var log *os.File
	if log, s.err = os.Create(filepath.Join(s.dir, "programs.log")); s.err != nil {
		return
	}
	if s.env, s.err = env.Start(ctx, env.Options{IdP: s.kind, Bin: bin, Dir: s.dir, Log: log, Patient: true, Users: newcomers()}); s.err != nil {
		s.err = fmt.Errorf("%w\n%s", s.err, lastWords(s.dir))
	}
}

func (s *environment) stop() {
	if s.env != nil {
		s.env.Stop()
	}
	if s.end != nil {
		s.end()
	}
	_ = os.RemoveAll(s.dir)
}

// use returns the shared environment of a kind.
func use(t *testing.T, kind string) *env.Env {
	t.Helper()
	needs(t, kind)
	s := shared[kind]
	s.once.Do(s.start)
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.env
}

// own starts an environment for one test, which may break it. A test that has all it needs of its own, waits more than it
// computes and measures no time runs beside another (t.Parallel): go test has those wait until all others are through.
func own(t *testing.T, o env.Options) *env.Env {
	t.Helper()
	needs(t, o.IdP)
	o.Bin, o.Dir = bin, t.TempDir()
	log, err := os.Create(filepath.Join(o.Dir, "programs.log"))
	if err != nil {
		t.Fatal(err)
	}
	o.Log = log
	e, err := env.Start(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, lastWords(o.Dir))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the programs' last words:\n%s", lastWords(o.Dir))
		}
		e.Stop()
	})
	return e
}

// needs skips what the machine lacks the parts for, and what starts servers in a quick run.
func needs(t *testing.T, kind string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts servers")
	}
	switch kind {
	case env.Keycloak, env.KeycloakOIDC:
		demand(t, keycloak.Missing())
	case env.Kratos:
		demand(t, cmp.Or(ory.Missing(filepath.Join(bin, "kratos")), postgres.Missing()))
	case env.Hydra:
		demand(t, cmp.Or(ory.Missing(filepath.Join(bin, "hydra")), postgres.Missing()))
	case env.KratosHydra:
		demand(t, cmp.Or(ory.Missing(filepath.Join(bin, "kratos")), ory.Missing(filepath.Join(bin, "hydra")), postgres.Missing()))
	}
}

// demand skips what err says is missing on this machine. With CI=true that is a failure.
func demand(t *testing.T, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

func lastWords(dir string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "programs.log"))
	return string(text[max(0, len(text)-6000):])
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// saying are the lines of the programs' output that hold words.
func saying(t *testing.T, e *env.Env, words string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.Dir, "programs.log"))
	fatal(t, err)
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, words) {
			found = append(found, line)
		}
	}
	return found
}

// until polls until ok holds.
func until(t *testing.T, timeout time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(timeout)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", timeout, what)
		}
	}
}

// decoded reads the operator's secret as the configuration holds it.
func decoded(t *testing.T, secret []byte) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(string(secret))
	fatal(t, err)
	return raw
}
