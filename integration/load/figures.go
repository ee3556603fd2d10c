package load

import (
	"cmp"
	"slices"
	"time"
)

// Rate is how many requests were answered in a second.
func (r Result) Rate() float64 { return float64(len(r.Latencies)) / r.Elapsed.Seconds() }

// Quantile is the time within which the fraction q of the answers came.
func (r Result) Quantile(q float64) time.Duration {
	return r.Latencies[min(len(r.Latencies)-1, int(q*float64(len(r.Latencies))))]
}

// Median is the middle one of an odd number of figures.
func Median[T cmp.Ordered](figures []T) T {
	sorted := slices.Sorted(slices.Values(figures))
	return sorted[len(sorted)/2]
}
