package observe

import (
	"context"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func TestOperationsNamesEveryMetric(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), Table()) {
		t.Errorf("docs/operations.md does not hold this table:\n%s", Table())
	}
}

// A reload has the same collectors in two registries at once, and what was counted stays.
func TestCountersGoOnInANewRegistry(t *testing.T) {
	Refused("test-reload")
	for range 3 {
		r := prometheus.NewPedanticRegistry()
		for _, c := range Collectors() {
			if err := r.Register(c); err != nil {
				t.Fatal(err)
			}
		}
		Refused("test-reload")
		if _, err := r.Gather(); err != nil {
			t.Fatal(err)
		}
	}
	if got := testutil.ToFloat64(refusals.WithLabelValues("test-reload")); got != 4 {
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
			state, before := "test "+name, updates(t, c.outcome)
			err := DB(c.db).Update(t.Context(), func(tx storage.Tx) error {
				Entered(tx, state)
				return c.fn
			})
			if !errors.Is(err, c.db.err) && !errors.Is(err, c.fn) {
				t.Errorf("error %v", err)
			}
			if got := testutil.ToFloat64(recoveries.WithLabelValues(state)); got != c.counted {
				t.Errorf("counted %v, want %v", got, c.counted)
			}
			if got := updates(t, c.outcome); got != before+1 {
				t.Errorf("%d updates are %s, want %d", got, c.outcome, before+1)
			}
		})
	}
}

// updates is how many transactions came to outcome.
func updates(t *testing.T, outcome string) uint64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(storeSeconds)
	all, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == outcome {
				return m.GetHistogram().GetSampleCount()
			}
		}
	}
	return 0
}

// Verbs are told from what calls nobody by the context that they take. There is no adapter below, so each of them panics;
// it has been counted all the same if it is observed.
func TestEveryCallOfTheIdentityProviderIsObserved(t *testing.T) {
	observed := reflect.ValueOf(upstream.Adapter(&observedAdapter{name: "test"}))
	verbs := 0
	for m := range reflect.TypeFor[upstream.Adapter]().Methods() {
		if m.Type.NumIn() == 0 || m.Type.In(0) != reflect.TypeFor[context.Context]() {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		for i := 1; i < m.Type.NumIn(); i++ {
			args = append(args, reflect.Zero(m.Type.In(i)))
		}
		func() {
			defer func() { _ = recover() }()
			observed.MethodByName(m.Name).Call(args)
		}()
		if verbs++; testutil.CollectAndCount(upstreamSeconds) != verbs {
			t.Errorf("%s is not observed", m.Name)
			verbs--
		}
	}
}

func TestOutcomesOfCallsAreWordsOfAList(t *testing.T) {
	for err, want := range map[error]string{
		nil: "ok", upstream.ErrRefused: "refused", upstream.ErrNoAccount: "no-account", upstream.ErrAmbiguous: "ambiguous",
		upstream.ErrUnsupported: "unsupported", upstream.ErrTooOld: "unavailable", errors.New("of alice"): "unavailable",
	} {
		if got := callOutcome(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// Without a trace nothing is recorded and nothing told.
func TestARequestWithoutATraceTellsNobodyOfOne(t *testing.T) {
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:9/", http.NoBody)
	seen := r
	_, err := Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = r
		return nil, errors.New("enough")
	})).RoundTrip(r)
	if err == nil || seen != r || len(r.Header) > 0 {
		t.Errorf("sent %v with %v, error %v", seen, r.Header, err)
	}
	if trace, span := Trace(t.Context()); trace+span != "" {
		t.Errorf("trace %s, span %s", trace, span)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestLevelsAreShownOnlyWhileTheyAreKnown(t *testing.T) {
	for open, want := range map[bool]int{false: 1, true: 5} {
		c := LevelsOf(func() (Levels, bool) {
			return Levels{Pending: 2, Oldest: time.Minute, Expiring: map[string]int{"1d": 1, "7d": 2}}, open
		})
		if got := testutil.CollectAndCount(c); got != want {
			t.Errorf("open %v: %d, want %d", open, got, want)
		}
	}
}
