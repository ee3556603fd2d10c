package caddymodule

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

const (
	testOrigin = "https://id.example.com"
	// 48 characters, and base64 of 36 bytes.
	testSecret = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1"
)

// privateData points Caddy's data directory to an empty one and returns it.
func privateData(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("HOME", dir)
	return dir
}

// goodCaddyfile is a global option block that needs nothing from outside. The store
// is in the default place.
func goodCaddyfile(t testing.TB, origin string) string {
	t.Helper()
	return fmt.Sprintf(`{
	regrant {
		issuer %s
		upstream oidc https://idp.example {
			client regrant %[2]s
			broker_client idp %[2]s
			broker_redirect https://idp.example/callback
			assume_unprivileged risk_analysis RA-2026-015
		}
		method device_certificate {
			risk_analysis RA-2026-014
		}
		notify webhook http://127.0.0.1:9/ {
			secret %[2]s
		}
	}
}
`, origin, testSecret)
}

// goodJSON is the app of goodCaddyfile after edits: pairs of old and new text.
func goodJSON(t testing.TB, edits ...string) json.RawMessage {
	t.Helper()
	raw := string(appJSON(t, goodCaddyfile(t, testOrigin)))
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(raw, edits[i]) {
			t.Fatalf("nothing to edit: %s", edits[i])
		}
		raw = strings.Replace(raw, edits[i], edits[i+1], 1)
	}
	return json.RawMessage(raw)
}

// appJSON is the app of a Caddyfile.
func appJSON(t testing.TB, caddyfile string) json.RawMessage {
	t.Helper()
	var config caddy.Config
	if err := json.Unmarshal([]byte(mustAdapt(t, caddyfile)), &config); err != nil {
		t.Fatal(err)
	}
	return config.AppsRaw["regrant"]
}

// bare is a configuration without apps, whose storage is in a directory of its own.
func bare(t testing.TB) *caddy.Config {
	t.Helper()
	root, _ := json.Marshal(map[string]string{"module": "file_system", "root": filepath.Join(t.TempDir(), "pki")})
	return &caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}, StorageRaw: root, AppsRaw: caddy.ModuleMap{}}
}

// validate does what `caddy validate` does with a configuration.
func validate(t *testing.T, text string) error {
	t.Helper()
	config := new(caddy.Config)
	if err := json.Unmarshal([]byte(text), config); err != nil {
		t.Fatal(err)
	}
	plain := bare(t)
	config.Admin, config.StorageRaw = plain.Admin, plain.StorageRaw
	return caddy.Validate(config)
}

// load provisions the app as a configuration of its own does. unload ends that.
func load(t testing.TB, raw json.RawMessage) (app *App, unload func(), err error) {
	t.Helper()
	parent, err := caddy.ProvisionContext(bare(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(parent)
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("regrant", raw)
	if err != nil {
		return nil, cancel, err
	}
	return module.(*App), cancel, nil
}

// mustLoad is load for a good configuration.
func mustLoad(t testing.TB, edits ...string) (app *App, unload func()) {
	t.Helper()
	app, unload, err := load(t, goodJSON(t, edits...))
	if err != nil {
		t.Fatal(err)
	}
	return app, unload
}

// mustOpen starts the app and returns its runtime.
func mustOpen(t testing.TB, app *App) *runtime {
	t.Helper()
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	rt, err := app.opener.get(app.ctx)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

// mustServe starts the app and returns what serves its first upstream.
func mustServe(t testing.TB, app *App) *serving {
	t.Helper()
	return mustOpen(t, app).realms[0]
}

// directive is a handler in front of the upstreams of those names.
func directive(t testing.TB, app *App, names ...string) *Handler {
	t.Helper()
	f, err := app.front(names)
	if err != nil {
		t.Fatal(err)
	}
	return &Handler{front: f}
}

// files lists what lies below dir.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
