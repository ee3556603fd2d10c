package keycloak_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/upstream/keycloak"
)

// roundTrip is a function as the adapter's way to the server.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// through returns an adapter whose calls go through f.
func (w *world) through(t *testing.T, f roundTrip) *keycloak.Adapter {
	t.Helper()
	cfg := w.config(w.URL)
	cfg.HTTPClient = &http.Client{Transport: f}
	a, err := keycloak.New(cfg)
	must(t, err)
	return a
}

// aged lets sessions seem to have begun an age earlier than they did.
func aged(t *testing.T, age time.Duration, ids []string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || !strings.Contains(r.URL.Path, "sessions") || r.Method != http.MethodGet {
			return resp, err
		}
		defer resp.Body.Close()
		var sessions []map[string]any
		must(t, json.NewDecoder(resp.Body).Decode(&sessions))
		for _, s := range sessions {
			if slices.Contains(ids, s["id"].(string)) {
				s["start"] = s["start"].(float64) - float64(age.Milliseconds())
			}
		}
		body, err := json.Marshal(sessions)
		must(t, err)
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return resp, nil
	}
}
