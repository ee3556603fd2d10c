package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/ory"
)

// hydraHouse is a Hydra that somebody sets up with caddy regrant init.
type hydraHouse struct {
	t          *testing.T
	e          *env.Env
	dir        string // of the secrets and the record
	url, admin string
}

func newHydraHouse(t *testing.T, e *env.Env) *hydraHouse {
	return &hydraHouse{t, e, filepath.Join(t.TempDir(), "etc"), e.IdP, e.Provider.(*env.HydraProvider).Server.AdminURL}
}

// run runs the command; every argument that is given comes later and so wins.
func (h *hydraHouse) run(args ...string) (string, error) {
	h.t.Helper()
	return h.e.Run(h.t.Context(), "caddy", append([]string{
		"regrant", "init", "hydra", "--url", h.url, "--admin", h.admin, "--issuer", h.e.Issuer, "--dir", h.dir,
	}, args...)...)
}

// must is an init that succeeds, with --json, and shows no secret.
func (h *hydraHouse) must(args ...string) (answer initAnswer) {
	h.t.Helper()
	out, err := h.run(append(args, "--json")...)
	if err != nil {
		h.t.Fatalf("init %q: %v", args, err)
	}
	h.keepsSecrets(out)
	if out != "" {
		fatal(h.t, json.Unmarshal([]byte(out), &answer))
	}
	return answer
}

// keepsSecrets fails where a text, or the record, holds a secret of the files.
func (h *hydraHouse) keepsSecrets(text string) {
	h.t.Helper()
	record, _ := os.ReadFile(filepath.Join(h.dir, "init-hydra.json"))
	for _, name := range []string{"hydra.secret", "programs.secret"} {
		secret, err := os.ReadFile(filepath.Join(h.dir, name))
		if err == nil && strings.Contains(text+string(record), strings.TrimSpace(string(secret))) {
			h.t.Errorf("what is printed or recorded holds %s", name)
		}
	}
}

// refused is one that fails with these words and changes nothing.
func (h *hydraHouse) refused(words string, args ...string) {
	h.t.Helper()
	before := h.clients()
	out, err := h.run(args...)
	if err == nil || !strings.Contains(err.Error(), words) {
		h.t.Errorf("init %q: %v, and not %q", args, err, words)
	}
	if err != nil {
		h.keepsSecrets(out + err.Error())
	}
	if h.clients() != before {
		h.t.Errorf("init %q changed a client", args)
	}
}

// call calls Hydra's own admin API.
func (h *hydraHouse) call(method, path string, in, out any) {
	h.t.Helper()
	_, err := ory.API(h.e.Provider.(*env.HydraProvider).Server.AdminURL).Call(h.t.Context(), method, path, nil, in, out)
	fatal(h.t, err)
}

// clients are all that Hydra has, but for when they were changed.
func (h *hydraHouse) clients() string {
	h.t.Helper()
	var all []map[string]any
	h.call(http.MethodGet, "/admin/clients?page_size=500", nil, &all)
	for _, c := range all {
		delete(c, "updated_at")
	}
	text, err := json.MarshalIndent(all, "", " ")
	fatal(h.t, err)
	return string(text)
}
