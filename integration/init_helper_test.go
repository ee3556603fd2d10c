package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// house is a realm that somebody sets up with `caddy regrant init`.
type house struct {
	t      *testing.T
	e      *env.Env
	server *keycloak.Server
	realm  string
	url    string // where Keycloak is called
	dir    string // of the secrets and the record
}

var realms atomic.Int32

// plainRealm makes a realm beside that of the environment, with which it ends, as Keycloak makes one.
func plainRealm(t *testing.T, e *env.Env) *house {
	t.Helper()
	h := &house{t, e, e.Provider.(env.KeycloakProvider).Server, fmt.Sprintf("plain-%d", realms.Add(1)), e.IdP, filepath.Join(t.TempDir(), "etc")}
	h.admin(http.MethodPost, "", map[string]any{"realm": h.realm, "enabled": true, "displayName": "Plain & simple"}, nil)
	return h
}

// init runs the command, with --json, as the bootstrap administrator.
func (h *house) init(args ...string) (answer initAnswer, err error) {
	h.t.Helper()
	password := filepath.Join(h.t.TempDir(), "password")
	fatal(h.t, os.WriteFile(password, []byte("admin\n"), 0o600))
	out, err := h.e.Run(h.t.Context(), "caddy", append([]string{
		"regrant", "init", "keycloak", h.url, "--realm", h.realm, "--issuer", h.e.Issuer, "--dir", h.dir, "--json", "--address", h.e.Admin,
		"--admin-user", "admin", "--admin-password-file", password,
	}, args...)...)
	if err == nil && out != "" {
		fatal(h.t, json.Unmarshal([]byte(out), &answer))
	}
	return answer, err
}

// must is an init that succeeds.
func (h *house) must(args ...string) initAnswer {
	h.t.Helper()
	answer, err := h.init(args...)
	if err != nil {
		h.t.Fatalf("init %q: %v", args, err)
	}
	return answer
}

// refused is one that fails with these words.
func (h *house) refused(words string, args ...string) {
	h.t.Helper()
	if _, err := h.init(args...); err == nil || !strings.Contains(err.Error(), words) {
		h.t.Errorf("init %q: %v, and not %q", args, err, words)
	}
}

type initAnswer struct {
	Changes []struct {
		Kind   string         `json:"kind"`
		Name   string         `json:"name"`
		Why    string         `json:"why"`
		Before map[string]any `json:"before"`
		After  map[string]any `json:"after"`
	} `json:"changes"`
	Notes      []string `json:"notes"`
	Caddyfile  string   `json:"caddyfile"`
	BeforeUndo string   `json:"before_undo"`
	Leave      string   `json:"leave"` // this and what follows: of --undo
	PutBack    []struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"put_back"`
}

// changes are the planned ones as kind/name.
func (a initAnswer) changes() string {
	var ids []string
	for _, c := range a.Changes {
		ids = append(ids, c.Kind+"/"+c.Name)
	}
	return strings.Join(ids, ", ")
}

// export is what the realm is, as Keycloak itself writes it down.
func (h *house) export() string {
	h.t.Helper()
	var realm map[string]any
	h.admin(http.MethodPost, "/"+h.realm+"/partial-export?exportClients=true&exportGroupsAndRoles=true", nil, &realm)
	if realm["displayNameHtml"] == "" {
		delete(realm, "displayNameHtml") // what was never set can be emptied, but not unset
	}
	ordered(realm)
	text, err := json.MarshalIndent(realm, "", " ")
	fatal(h.t, err)
	return string(text)
}

// ordered sorts the lists of texts, which are sets to Keycloak: it writes them in any order.
func ordered(value any) {
	switch v := value.(type) {
	case map[string]any:
		for _, inner := range v {
			ordered(inner)
		}
	case []any:
		for _, inner := range v {
			ordered(inner)
		}
		slices.SortStableFunc(v, func(a, b any) int {
			x, _ := a.(string)
			y, _ := b.(string)
			return strings.Compare(x, y)
		})
	}
}

// same fails where two exports differ.
func (h *house) same(before, after string) {
	h.t.Helper()
	if before == after {
		return
	}
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			h.t.Fatalf("the realm is another one from line %d on:\n-%s\n+%s", i, strings.Join(a[i:min(i+8, len(a))], "\n-"), strings.Join(b[i:min(i+8, len(b))], "\n+"))
		}
	}
	h.t.Fatal("the realm is another one")
}

// admin calls the admin REST API of the server, at a path below its realms.
func (h *house) admin(method, path string, body, into any) {
	h.t.Helper()
	token, err := h.server.AdminToken(h.t.Context())
	fatal(h.t, err)
	payload, err := json.Marshal(body)
	fatal(h.t, err)
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.server.URL+"/admin/realms"+path, bytes.NewReader(payload))
	fatal(h.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	fatal(h.t, err)
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		h.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
	if into != nil {
		fatal(h.t, json.NewDecoder(resp.Body).Decode(into))
	}
}
