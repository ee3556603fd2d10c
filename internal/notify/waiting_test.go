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
