package observe

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// family is one metric as people read of it.
type family struct {
	name, kind, help string
	labels           []string
}

// families and collectors hold every metric of the process, in the order in which they are declared below.
var (
	families   []family
	collectors []prometheus.Collector
)

// Durations in seconds: from a commit to what an identity provider that hangs is given.
var buckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}

var (
	requests = counter("requests_total", "requests that the gateway answered itself", "endpoint", "outcome")

	requestSeconds = histogram("request_duration_seconds", "how long they took", "endpoint")

	panics = counter("panics_total", "handlers that panicked; each was answered with 500")

	refusals       = counter("refusals_total", "recoveries refused, by the reason that is in the journal", "reason")
	evidencePanics = counter("evidence_panics_total", "pieces of evidence that made their parser panic; each was refused")

	recoveries = counter("recoveries_total", "recoveries by each state that they entered", "state")

	stepSeconds = histogram("step_duration_seconds", "steps of a completion, tries that failed included", "step", "outcome")

	upstreamSeconds = histogram("upstream_call_duration_seconds", "calls of the identity provider", "upstream", "call", "outcome")

	storeSeconds = histogram("store_update_duration_seconds", "transactions that write", "outcome")

	journalEntries = counter("journal_entries_total", "entries written into the journal", "kind")

	noticeAttempts = counter("notice_attempts_total", "attempts to deliver a notice", "outcome")
	noticesLost    = counter("notices_lost_total", "notices given up after a day")

	crlFetches  = counter("crl_fetches_total", "attempts to fetch a CRL of the operator's own device CA", "outcome")
	ocspFetches = counter("ocsp_fetches_total", "questions to the OCSP responder of the operator's own device CA", "outcome")
)

func init() {
	for _, fetches := range []*prometheus.CounterVec{crlFetches, ocspFetches} {
		fetches.WithLabelValues(outcomeOK) // there from the start, as 0
		fetches.WithLabelValues(outcomeFailed)
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: declare("counter", name, help, labels), Help: help}, labels)
	collectors = append(collectors, c)
	if len(labels) == 0 {
		c.WithLabelValues() // there from the start, as 0
	}
	return c
}

func histogram(name, help string, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: declare("histogram", name, help, labels), Help: help, Buckets: buckets}, labels)
	collectors = append(collectors, h)
	return h
}

func declare(kind, name, help string, labels []string) string {
	name = "regrant_" + name
	families = append(families, family{name, kind, help, labels})
	return name
}

// Collectors are those of the whole process, to be registered with each configuration.
func Collectors() []prometheus.Collector { return collectors }

// Table lists every metric in Markdown; docs/operations.md holds it and a test compares the two.
func Table() string {
	var b strings.Builder
	b.WriteString("| metric | kind | labels | what it says |\n|---|---|---|---|\n")
	for _, f := range families {
		labels := "–"
		if len(f.labels) > 0 {
			labels = "`" + strings.Join(f.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, f.help)
	}
	return b.String()
}
