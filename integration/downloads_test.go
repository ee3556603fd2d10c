package integration

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

// offering is an environment that offers the built program, and the folder from which it does.
func offering(t *testing.T) (e *env.Env, dir string) {
	t.Helper()
	dir = t.TempDir()
	program, err := os.ReadFile(filepath.Join(bin, "regrant"))
	fatal(t, err)
	fatal(t, os.WriteFile(filepath.Join(dir, "regrant-test"), program, 0o600))
	return own(t, env.Options{IdP: env.Demo, Gateway: []string{"downloads " + dir}}), dir
}

func fetched(t *testing.T, e *env.Env, path string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.Origin+path, nil)
	fatal(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := e.Client.Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fatal(t, err)
	return resp, body
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// A person follows the links from the page that says what to run, checks the file and runs it.
func TestThePageThatTellsToRunTheProgramLeadsToIt(t *testing.T) {
	e, _ := offering(t)
	b := browser.New(e.Roots)
	start, err := b.Open(t.Context(), e.Issuer+"/")
	fatal(t, err)
	list, err := b.Click(t.Context(), start, "Get the program")
	fatal(t, err)
	var path string
	for _, l := range list.Links {
		if strings.Contains(l.Text, "Get regrant-test") {
			path = l.Href
		}
	}
	resp, program := fetched(t, e, path)
	if resp.StatusCode != http.StatusOK || !strings.Contains(list.Text(), sumOf(program)) || resp.Header.Get("Content-Disposition") != `attachment; filename="regrant-test"` {
		t.Fatalf("%d %v; the page says: %s", resp.StatusCode, resp.Header, list.Text())
	}
	file := filepath.Join(t.TempDir(), "regrant")
	fatal(t, os.WriteFile(file, program, 0o600))
	fatal(t, os.Chmod(file, 0o700))
	if out, err := exec.CommandContext(t.Context(), file, "device", "enroll", "--help").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("fingerprint")) {
		t.Errorf("it does not run: %v %s", err, out)
	}
	half := len(program) / 2
	resp, rest := fetched(t, e, path, "Range", "bytes="+strconv.Itoa(half)+"-", "If-Range", resp.Header.Get("Etag"))
	if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(rest, program[half:]) {
		t.Errorf("the rest: %d, %d bytes", resp.StatusCode, len(rest))
	}
}

func TestAProgramThatChangedIsServedAfterAReloadAndNotBefore(t *testing.T) {
	e, dir := offering(t)
	file, path := filepath.Join(dir, "regrant-test"), "/recovery/downloads/regrant-test"
	fresh := []byte("another program")
	fatal(t, os.WriteFile(file, fresh, 0o600))
	if resp, body := fetched(t, e, path); resp.StatusCode != http.StatusServiceUnavailable || bytes.Contains(body, fresh) {
		t.Errorf("before: %d", resp.StatusCode)
	}
	fatal(t, e.Reload(t.Context()))
	if resp, body := fetched(t, e, path); resp.StatusCode != http.StatusOK || !bytes.Equal(body, fresh) || !strings.Contains(resp.Header.Get("Etag"), sumOf(fresh)) {
		t.Errorf("after: %d %v", resp.StatusCode, resp.Header)
	}
	// Without its folder a configuration is valid, and does not start. The one before goes on.
	fatal(t, os.RemoveAll(dir))
	if _, err := e.Run(t.Context(), "caddy", "validate", "--config", e.Caddyfile(), "--adapter", "caddyfile"); err != nil {
		t.Errorf("not valid: %v", err)
	}
	if err := e.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "write 'downloads FOLDER'") {
		t.Errorf("reloaded without the folder: %v", err)
	}
	if resp, _ := fetched(t, e, "/recovery/jwks.json"); resp.StatusCode != http.StatusOK {
		t.Errorf("the gateway is gone: %d", resp.StatusCode)
	}
}
