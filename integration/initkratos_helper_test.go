package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// plainKratos is a configuration as somebody could have written it, beside that of the environment.
const plainKratos = `# Our Kratos. It mails people who have forgotten their password.
identity:
  default_schema_id: default

secrets:
  cookie: [ "a-secret-that-nobody-may-print-1" ]   # never shown
session:
  whoami: { required_aal: aal1 } # our app asks for no second factor
selfservice:
  flows:
    # Forgot your password?
    recovery:
      enabled: true # for now
      use: link
  methods:
    link: { enabled: true }
    code:
      passwordless_enabled: true
`

// kratosHouse is a Kratos that somebody sets up with caddy regrant init.
type kratosHouse struct {
	t         *testing.T
	e         *env.Env
	file, dir string
	url       string
}

func newKratosHouse(t *testing.T, e *env.Env) *kratosHouse {
	return &kratosHouse{t, e, filepath.Join(e.Dir, "kratos", "kratos.yml"), filepath.Join(t.TempDir(), "etc"), e.IdP}
}

// run runs the command; every argument that is given comes later and so wins.
func (h *kratosHouse) run(args ...string) (string, error) {
	h.t.Helper()
	return h.e.Run(h.t.Context(), "caddy", append([]string{
		"regrant", "init", "kratos", "--kratos-config", h.file, "--url", h.url, "--admin", h.e.Provider.(*env.KratosProvider).Server.AdminURL,
		"--issuer", h.e.Issuer, "--dir", h.dir, "--address", h.e.Admin,
	}, args...)...)
}

// must is an init that succeeds, with --json.
func (h *kratosHouse) must(args ...string) (answer initAnswer) {
	h.t.Helper()
	out, err := h.run(append(args, "--json")...)
	if err != nil {
		h.t.Fatalf("init %q: %v", args, err)
	}
	if out != "" {
		fatal(h.t, json.Unmarshal([]byte(out), &answer))
	}
	return answer
}

// refused is one that fails with these words, changes nothing and shows no secret.
func (h *kratosHouse) refused(words string, args ...string) {
	h.t.Helper()
	before, _ := os.ReadFile(h.file)
	out, err := h.run(args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		h.t.Errorf("init %q: %v, and not %q", args, err, words)
	}
	if err != nil && strings.Contains(out+err.Error(), "nobody-may-print") {
		h.t.Errorf("init %q shows a secret", args)
	}
	if after, _ := os.ReadFile(h.file); string(after) != string(before) {
		h.t.Errorf("init %q changed the file", args)
	}
}

// text is that of the file.
func (h *kratosHouse) text() string {
	h.t.Helper()
	text, err := os.ReadFile(h.file)
	fatal(h.t, err)
	return string(text)
}
