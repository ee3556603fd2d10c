package keys

import (
	"testing"
	"time"
)

func TestAKeyIsAsOldAsItsUse(t *testing.T) {
	db, clock := clockedDB(t)
	r := testRing(t, db, "main")
	want := func(age time.Duration) {
		t.Helper()
		ages, err := r.Ages(t.Context())
		if err != nil || len(ages) != len(rotating) {
			t.Fatalf("%v, error %v", ages, err)
		}
		for p, got := range ages {
			if got != age {
				t.Errorf("%s is %s old, want %s", p, got, age)
			}
		}
	}
	want(0)
	clock.Add(time.Hour)
	rotate(t, r) // published only
	want(time.Hour)
	clock.Add(Ahead)
	want(0)
}
