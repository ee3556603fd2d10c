package main

import (
	"context"
	"time"
)

// crowd are people who recover at one identity provider, once each.
type crowd struct {
	taps   *taps
	hops   *hops
	again  *repeater
	people []*person
}

// completion is one that was measured.
type completion struct {
	way   string
	whole []hop           // its requests, one after the other
	calls []span          // at the identity provider, those that it was asked in order to pass included
	bare  []time.Duration // what calls cost whoever makes them, see [repeater]
	alone time.Duration   // what a request costs in front, see [hops.front]
}

// together are how many prepare before the first of them completes: what prepared them is over, and what completions leave to the
// gateway to do later has not begun.
const together = 8

// recover completes for everybody, one after the other.
func (c *crowd) recover(ctx context.Context, ways []way) (all []completion, err error) {
	for i, p := range c.people {
		if i%together == 0 {
			if err := prepare(ctx, c.people[i:min(i+together, len(c.people))], ways); err != nil {
				return nil, err
			}
		}
		one, err := c.measure(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func prepare(ctx context.Context, people []*person, ways []way) (err error) {
	for i, p := range people {
		way := ways[i%len(ways)]
		if p.finish, err = way.begin(p, ctx); err != nil {
			return err
		}
		p.way = way.what
	}
	return nil
}

// measure completes one recovery. The calls of others, for which something is left to do, are not its own.
func (c *crowd) measure(ctx context.Context, p *person) (completion, error) {
	c.hops.reset()
	began := time.Now()
	if err := p.finish(ctx); err != nil {
		return completion{}, err
	}
	whole := span{began, time.Now()}
	done := completion{way: p.way, whole: c.hops.taken, calls: c.taps.within(whole, func(head string) bool { return p.concerns(head, c.people) })}
	var err error
	if done.alone, err = c.hops.front(ctx); err != nil {
		return completion{}, err
	}
	done.bare, err = c.again.bare(whole, len(done.calls))
	return done, err
}
