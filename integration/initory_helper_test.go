package integration

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// oryRuns are refused for each of Ory's servers. The file holds no certificate.
func oryRuns(file string) []badRun {
	return append([]badRun{
		{"must be like https://host:port", []string{"--url", "127.0.0.1:4433"}},
		{"must be a path", []string{"--recovery-ui", "ui/recovery"}},
		{"a path of its own", []string{"--recovery-ui", "/"}},
		{"holds no certificate", []string{"--ca-file", file}},
	}, anyRuns...)
}

// fits demands that a Caddyfile that was printed has these words, is valid, and is written as Caddy would write it.
func fits(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, want := range words {
		if !strings.Contains(text, want) {
			t.Errorf("the Caddyfile has no %q:\n%s", want, text)
		}
	}
	w := newWorkshop(t)
	path := w.write(text)
	for _, command := range [][]string{{"validate", "--config", path, "--adapter", "caddyfile"}, {"fmt", "--diff", path}} {
		if said, ok := w.caddy(command...); !ok {
			t.Errorf("%q: %s\n%s", command, said, text)
		}
	}
}

// at picks the requests for one path.
func at(path string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == path }
}

// standingBefore is a server before another that answers some requests itself.
func standingBefore(t *testing.T, server string, picks func(*http.Request) bool, answer http.HandlerFunc) string {
	t.Helper()
	target, err := url.Parse(server)
	fatal(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if picks(r) {
			answer(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// ofVersion answers as one of Ory's servers says its version.
func ofVersion(version string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"version":%q}`, version)
	}
}
