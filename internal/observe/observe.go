// Package observe counts, times and traces what the rooms do. It is the only importer of Prometheus and of the
// OpenTelemetry API.
//
// [DB] and [Adapter] look at a store and at an identity provider from outside, so that neither knows of it; what only
// its doer knows is told by a call: [Requested], [Refused], [Entered] and the like. The values belong to the process
// and not to a configuration: a reload registers the same collectors anew and every counter goes on.
//
// Labels and attributes are words of this program. Nothing that a sender chose, and no account, address or identifier,
// is ever one: whoever could make up labels could fill the memory, and metrics are read by people who may not know who
// recovers an account.
package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requested counts a request that the gateway answered itself. endpoint and outcome are words of the gateway.
func Requested(endpoint, outcome string, took time.Duration) {
	requests.WithLabelValues(endpoint, outcome).Inc()
	requestSeconds.WithLabelValues(endpoint).Observe(took.Seconds())
}

// Panicked counts a handler that panicked.
func Panicked() { panics.WithLabelValues().Inc() }

// Refused counts a recovery that was refused for reason, a word of a closed list.
func Refused(reason string) { refusals.WithLabelValues(reason).Inc() }

// EvidencePanicked counts evidence that made its parser panic. It was refused; but somebody may be looking for a way in.
func EvidencePanicked() { evidencePanics.WithLabelValues().Inc() }

// NoticeTried counts an attempt of one sender to deliver a notice.
func NoticeTried(err error) { noticeAttempts.WithLabelValues(worked(err)).Inc() }

// CRLFetched counts an attempt to fetch a CRL. One that cannot be used counts as failed.
func CRLFetched(err error) { crlFetches.WithLabelValues(worked(err)).Inc() }

// OCSPAsked counts a question to an OCSP responder. An answer that cannot be used counts as failed.
func OCSPAsked(err error) { ocspFetches.WithLabelValues(worked(err)).Inc() }

// NoticeLost counts a notice that was given up.
func NoticeLost() { noticesLost.WithLabelValues().Inc() }

const (
	outcomeOK          = "ok"
	outcomeFailed      = "failed"
	outcomeRefused     = "refused"
	outcomeUnavailable = "unavailable"
)

func worked(err error) string {
	if err != nil {
		return outcomeFailed
	}
	return outcomeOK
}

func observeSince(h *prometheus.HistogramVec, began time.Time, labels ...string) {
	h.WithLabelValues(labels...).Observe(time.Since(began).Seconds())
}
