package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/load"
)

// What the gateway may add to a completion at the median: so long for what it does once, and that share of the time that the identity
// provider takes for the same calls. The aim is to be below each of the two.
const (
	mostAdded = 5 * time.Millisecond
	mostShare = 0.10
)

// adapter is an identity provider, and how people complete in front of it.
type adapter struct {
	kind string
	ways []way
}

// way is one of the two ways to complete.
type way struct {
	what  string
	begin func(*person, context.Context) (finish, error)
}

var (
	byBrowser = way{"browser", (*person).inBrowser}
	byProgram = way{"program", (*person).inProgram}

	adapters = []adapter{
		{env.Hydra, []way{byBrowser, byProgram}},
		{env.Kratos, []way{byBrowser, byProgram}},
		{env.KratosHydra, []way{byBrowser}},
		{env.Keycloak, []way{byBrowser, byProgram}},
		{env.KeycloakOIDC, []way{byBrowser}},
	}

	// small needs no other server.
	small = []adapter{{env.Demo, []way{byBrowser}}}
)

// warming are the first to complete, who are not counted: connections are opened, caches filled.
const warming = 4

// completed is what completions of one way cost. Whole is what the claimant waits for, and the sum of the others.
type completed struct {
	What                     string
	Calls                    int
	Bare                     time.Duration // of Own, for each call that the gateway makes; see [repeater]
	Alone                    time.Duration // of Caddy, for each request that the gateway answers; see [hops.front]
	Quickest                 time.Duration // of a completion's requests, beside calls
	Whole, Own, Caddy, Added quantiles
	Share                    float64 // of Added in Own, completion by completion
}

type quantiles struct{ P50, P95 time.Duration }

// complete measures completions through each adapter.
func (b *bench) complete(ctx context.Context) (all []completed, err error) {
	for _, a := range b.adapters {
		some, err := b.through(ctx, a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.kind, err)
		}
		for _, c := range some {
			b.say("  %s", c)
			b.demand(c.Added.P50 <= mostAdded+time.Duration(mostShare*float64(c.Own.P50)), "a completion, %s: %s are added to %s, %s and %.0f %% allowed",
				c.What, short(c.Added.P50), short(c.Own.P50), mostAdded, 100*mostShare)
			all = append(all, c)
		}
	}
	b.plausible(all)
	return all, nil
}

// through starts the identity provider and the gateway, and measures there.
func (b *bench) through(ctx context.Context, a adapter) (all []completed, err error) {
	dir, err := os.MkdirTemp(b.dir, a.kind+"-")
	if err != nil {
		return nil, err
	}
	people := names(warming + b.people)
	e, err := env.Start(ctx, env.Options{IdP: a.kind, Bin: b.bin, Dir: dir, Log: b.log, Patient: true, Users: people, Site: asking(dir) + answering})
	if err != nil {
		return nil, err
	}
	defer e.Stop()
	t := newTaps()
	defer t.stop()
	if err := t.between(ctx, e); err != nil {
		return nil, err
	}
	again, err := newRepeater(ctx, t, strings.TrimPrefix(e.IdP, "http://"))
	if err != nil {
		return nil, err
	}
	defer again.stop()
	c := crowd{taps: t, hops: hopsTo(e), again: again}
	for _, name := range people {
		p, err := settle(ctx, e, c.hops, name)
		if err != nil {
			return nil, err
		}
		c.people = append(c.people, p)
	}
	done, err := c.recover(ctx, a.ways)
	if err != nil {
		return nil, err
	}
	calls, err := asked(dir)
	if err != nil {
		return nil, err
	}
	for _, w := range a.ways {
		others := func(c completion) bool { return c.way != w.what }
		c := summed(a.kind+", "+w.what, slices.DeleteFunc(slices.Clone(done[warming:]), others), calls)
		if c.Calls == 0 {
			return nil, fmt.Errorf("%s: no call was seen: the taps are not where calls are made", c.What)
		}
		all = append(all, c)
	}
	return all, nil
}

// hopsTo notes what goes to the gateway's site as far as the application.
func hopsTo(e *env.Env) *hops {
	h := &hops{next: e.Client.Transport, origin: e.Origin, gateway: e.Issuer + "/", until: e.App.URL}
	switch e.Kind {
	case env.Kratos:
		h.until = e.Origin + "/ui/"
	case env.Demo: // has everybody who comes from a recovery set a password
		h.until = e.Origin + "/password"
	}
	return h
}

// summed reads what the completions of one way came to.
func summed(what string, all []completion, asked []span) completed {
	c := completed{What: what}
	var bare, alone []time.Duration
	for _, one := range all {
		bare, alone = append(bare, one.bare...), append(alone, one.alone)
	}
	c.Bare, c.Alone = load.Median(bare), load.Median(alone)
	var calls []int
	var shares []float64
	var whole, own, caddy, added, quickest []time.Duration
	for _, one := range all {
		s := one.sides(asked, c.Bare, c.Alone)
		calls, shares = append(calls, s.calls), append(shares, float64(s.added)/float64(s.own))
		whole, own, caddy, added = append(whole, s.own+s.caddy+s.added), append(own, s.own), append(caddy, s.caddy), append(added, s.added)
		quickest = append(quickest, s.quickest)
	}
	c.Calls, c.Share, c.Quickest = load.Median(calls), load.Median(shares), load.Median(quickest)
	c.Whole, c.Own, c.Caddy, c.Added = quantilesOf(whole), quantilesOf(own), quantilesOf(caddy), quantilesOf(added)
	return c
}

func quantilesOf(times []time.Duration) quantiles {
	slices.Sort(times)
	return quantiles{load.Median(times), times[len(times)*95/100]}
}

func (c completed) String() string {
	return fmt.Sprintf("%s: %s in %d calls of %s bare, the identity provider's own %s, Caddy %s (%s alone, %s the quickest), added %s (p95 %s), %.1f %% of its own",
		c.What, short(c.Whole.P50), c.Calls, short(c.Bare), short(c.Own.P50), short(c.Caddy.P50), short(c.Alone), short(c.Quickest),
		short(c.Added.P50), short(c.Added.P95), 100*c.Share)
}
