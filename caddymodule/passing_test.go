package caddymodule

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// passing is a request that is only judged, at a handler in front of Keycloak, whose guard looks the closest.
func passing(tb testing.TB, app *App) (send func()) {
	tb.Helper()
	h := directive(tb, app)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, testOrigin+"/realms/acme/protocol/openid-connect/userinfo", http.NoBody)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	return func() {
		if err := h.ServeHTTP(w, r, next); err != nil {
			tb.Fatal(err)
		}
	}
}

// keycloakApp is a running app whose identity provider is Keycloak, which need not run for this.
func keycloakApp(tb testing.TB) *App {
	tb.Helper()
	privateData(tb)
	before, rest, _ := strings.Cut(goodCaddyfile(tb, testOrigin), "\t\tupstream ")
	_, after, _ := strings.Cut(rest, "\t\tmethod ")
	app, _, err := load(tb, appJSON(tb, fmt.Sprintf(`%s		upstream keycloak http://127.0.0.1:9 {
			realm acme
			client regrant %[2]s
			broker_client acme %[2]s
		}
		method %[3]s`, before, testSecret, after)))
	if err != nil {
		tb.Fatal(err)
	}
	mustOpen(tb, app)
	return app
}

func TestPassingRequestsCostNothingToSpeakOf(t *testing.T) {
	t.Run("one upstream", func(t *testing.T) { costNothing(t, passing(t, keycloakApp(t))) })
	t.Run("several", func(t *testing.T) { costNothing(t, passing(t, severalApp(t))) })
}

func costNothing(t *testing.T, send func()) {
	t.Helper()
	// The allocations of the whole process are counted, workers that are starting included. What a request allocates is there each time.
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(1000, send))
	}
	if least != 0 {
		t.Errorf("%v allocations", least)
	}
	// `make bench` demands a microsecond; here the race detector slows it down, and others use the machine.
	const bound = 100 * time.Microsecond
	best := time.Duration(1 << 62)
	for range 100 {
		began := time.Now()
		for range 100 {
			send()
		}
		best = min(best, time.Since(began)/100)
	}
	if best > bound {
		t.Errorf("takes %s, more than %s", best, bound)
	}
}

// `make bench` holds what it says to less than a microsecond and no allocation.
func BenchmarkPassing(b *testing.B) {
	measure(b, passing(b, keycloakApp(b)))
}

// With three upstreams each judges what passes.
func BenchmarkPassingSeveral(b *testing.B) {
	measure(b, passing(b, severalApp(b)))
}

func measure(b *testing.B, send func()) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}
