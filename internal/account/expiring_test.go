package account

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

func TestWhatExpiresSoonIsCounted(t *testing.T) {
	f := newFixture(t)
	const day = 24 * time.Hour
	for i, left := range []time.Duration{-time.Hour, time.Hour, 2 * day, 6 * day, 20 * day, 90 * day, 0} {
		a := f.good()
		a.AccountID, a.Handles = fmt.Sprint("account ", i), []Handle{{Value: fmt.Append(nil, i)}}
		if a.NotAfter = f.clock.Now().Add(left); left == 0 {
			a.NotAfter = time.Time{} // never
		}
		f.bind(t, a)
	}
	revoked := f.good()
	revoked.NotAfter = f.clock.Now().Add(time.Hour)
	f.bind(t, revoked)
	err := f.update(t, func(tx storage.Tx) error {
		_, err := f.Revoke(tx, revoked.ID, "carol", "lost")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Expiring(t.Context(), f.db, day, 7*day, 30*day); err != nil || !slices.Equal(got, []int{1, 3, 4}) {
		t.Errorf("%v, error %v", got, err)
	}
}

func TestMoreThanOnePageIsCounted(t *testing.T) {
	f := newFixture(t)
	for i := range page + 1 {
		a := f.good()
		a.AccountID, a.Handles = fmt.Sprint("account ", i), []Handle{{Value: fmt.Append(nil, i)}}
		f.bind(t, a)
	}
	if got, err := f.Expiring(t.Context(), f.db, 100*24*time.Hour); err != nil || got[0] != page+1 {
		t.Errorf("%v of %d, error %v", got, page+1, err)
	}
}
