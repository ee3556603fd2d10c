package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Levels are what is not counted but read when somebody asks.
type Levels struct {
	Upstreams map[string]UpstreamLevels // by the name of the upstream
	CRLAge    time.Duration             // since that CRL was fetched whose last fetch is the longest ago; 0: there is none
}

// UpstreamLevels are those of one upstream.
type UpstreamLevels struct {
	Pending  int                      // notices that wait, up to a bound of the outbox
	Oldest   time.Duration            // how long the oldest of them has waited
	Expiring map[string]int           // device certificates, by the time in which they expire
	KeyAges  map[string]time.Duration // by purpose
}

var (
	isOpen   = level("open", "1 while recovery is answered, 0 while the store or its keys cannot be opened")
	pending  = level("notices_pending", "notices that were not delivered yet, up to 10000", "upstream")
	oldest   = level("notice_oldest_seconds", "age of the oldest of them", "upstream")
	expiring = level("device_certificates_expiring", "device certificates that are valid and end within that time, read every ten minutes", "upstream", "within")
	keyAge   = level("key_age_seconds", "how long the key has been in use that signs or seals now, of each that rotates", "upstream", "purpose")
	crlAge   = level("crl_age_seconds", "how long ago the CRL was fetched whose last fetch is the longest ago, or since the start while one never was; 0 without CRLs")
)

func level(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(declare("gauge", name, help, labels), help, labels, nil)
}

// LevelsOf is the collector of one configuration. read tells false while its gateway is not open.
func LevelsOf(read func() (Levels, bool)) prometheus.Collector { return levels(read) }

type levels func() (Levels, bool)

func (levels) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{isOpen, pending, oldest, expiring, keyAge, crlAge} {
		out <- d
	}
}

func (read levels) Collect(out chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now, ok := read()
	if !ok {
		send(isOpen, 0)
		return
	}
	send(isOpen, 1)
	send(crlAge, now.CRLAge.Seconds())
	for name, own := range now.Upstreams {
		send(pending, float64(own.Pending), name)
		send(oldest, own.Oldest.Seconds(), name)
		for within, n := range own.Expiring {
			send(expiring, float64(n), name, within)
		}
		for purpose, age := range own.KeyAges {
			send(keyAge, age.Seconds(), name, purpose)
		}
	}
}
