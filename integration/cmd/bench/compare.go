package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/regrant/regrant/integration/load"
)

// versus is the same load on two sides, A and B, run in turn.
type versus struct {
	what string // says the load to people
	a, b []load.Result
}

// measure is one run.
type measure func() (load.Result, error)

// round runs both once, and begins with the other one each time: what drifts, drifts for both.
func (v *versus) round(a, b measure) error {
	runs := []func() error{
		func() error { return collect(&v.a, a) },
		func() error { return collect(&v.b, b) },
	}
	if len(v.a)%2 == 1 {
		slices.Reverse(runs)
	}
	for _, run := range runs {
		if err := run(); err != nil {
			return fmt.Errorf("%s: %w", v.what, err)
		}
	}
	return nil
}

func collect(into *[]load.Result, m measure) error {
	r, err := m()
	*into = append(*into, r)
	return err
}

// comparison is what the rounds came to. Every figure is the median of the rounds; Ratio is that of A to B round by round,
// and not the ratio of the medians.
type comparison struct {
	What               string
	A, B               side
	Ratio, Least, Most float64
}

// side is one of the two. Bare work has no times.
type side struct {
	Rate     float64 // answers in a second
	P50, P99 time.Duration
}

func (v *versus) result() comparison {
	ratios := make([]float64, len(v.a))
	for i := range v.a {
		ratios[i] = v.a[i].Rate() / v.b[i].Rate()
	}
	return comparison{What: v.what, A: middle(v.a), B: middle(v.b), Ratio: load.Median(ratios), Least: slices.Min(ratios), Most: slices.Max(ratios)}
}

func middle(runs []load.Result) side {
	var rates []float64
	var p50, p99 []time.Duration
	for _, r := range runs {
		rates, p50, p99 = append(rates, r.Rate()), append(p50, r.Quantile(0.50)), append(p99, r.Quantile(0.99))
	}
	return side{load.Median(rates), load.Median(p50), load.Median(p99)}
}

func (c comparison) String() string {
	return fmt.Sprintf("%s: %s to %s, ratio %.2f (%.2f to %.2f)", c.What, c.A, c.B, c.Ratio, c.Least, c.Most)
}

func (s side) String() string {
	if s.P99 == 0 {
		return fmt.Sprintf("%.0f/s", s.Rate)
	}
	return fmt.Sprintf("%.0f/s (p50 %s, p99 %s)", s.Rate, short(s.P50), short(s.P99))
}

// short rounds to three digits.
func short(d time.Duration) time.Duration {
	for unit := time.Nanosecond; ; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
}
