package notify

import (
	"testing"
	"time"
)

func TestWhatWaitsIsCountedWithTheAgeOfTheOldest(t *testing.T) {
	f := newFixture(t)
	if n, oldest, err := f.Waiting(t.Context()); n != 0 || oldest != 0 || err != nil {
		t.Errorf("nothing waits: %d, %s, error %v", n, oldest, err)
	}
	f.put(t)
	f.clock.Advance(time.Minute)
	f.put(t)
	f.clock.Advance(time.Second)
	if n, oldest, err := f.Waiting(t.Context()); n != 2 || oldest != 61*time.Second || err != nil {
		t.Errorf("%d, %s, error %v", n, oldest, err)
	}
}

// A receiver that has failed for so long that nothing waits any more is not well.
func TestWhatWasGivenUpIsRememberedForAsLongAsIsAsked(t *testing.T) {
	const week = 7 * 24 * time.Hour
	s := newSender("a")
	s.fail(errDown)
	f := newFixture(t, s)
	f.run(t, f.Outbox)
	lost := func(want int) {
		t.Helper()
		if n, err := f.Lost(t.Context(), week); n != want || err != nil {
			t.Errorf("%d, want %d, error %v", n, want, err)
		}
	}
	f.put(t)
	f.attempts(t, 1)
	lost(0)
	f.clock.Advance(giveUp)
	f.empty(t)
	lost(1)
	f.clock.Advance(week)
	lost(1)
	f.clock.Advance(time.Second)
	lost(0)
}

func TestWhatWaitsForAnAccountIsThatAccountsAlone(t *testing.T) {
	f := newFixture(t)
	f.put(t)
	if types, err := f.WaitingFor(t.Context(), "alice-id"); len(types) != 1 || types[0] != "device-enrolled" || err != nil {
		t.Errorf("%v, error %v", types, err)
	}
	if types, err := f.WaitingFor(t.Context(), "somebody else"); len(types) != 0 || err != nil {
		t.Errorf("somebody else: %v, error %v", types, err)
	}
}
