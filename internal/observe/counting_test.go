package observe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/observe/observetest"
	"github.com/regrant/regrant/storage"
)

// A reload has the same collectors in two registries at once, and what was counted stays.
func TestCountersGoOnInANewRegistry(t *testing.T) {
	observe.Refused("test-reload")
	for range 3 {
		r := prometheus.NewPedanticRegistry()
		for _, c := range observe.Collectors() {
			if err := r.Register(c); err != nil {
				t.Fatal(err)
			}
		}
		observe.Refused("test-reload")
		if _, err := r.Gather(); err != nil {
			t.Fatal(err)
		}
	}
	if got := observetest.Value(t, `regrant_refusals_total{reason="test-reload"}`); got != 4 {
		t.Errorf("counted %v, want 4", got)
	}
}

// fakeDB runs fn as often as told and ends with err.
type fakeDB struct {
	storage.DB
	runs int
	err  error
}

func (d fakeDB) Update(_ context.Context, fn func(storage.Tx) error) error {
	for range d.runs {
		if err := fn(nil); err != nil {
			return err
		}
	}
	return d.err
}

func TestOnlyWhatCommittedIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		db      fakeDB
		fn      error
		counted float64
		outcome string
	}{
		"commit":                    {fakeDB{runs: 1}, nil, 1, "ok"},
		"commit at the third try":   {fakeDB{runs: 3}, nil, 1, "ok"},
		"the caller's own decision": {fakeDB{runs: 1}, errors.New("no"), 0, "rolled-back"},
		"full":                      {fakeDB{runs: 1, err: storage.ErrFull}, nil, 0, "full"},
		"conflict":                  {fakeDB{runs: 9, err: storage.ErrConflict}, nil, 0, "conflict"},
		"gone":                      {fakeDB{runs: 1, err: context.Canceled}, nil, 0, "canceled"},
		"not begun":                 {fakeDB{err: storage.ErrClosed}, nil, 0, "unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			state, series := "test "+name, `regrant_store_update_duration_seconds{outcome="`+c.outcome+`"}`
			before := observetest.Value(t, series)
			err := observe.DB(c.db).Update(t.Context(), func(tx storage.Tx) error {
				observe.Entered(tx, state)
				return c.fn
			})
			if !errors.Is(err, c.db.err) && !errors.Is(err, c.fn) {
				t.Errorf("error %v", err)
			}
			if got := observetest.Value(t, `regrant_recoveries_total{state="`+state+`"}`); got != c.counted {
				t.Errorf("counted %v, want %v", got, c.counted)
			}
			if got := observetest.Value(t, series); got != before+1 {
				t.Errorf("%s is %v, was %v", series, got, before)
			}
		})
	}
}

func TestLevelsAreShownOnlyWhileTheyAreKnown(t *testing.T) {
	for open, want := range map[bool]int{false: 1, true: 7} {
		c := observe.LevelsOf(func() (observe.Levels, bool) {
			return observe.Levels{Upstreams: map[string]observe.UpstreamLevels{"keycloak-acme": {Pending: 2, Oldest: time.Minute, Expiring: map[string]int{"1d": 1, "7d": 2}, KeyAges: map[string]time.Duration{"grant": time.Hour}}}}, open
		})
		if got := testutil.CollectAndCount(c); got != want {
			t.Errorf("open %v: %d, want %d", open, got, want)
		}
	}
}
