package keycloak_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/regrant/regrant/integration/keycloak"
)

func need(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a real Keycloak")
	}
	if err := keycloak.Missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func start(t *testing.T, ctx context.Context) *keycloak.Server {
	t.Helper()
	var log bytes.Buffer
	s, err := keycloak.Start(ctx, keycloak.Options{Origin: "https://localhost:8443", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	t.Cleanup(s.Stop)
	return s
}

func TestTheServerKnowsTheGatewayAndEndsWithItsContext(t *testing.T) {
	need(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := start(t, ctx)

	var provider struct {
		Config map[string]string `json:"config"`
	}
	if err := s.Admin(ctx, "GET", "/identity-provider/instances/"+keycloak.Alias, nil, &provider); err != nil {
		t.Fatal(err)
	}
	if got := provider.Config["tokenUrl"]; got != "https://localhost:8443/recovery/oidc/token" {
		t.Errorf("the realm redeems codes at %s", got)
	}
	for _, name := range []string{"alice", "bob", "carol", "mallory"} {
		if id, err := s.UserID(ctx, name); err != nil || id == "" {
			t.Errorf("user %s: %q, %v", name, id, err)
		}
	}

	cancel()
	s.Stop() // waits for the end that cancel asked for
	if resp, err := http.Get(s.URL); err == nil {
		resp.Body.Close()
		t.Error("the server still answers")
	}
}

// On the first start the realm is imported by a server that ends then. It must not be taken for the one to wait for: on a
// machine without a cache the first tests would meet its end.
func TestTheFirstStartIsNotTakenForReadyWhileItImports(t *testing.T) {
	need(t)
	start(t, t.Context()).Stop() // installs it, if need be
	installed := filepath.Join(cache(t), "keycloak-*")
	found, err := filepath.Glob(installed)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", installed, found, err)
	}
	fresh := t.TempDir()
	// Servers of other tests may be starting, and write there while they hold the lock.
	locked := append([]string{filepath.Join(cache(t), "lock"), "cp", "-a"}, append(found, fresh)...)
	if out, err := exec.Command("flock", locked...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("REGRANT_KEYCLOAK_CACHE", fresh)
	start(t, t.Context())
}

// cache is where start.sh keeps the server.
func cache(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("REGRANT_KEYCLOAK_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "regrant", "keycloak")
}
