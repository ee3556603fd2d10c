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
