package integration

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// Each case changes one thing of a good run.
func TestAKratosThatCannotBeSetUpIsRefused(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Kratos: plainKratos})
	h := newKratosHouse(t, e)
	if plan := h.must(); len(plan.Changes) != 1 {
		t.Fatalf("the good run: %s", plan.changes())
	}
	t.Run("flags", h.wrongFlags)
	t.Run("files", h.wrongFiles)
	t.Run("servers", h.wrongServers)
	t.Run("conflicts", h.conflicts)
}

func (h *kratosHouse) in(t *testing.T) *kratosHouse {
	return &kratosHouse{t, h.e, h.file, filepath.Join(t.TempDir(), "etc"), h.url}
}

func (h *kratosHouse) wrongFlags(t *testing.T) {
	h = h.in(t)
	allRefused(h.refused, append(oryRuns(h.file), []badRun{
		{"must be like https://host:port", []string{"--admin", "127.0.0.1:4434/"}},
		{"address of Hydra's admin API", []string{"--hydra", "http://127.0.0.1:4445/"}},
		{"--mode \"open\" is not known", []string{"--mode", "open"}},
		{"name with --administrator", []string{"--mode", "strict"}},
	}...))
}

func (h *kratosHouse) wrongFiles(t *testing.T) {
	good := h.text()
	dir := t.TempDir()
	link := filepath.Join(dir, "link.yml")
	fatal(t, os.Symlink(h.file, link))
	for name, c := range map[string]struct{ path, text, words string }{
		"nowhere":          {filepath.Join(dir, "nowhere"), "", "no such file"},
		"a folder":         {dir, "", "is not a file"},
		"a symbolic link":  {link, "", "is a symbolic link"},
		"somebody else's":  {filepath.Join(dir, "other.yml"), strings.ReplaceAll(good, "selfservice:", "service:"), "is no configuration of Kratos"},
		"no YAML":          {filepath.Join(dir, "bad.yml"), good + "\tnobody-may-print: [", "is no YAML"},
		"a list":           {filepath.Join(dir, "list.yml"), "- nobody-may-print\n", "is no YAML"},
		"an anchor":        {filepath.Join(dir, "anchor.yml"), strings.Replace(good, "  flows:", "  flows: &nobody-may-print", 1), "by an anchor"},
		"too long":         {filepath.Join(dir, "long.yml"), good + strings.Repeat("# long\n", 1<<18), "more than 1048576 bytes"},
		"a setting as map": {filepath.Join(dir, "map.yml"), strings.Replace(good, "    code:", "    code:\n      enabled: {nobody-may-print: 1}", 1), "not a plain value"},
	} {
		other := h.in(t)
		if other.file = c.path; c.text != "" {
			fatal(t, os.WriteFile(c.path, []byte(c.text), 0o600))
		}
		t.Run(name, func(t *testing.T) { other.t = t; other.refused(c.words, "--apply") })
	}
}

func (h *kratosHouse) wrongServers(t *testing.T) {
	for name, answer := range badAnswers {
		server := httptest.NewServer(answer)
		t.Cleanup(server.Close)
		other := h.in(t)
		other.url = server.URL
		other.refused("whether it recovers accounts", "--apply")
		other.refused("for the version", "--apply", "--admin", server.URL)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	h.in(t).refused("must be v1.3.0 or newer", "--apply", "--admin", standingBefore(t, h.e.IdP, at("/admin/version"), ofVersion("v1.2.0")))
}

// What somebody has changed in between is asked about, and what stands beside it stays.
func (h *kratosHouse) conflicts(t *testing.T) {
	h = h.in(t)
	before := h.text()
	h.must("--apply")
	applied := h.text()
	const age = "setting/selfservice.flows.settings.privileged_session_max_age"

	other := h.in(t)
	other.dir, other.file = h.dir, filepath.Join(t.TempDir(), "other.yml")
	fatal(t, os.WriteFile(other.file, []byte(before), 0o600))
	other.refused("name another directory", "--undo")

	fatal(t, os.WriteFile(h.file, []byte(strings.Replace(applied, `"15m"`, "5m", 1)+"# Theirs.\n"), 0o600))
	h.refused(age+". To put back", "--undo")
	h.must("--undo", "--force", age)
	if h.text() != before+"# Theirs.\n" {
		t.Errorf("the file is another one:\n%s", h.text())
	}
	fatal(t, os.WriteFile(h.file, []byte(before), 0o600))
}

// What is printed for those who keep it as code leaves nothing to do.
func TestTheFragmentOfKratosIsWhatInitMakes(t *testing.T) {
	w := newWorkshop(t)
	said, ok := w.caddy("regrant", "init", "kratos", "--format", "kratos-yaml", "--issuer", "https://id.example.com", "--mode", "strict", "--recovery-ui", "/ui/recovery", "--session-tokens", "--close-code-login")
	for _, want := range []string{"      enabled: false\n", "# Mode strict: apply this only once", `ui_url: "https://id.example.com/ui/recovery"`, "use_continue_with_transitions: true", "passwordless_enabled: false", "# mode strict: nothing is mailed"} {
		if !ok || !strings.Contains(said, want) {
			t.Errorf("there is no %q in\n%s", want, said)
		}
	}
}
