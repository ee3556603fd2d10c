// Package observetest reads what internal/observe has counted, for tests. The counts are the process's: compare a value
// with the one before.
package observetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/regrant/regrant/internal/observe"
)

// Value is that of a series as it is written at /metrics, such as name{label="value"} with the labels in the order of
// their names; 0 if nothing was counted yet. Of a histogram it is how much was observed.
func Value(t testing.TB, series string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(observe.Collectors()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if name != series {
				continue
			}
			if h := m.GetHistogram(); h != nil {
				return float64(h.GetSampleCount())
			}
			return m.GetCounter().GetValue()
		}
	}
	return 0
}
