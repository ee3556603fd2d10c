package integration

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// scrape reads all metrics from Caddy's admin API, by name and labels as they are written.
func scrape(t *testing.T, e *env.Env) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	resp := admin(t, e, "/metrics")
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		line := lines.Text()
		i := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || i < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[i+1:], 64)
		fatal(t, err)
		values[line[:i]] = value
	}
	return values
}

func admin(t *testing.T, e *env.Env, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.Admin+path, http.NoBody)
	fatal(t, err)
	resp, err := http.DefaultClient.Do(req)
	fatal(t, err)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", path, resp.StatusCode)
	}
	return resp
}

var documented = regexp.MustCompile("(?m)^\\| `(regrant_[a-z_]+)` \\|")

func TestTheMetricsServedAreTheDocumentedOnes(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	p := enrolled(t, e, "alice")
	c := &course{p: p}
	for _, step := range []func(*course, *testing.T){(*course).initiate, (*course).attest, (*course).handoff, (*course).confirm, (*course).press} {
		step(c, t)
	}
	isSignedIn(t, e, c.last, "alice")
	if _, a, err := thief(p).Attest(t.Context(), p.initiated().RecoveryID, p.Proof("x")); err != nil || a.Status != http.StatusForbidden {
		t.Fatalf("%d, %v", a.Status, err)
	}
	text, err := os.ReadFile("../docs/operations.md")
	fatal(t, err)
	values, port := scrape(t, e), e.Origin[strings.LastIndexByte(e.Origin, ':')+1:]
	for _, m := range documented.FindAllStringSubmatch(string(text), -1) {
		found := false
		for series := range values {
			name, _, _ := strings.Cut(series, "{")
			found = found || name == m[1] || name == m[1]+"_count"
		}
		if !found {
			t.Errorf("%s is not served", m[1])
		}
	}
	for series, want := range map[string]float64{
		`regrant_open`: 1,
		`regrant_requests_total{endpoint="attest",outcome="ok"}`:                                                           1,
		`regrant_requests_total{endpoint="attest",outcome="refused"}`:                                                      1,
		`regrant_refusals_total{reason="holder"}`:                                                                          1,
		`regrant_recoveries_total{state="granted"}`:                                                                        1,
		`regrant_recoveries_total{state="done"}`:                                                                           1,
		`regrant_journal_entries_total{kind="recovery-done"}`:                                                              1,
		`regrant_step_duration_seconds_count{outcome="ok",step="prepare"}`:                                                 1,
		`regrant_upstream_call_duration_seconds_count{call="session",outcome="ok",upstream="oidc-localhost_` + port + `"}`: 1,
		`regrant_panics_total`:          0,
		`regrant_evidence_panics_total`: 0,
	} {
		if got, ok := values[series]; !ok || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for series := range values {
		if strings.HasPrefix(series, "regrant_") && (strings.Contains(series, "alice") || strings.Contains(series, "demo.example") || strings.Contains(series, "127.0.0.1")) {
			t.Errorf("%s names somebody", series)
		}
	}
}

// counters are the series that may never go down, summed up.
func counters(values map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for series, v := range values {
		name, _, _ := strings.Cut(series, "{")
		if strings.HasPrefix(name, "regrant_") && (strings.HasSuffix(name, "_total") || strings.HasSuffix(name, "_count")) {
			out[series] = v
		}
	}
	return out
}

func TestCountersGoOnThroughReloadsUnderTraffic(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	e.Client.Transport = again{e.Client.Transport}
	p := enrolled(t, e, "alice")
	ctx, stop := context.WithCancel(t.Context())
	var traffic sync.WaitGroup
	sent := 0
	traffic.Go(func() {
		for ; ctx.Err() == nil; sent++ {
			if _, a, err := p.Recover(t.Context(), p.account); err != nil || a.Status != http.StatusOK {
				t.Errorf("%d, %v", a.Status, err)
				return
			}
		}
	})
	before := counters(scrape(t, e))
	for range rounds(100) {
		fatal(t, e.Reload(t.Context()))
		before = goOnFrom(t, before, counters(scrape(t, e)))
	}
	stop()
	traffic.Wait()
	until(t, 10*time.Second, "every request is counted", func() bool {
		return scrape(t, e)[`regrant_requests_total{endpoint="attest",outcome="ok"}`] == float64(sent)
	})
	if got := scrape(t, e)[`regrant_recoveries_total{state="granted"}`]; got != float64(sent) {
		t.Errorf("%v recoveries were granted, of %d", got, sent)
	}
}
