package main

import (
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
	calls               int
	own, passing, added time.Duration
}

// sides tells them apart. While a call is under way the time is the identity provider's own, but for its calls to the gateway,
// asked. The rest of a request that the gateway answers was added, but for what each of its calls costs whoever makes it, bare.
// The rest of a request that passes is Caddy's.
func (c completion) sides(asked []span, bare time.Duration) (s sides) {
	for _, h := range c.whole {
		calls := h.begun(c.calls)
		theirs, ours := h.covered(calls), h.covered(asked)
		rest := h.length() - theirs
		s.calls, s.own, s.added = s.calls+len(calls), s.own+theirs-ours, s.added+ours
		if h.passes {
			s.passing += rest
			continue
		}
		made := time.Duration(len(calls)) * bare
		s.own, s.added = s.own+made, s.added+rest-made
	}
	return s
}
