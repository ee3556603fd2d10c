package caddymodule

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// gather reads the registry of the app's configuration.
func gather(t *testing.T, registry *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]int{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "regrant_") {
			series[f.GetName()] = len(f.GetMetric())
		}
	}
	return series
}

func TestEveryConfigurationRegistersTheMetrics(t *testing.T) {
	privateData(t)
	first, endFirst := mustLoad(t)
	mustOpen(t, first)
	second, _ := mustLoad(t) // as at a reload: both are there for a while
	mustOpen(t, second)
	endFirst()
	series := gather(t, second.ctx.GetMetricsRegistry())
	for name, n := range map[string]int{
		"regrant_open": 1, "regrant_panics_total": 1, "regrant_notices_pending": 1, "regrant_device_certificates_expiring": 3, "regrant_key_age_seconds": 6,
	} {
		if series[name] != n {
			t.Errorf("%s has %d series, want %d", name, series[name], n)
		}
	}
}

func TestAScrapeOpensNothing(t *testing.T) {
	dir := privateData(t)
	app, _ := mustLoad(t)
	before := len(files(t, dir))
	series := gather(t, app.ctx.GetMetricsRegistry())
	if series["regrant_open"] != 1 || series["regrant_notices_pending"] != 0 {
		t.Errorf("%v", series)
	}
	if after := len(files(t, dir)); after != before || app.opener.current.Load() != nil {
		t.Errorf("%d files, %d before", after, before)
	}
}
