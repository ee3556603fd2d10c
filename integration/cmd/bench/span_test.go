package main

import (
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
	got := c.sides([]span{between(30, 34)}, time.Millisecond/2)
	want := sides{calls: 3, own: 18 * time.Millisecond, passing: 3 * time.Millisecond, added: 14 * time.Millisecond}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if sum := got.own + got.passing + got.added; sum != 35*time.Millisecond {
		t.Errorf("together %s", sum)
	}
}
