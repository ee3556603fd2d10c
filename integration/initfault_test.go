package integration

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// badAnswers are answers that a server gives which does not work.
var badAnswers = map[string]http.HandlerFunc{
	"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	"HTML":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) },
	"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	"truncated JSON": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`[{"id":"1`))
	},
}

// badAnswer is a proxy before Keycloak that answers some requests itself.
type badAnswer struct {
	hits   atomic.Int32
	healed atomic.Bool
}

// broken calls Keycloak through a proxy that gives answer to the requests whose method and end of path match.
func (h *house) broken(method, path string, answer http.HandlerFunc) *badAnswer {
	target, err := url.Parse(h.e.IdP)
	fatal(h.t, err)
	proxy, f := httputil.NewSingleHostReverseProxy(target), new(badAnswer)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method && strings.HasSuffix(r.URL.Path, path) && !f.healed.Load() {
			f.hits.Add(1)
			answer(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	h.t.Cleanup(server.Close)
	h.url = server.URL
	return f
}

func TestAFaultOfKeycloakWhilePlanningChangesNothing(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	before := h.export()
	for name, answer := range badAnswers {
		for _, path := range []string{"/openid-connect/token", "/serverinfo", "/" + h.realm, "/client-scopes", "/authentication/flows", "/clients", "/required-actions/idp_link", "/openid-configuration"} {
			t.Run(name+" at "+path, func(t *testing.T) {
				method := http.MethodGet
				if path == "/openid-connect/token" {
					method = http.MethodPost
				}
				f := h.broken(method, path, answer)
				if _, err := h.init("--apply"); err == nil || f.hits.Load() == 0 {
					t.Errorf("it went on: %v, %d hits", err, f.hits.Load())
				}
			})
		}
	}
	h.same(before, h.export())
	h.url = h.e.IdP
	h.refused("nothing is recorded", "--undo")
}

// The record knows how far it came: from there it goes back, and on.
func TestAFaultOfKeycloakHalfWayLeavesARecord(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	before := h.export()
	for _, c := range []struct{ name, method, path string }{
		{"500", http.MethodPost, "/clients"},
		{"500", http.MethodPut, "/executions"}, // a flow without its steps
		{"redirect", http.MethodPost, "/identity-provider/instances"},
		{"HTML", http.MethodGet, "/service-account-user"},
		{"truncated JSON", http.MethodGet, "/service-account-user"},
	} {
		t.Run(c.name+" at "+c.method+" "+c.path, func(t *testing.T) {
			f := h.broken(c.method, c.path, badAnswers[c.name])
			h.refused("run this again to go on", "--apply")
			if f.hits.Load() == 0 {
				t.Fatal("it stopped elsewhere")
			}
			f.healed.Store(true)
			h.must("--undo")
			h.same(before, h.export())

			f.healed.Store(false)
			h.refused("run this again to go on", "--apply")
			f.healed.Store(true)
			h.must("--apply")
			if plan := h.must(); len(plan.Changes) > 0 {
				t.Errorf("left to do: %s", plan.changes())
			}
			h.must("--undo")
			h.same(before, h.export())
		})
	}
}
