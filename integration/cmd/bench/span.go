package main

import (
	"math"
	"slices"
	"time"
)

// span is a stretch of time.
type span struct{ from, to time.Time }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

// covered is how much of s the spans cover together: where they overlap, that counts once. They are in the order in which
// they begin.
func (s span) covered(by []span) (sum time.Duration) {
	at := s.from
	for _, b := range by {
		if b.from.After(at) {
			at = b.from
		}
		if b.to.After(s.to) {
			b.to = s.to
		}
		if b.to.After(at) {
			sum, at = sum+b.to.Sub(at), b.to
		}
	}
	return sum
}

// begun are those that began in s.
func (s span) begun(all []span) []span {
	return slices.DeleteFunc(slices.Clone(all), func(b span) bool { return b.from.Before(s.from) || !b.from.Before(s.to) })
}

// sides are what the time of a completion went to.
type sides struct {
	calls             int
	own, caddy, added time.Duration
	quickest          time.Duration // what the quickest request took beside its calls
}

// sides tells them apart. While a call is under way the time is the identity provider's own, but for its calls to the gateway,
// asked; and so is what each call of the gateway costs whoever makes it, bare. The rest of a request that passes is Caddy's. So is, of
// one that the gateway answers, what a request costs in front whoever answers it, alone, but never more than it took. What is left was added.
func (c completion) sides(asked []span, bare, alone time.Duration) sides {
	s := sides{quickest: math.MaxInt64}
	for _, h := range c.whole {
		calls := h.begun(c.calls)
		theirs, ours := h.covered(calls), h.covered(asked)
		if !h.passes {
			theirs += time.Duration(len(calls)) * bare
		}
		rest := h.length() - theirs
		front := rest
		if !h.passes {
			front = max(0, min(alone, rest))
		}
		s.calls, s.own, s.caddy, s.added = s.calls+len(calls), s.own+theirs-ours, s.caddy+front, s.added+ours+rest-front
		s.quickest = min(s.quickest, rest)
	}
	return s
}
