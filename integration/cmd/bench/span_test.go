package main

import (
	"strings"
	"testing"
	"time"
)

// at is n milliseconds after some moment, between is from one to another.
func at(n int) time.Time { return time.Unix(0, 0).Add(time.Duration(n) * time.Millisecond) }

func between(from, to int) span { return span{at(from), at(to)} }

func TestWhatOverlapsCountsOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		by   []span
		want int // milliseconds
	}{
		{"nothing", nil, 0},
		{"one within", []span{between(12, 15)}, 3},
		{"one after the other", []span{between(11, 12), between(14, 16)}, 3},
		{"one within another", []span{between(11, 18), between(12, 13)}, 7},
		{"two that overlap", []span{between(11, 14), between(13, 17)}, 6},
		{"beyond both ends", []span{between(5, 11), between(19, 30)}, 2},
		{"before and after", []span{between(1, 2), between(30, 40)}, 0},
	} {
		if got := between(10, 20).covered(c.by); got != time.Duration(c.want)*time.Millisecond {
			t.Errorf("%s: %s, want %d ms", c.name, got, c.want)
		}
	}
}

func TestTheSidesOfACompletionAreItsWholeTime(t *testing.T) {
	c := completion{
		whole: []hop{{between(0, 20), false}, {between(25, 40), true}},
		calls: []span{between(2, 8), between(9, 12), between(26, 38), between(50, 60)}, // the last is the application's
	}
	got := c.sides([]span{between(30, 34)}, time.Millisecond/2, 2*time.Millisecond)
	want := sides{calls: 3, own: 18 * time.Millisecond, caddy: 5 * time.Millisecond, added: 12 * time.Millisecond, quickest: 3 * time.Millisecond}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if sum := got.own + got.caddy + got.added; sum != 35*time.Millisecond {
		t.Errorf("together %s", sum)
	}
}

func TestCaddysPartIsNeverMoreThanARequestTook(t *testing.T) {
	for _, c := range []struct {
		name                           string
		bare, caddy, added, own, least int // milliseconds
	}{
		{"it took longer", 1, 2, 1, 7, 3},
		{"it took as long", 2, 2, 0, 8, 2},
		{"it took less", 3, 1, 0, 9, 1},
		{"its calls alone cost more elsewhere", 5, 0, -1, 11, -1},
	} {
		one := completion{whole: []hop{{between(0, 10), false}}, calls: []span{between(2, 8)}}
		got := one.sides(nil, time.Duration(c.bare)*time.Millisecond, 2*time.Millisecond)
		want := sides{
			calls: 1, own: time.Duration(c.own) * time.Millisecond, caddy: time.Duration(c.caddy) * time.Millisecond,
			added: time.Duration(c.added) * time.Millisecond, quickest: time.Duration(c.least) * time.Millisecond,
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

func TestTheMedianOfAWayIsCaddysPartOfEachRequest(t *testing.T) {
	var all []completion
	for _, alone := range []int{9, 1, 2} {
		all = append(all, completion{
			whole: []hop{{between(0, 20), false}, {between(20, 24), true}}, calls: []span{between(5, 15), between(21, 22)},
			bare: []time.Duration{0}, alone: time.Duration(alone) * time.Millisecond,
		})
	}
	c := summed("some, browser", all, nil)
	if c.Alone != 2*time.Millisecond || c.Caddy.P50 != 5*time.Millisecond || c.Added.P95 != 8*time.Millisecond || c.Quickest != 3*time.Millisecond {
		t.Errorf("%+v", c)
	}
}

func TestCaddyAloneIsNotSlowerThanWhateverDoesMore(t *testing.T) {
	quick := completed{What: "quick", Alone: 2 * time.Millisecond, Quickest: 3 * time.Millisecond}
	slow := completed{What: "slow", Alone: 2 * time.Millisecond, Quickest: 9 * time.Millisecond}
	b := new(bench)
	if b.plausible([]completed{slow, quick}); len(b.failed) > 0 {
		t.Errorf("%q", b.failed)
	}
	slow.Alone = 4 * time.Millisecond
	if b.plausible([]completed{slow, quick}); len(b.failed) != 1 || !strings.Contains(b.failed[0], "slow: 4ms") {
		t.Errorf("%q", b.failed)
	}
}
