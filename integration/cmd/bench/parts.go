package main

import (
	"context"
	"fmt"
	"slices"
)

// part is one part of the page.
type part struct {
	name    string
	servers bool // needs servers that a quick run goes without
	measure func(context.Context, *report) error
}

// parts are those of a run: all of them, or one.
func (b *bench) parts(only string) ([]part, error) {
	all := []part{
		{"passing", false, into(b.passes, func(r *report) *[]comparison { return &r.Passing })},
		{"verifications", false, into(b.appraise, func(r *report) *[]appraisal { return &r.Appraisals })},
		{"initiates", false, into(b.initiate, func(r *report) *initiations { return &r.Initiates })},
		{"recoveries", false, into(b.recover, func(r *report) *recovered { return &r.Recoveries })},
		{"completions", false, into(b.complete, func(r *report) *[]completed { return &r.Completions })},
		{"handler", true, into(b.handler, func(r *report) *cost { return &r.Handler })},
		{"exchange", true, func(ctx context.Context, r *report) (err error) {
			r.Exchange, r.Database, err = b.exchange(ctx)
			return err
		}},
	}
	parts := slices.DeleteFunc(slices.Clone(all), func(p part) bool {
		return only != "" && p.name != only || only == "" && b.Quick && p.servers
	})
	if len(parts) > 0 {
		return parts, nil
	}
	var names []string
	for _, p := range all {
		names = append(names, p.name)
	}
	return nil, fmt.Errorf("there is no part %q, only %q", only, names)
}

// into puts what was measured into its place on the page.
func into[T any](measure func(context.Context) (T, error), at func(*report) *T) func(context.Context, *report) error {
	return func(ctx context.Context, r *report) (err error) {
		*at(r), err = measure(ctx)
		return err
	}
}
