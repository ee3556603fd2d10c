package integration

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// print runs the command for one of the formats, which calls nobody.
func (h *house) print(format string, args ...string) string {
	h.t.Helper()
	out, err := h.e.Run(h.t.Context(), "caddy", append([]string{
		"regrant", "init", "keycloak", "http://127.0.0.1:1", "--realm", h.realm, "--issuer", h.e.Issuer, "--format", format,
	}, args...)...)
	fatal(h.t, err)
	return out
}

// A realm file with the part that was printed, imported anew, needs nothing more but that Keycloak knows the secret.
func TestTheRealmFileIsWhatInitMakes(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	var whole, part map[string]any
	fatal(t, json.Unmarshal([]byte(h.export()), &whole))
	text := h.print("realm-json", "--upstream-grant")
	fatal(t, os.MkdirAll(h.dir, 0o700))
	for variable, file := range map[string]string{"${REGRANT_CLIENT_SECRET}": "keycloak.secret", "${REGRANT_BROKER_SECRET}": "broker.secret", "${REGRANT_PROGRAMS_SECRET}": "programs.secret"} {
		secret := strings.Repeat(file[:4], 8)
		if !strings.Contains(text, variable) {
			t.Fatalf("%s is not in it", variable)
		}
		text = strings.ReplaceAll(text, variable, secret)
		fatal(t, os.WriteFile(filepath.Join(h.dir, file), []byte(secret), 0o600))
	}
	fatal(t, json.Unmarshal([]byte(text), &part))
	merge(whole, part)
	h.admin(http.MethodDelete, "/"+h.realm, nil, nil)
	h.admin(http.MethodPost, "", whole, nil)

	plan := h.must("--upstream-grant")
	if plan.changes() != "identity provider/regrant" {
		t.Fatalf("left to do: %s", plan.changes())
	}
	for field, value := range plan.Changes[0].After {
		if plan.Changes[0].Before[field] != value && field != "config.regrantSecretSHA256" {
			t.Errorf("the identity provider differs in %s", field)
		}
	}
}

// merge adds what is in lists by its name, and sets what is no list, as docs/keycloak.md says.
func merge(whole, part map[string]any) {
	for name, value := range part {
		switch v := value.(type) {
		case []any:
			have, _ := whole[name].([]any)
			for _, item := range v {
				have = append(without(have, item), item)
			}
			whole[name] = have
		case map[string]any:
			have, ok := whole[name].(map[string]any)
			if !ok {
				have = map[string]any{}
				whole[name] = have
			}
			merge(have, v)
		default:
			whole[name] = v
		}
	}
}

// without is a list without what has the name of item, which an item has as alias, clientId, username, client or name.
func without(list []any, item any) (rest []any) {
	for _, one := range list {
		if named(one) == "" || named(one) != named(item) {
			rest = append(rest, one)
		}
	}
	return rest
}

func named(item any) string {
	members, ok := item.(map[string]any)
	if !ok {
		text, _ := item.(string)
		return text
	}
	for _, name := range []string{"alias", "clientId", "username", "client", "name"} {
		if text, ok := members[name].(string); ok {
			return text
		}
	}
	return ""
}

// What is printed for a new gateway is a configuration that Caddy takes.
func TestTheCaddyfileOfInitIsValid(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	for _, args := range [][]string{nil, {"--upstream-grant"}, {"--issuer", "https://id.example.com/other"}, {"--alias", "recovery-gateway"}} {
		w := newWorkshop(t)
		path := w.write(h.must(args...).Caddyfile)
		for _, command := range [][]string{{"adapt", "--validate"}, {"validate"}} {
			if said, ok := w.caddy(append(command, "--config", path, "--adapter", "caddyfile")...); !ok {
				t.Errorf("%q: %s", args, said)
			}
		}
		if said, ok := w.caddy("fmt", "--diff", path); !ok {
			t.Errorf("caddy fmt would change it:\n%s", said)
		}
	}
}
