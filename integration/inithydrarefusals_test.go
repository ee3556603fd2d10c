package integration

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// Each case changes one thing of a good run.
func TestAHydraThatCannotBeSetUpIsRefused(t *testing.T) {
	h := newHydraHouse(t, own(t, env.Options{IdP: env.Hydra}))
	if plan := h.must(); len(plan.Changes) != 2 { // file and secret: the environment has made the client
		t.Fatalf("the good run: %s", plan.changes())
	}
	t.Run("flags", h.wrongFlags)
	t.Run("files", h.wrongFiles)
	t.Run("servers", h.wrongServers)
}

func (h *hydraHouse) in(t *testing.T) *hydraHouse {
	return &hydraHouse{t, h.e, filepath.Join(t.TempDir(), "etc"), h.url, h.admin}
}

func (h *hydraHouse) wrongFlags(t *testing.T) {
	h = h.in(t)
	allRefused(h.refused, append(oryRuns(h.e.Caddyfile()), []badRun{
		{"must be like http://host:port", []string{"--admin", "127.0.0.1:4445/"}},
		{"is no scope", []string{"--upstream-grant", "two words"}},
		{"is no scope", []string{"--upstream-grant", "{env.HOME}"}},
		{"the risk analysis is named by", []string{"--risk-analysis", "RA 1"}},
	}...))
}

func (h *hydraHouse) wrongFiles(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		mode  os.FileMode
		words string
	}{
		"short":            {"short", 0o600, "fewer than 32 characters"},
		"read by others":   {strings.Repeat("long ", 8), 0o604, "others can read it"},
		"another's record": {"", 0, "name another directory"},
	} {
		other := h.in(t)
		fatal(t, os.MkdirAll(other.dir, 0o700))
		if c.text == "" {
			fatal(t, os.WriteFile(filepath.Join(other.dir, "init-hydra.json"), []byte(`{"target":"Hydra http://127.0.0.1:1","entries":[]}`), 0o600))
		} else {
			file := filepath.Join(other.dir, "hydra.secret")
			fatal(t, os.WriteFile(file, []byte(c.text), 0o600))
			fatal(t, os.Chmod(file, c.mode))
		}
		t.Run(name, func(t *testing.T) { other.t = t; other.refused(c.words, "--apply") })
	}
}

func (h *hydraHouse) wrongServers(t *testing.T) {
	for name, answer := range badAnswers {
		for _, path := range []string{"/version", "/admin/clients/regrant-gateway"} {
			h.answering(t, &h.admin, path, answer, name)
		}
		for _, path := range []string{"/.well-known/openid-configuration", "/oauth2/token", "/oauth2/register/none"} {
			h.answering(t, &h.url, path, answer, name)
		}
	}
	other := h.in(t)
	other.admin = standingBefore(t, h.admin, at("/version"), ofVersion("v2.2.0"))
	other.refused("must be v2.3.0 or newer", "--apply")
	other.admin = h.url
	other.refused("that is no answer of Hydra", "--apply")
}

// answering runs the command against a server that gives one bad answer.
func (h *hydraHouse) answering(t *testing.T, which *string, path string, answer http.HandlerFunc, name string) {
	t.Helper()
	other := h.in(t)
	own, err := os.ReadFile(filepath.Join(h.e.Dir, "client.secret"))
	fatal(t, err)
	fatal(t, os.MkdirAll(other.dir, 0o700))
	fatal(t, os.WriteFile(filepath.Join(other.dir, "hydra.secret"), own, 0o600))
	bad := standingBefore(t, *which, at(path), answer)
	if which == &h.admin {
		other.admin = bad
	} else {
		other.url = bad
	}
	before := h.clients()
	if _, err := other.run("--apply"); err == nil || h.clients() != before {
		t.Errorf("%s at %s: %v", name, path, err)
	}
}

// What only Hydra's configuration can say is told where it can be seen.
func TestWhatOnlyHydrasConfigurationCanSayIsTold(t *testing.T) {
	e := own(t, env.Options{IdP: env.Hydra, HydraDev: true, Hydra: `{
		urls: {self: {issuer: "http://id.example.com/", public: "https://elsewhere.example"}, login: "http://login.example.com/login"},
		oidc: {dynamic_client_registration: {enabled: true}}}`})
	h := newHydraHouse(t, e)
	plan := h.must("--upstream-grant", "orders:read")
	for _, words := range []string{"set urls.self.public", "set urls.self.issuer", "set urls.login", "may register a client", "oauth2.grant.jwt"} {
		if !strings.Contains(strings.Join(plan.Notes, "\n"), words) {
			t.Errorf("the notes do not say %q: %q", words, plan.Notes)
		}
	}
	if !strings.Contains(plan.Caddyfile, "hydra_issuer http://id.example.com/\n") {
		t.Errorf("the Caddyfile expects another issuer:\n%s", plan.Caddyfile)
	}
}

// An issuer at another host takes Hydra's keys along, where the gateway does not look for them.
func TestKeysThatTheGatewayWouldNotFindAreTold(t *testing.T) {
	e := own(t, env.Options{IdP: env.Hydra, Hydra: `{urls: {self: {issuer: "https://issuer.example"}}}`})
	plan := newHydraHouse(t, e).must()
	if !strings.Contains(strings.Join(plan.Notes, "\n"), "https://issuer.example/.well-known/jwks.json, where the gateway does not look") {
		t.Errorf("the notes are %q", plan.Notes)
	}
}

// What is printed for those who keep it as code is something that Hydra starts with, and that leaves nothing to look at.
func TestTheFragmentOfHydraIsTakenByHydra(t *testing.T) {
	w := newWorkshop(t)
	said, ok := w.caddy("regrant", "init", "hydra", "--format", "hydra-yaml", "--issuer", "https://id.example.com", "--upstream-grant", "orders:read")
	for _, want := range []string{`issuer: "https://id.example.com"`, "jti_optional: false", "enabled: false", `host: "127.0.0.1"`, "port: 4445"} {
		if !ok || !strings.Contains(said, want) {
			t.Errorf("there is no %q in\n%s", want, said)
		}
	}
	// Ports and issuer are those of the environment.
	text := said[:strings.Index(said, "urls:")] + said[strings.Index(said, "oidc:"):]
	e := own(t, env.Options{IdP: env.Hydra, Hydra: text})
	h := newHydraHouse(t, e)
	if plan := h.must("--risk-analysis", "RA-1"); len(plan.Notes) != 1 || !strings.Contains(plan.Notes[0], "gets another secret") {
		t.Errorf("there is something to look at: %q", plan.Notes)
	}
}
