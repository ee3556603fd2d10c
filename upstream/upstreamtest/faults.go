package upstreamtest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// verb is one call of the contract, for whom it was made up.
type verb func(context.Context, upstream.Adapter) error

// verbs are all verbs that ask the server about p, in the recovery s.
func (f Fixture) verbs(facts upstream.Facts, p Person, s upstream.Session) map[string]verb {
	late := s
	late.RedeemedAt = s.Now.Add(-time.Hour)
	all := map[string]verb{
		"Resolve": func(ctx context.Context, a upstream.Adapter) error {
			got, err := a.Resolve(ctx, p.Identifiers[0])
			if err == nil && got.ID != p.ID {
				return errors.New("resolved to somebody else")
			}
			return err
		},
		"State": func(ctx context.Context, a upstream.Adapter) error {
			_, err := a.State(ctx, p.ID)
			return err
		},
		"Revoke": func(ctx context.Context, a upstream.Adapter) error { return a.Revoke(ctx, p.ID) },
		"Prepare": func(ctx context.Context, a upstream.Adapter) error {
			return a.Prepare(ctx, p.ID, []attest.Action{attest.ActionSignIn})
		},
		"Session": func(ctx context.Context, a upstream.Adapter) error {
			_, err := a.Session(ctx, s)
			return err
		},
		"Finish": func(ctx context.Context, a upstream.Adapter) error {
			_, err := a.Finish(ctx, late)
			return err
		},
		"Abandon": func(ctx context.Context, a upstream.Adapter) error { return a.Abandon(ctx, s) },
	}
	if !facts.Admin {
		for _, name := range []string{"Resolve", "State", "Prepare"} {
			delete(all, name)
		}
	}
	if len(facts.Programs) > 0 {
		all[programSession] = f.programSession(s)
	}
	return all
}

// acquaint lets an adapter call the server once.
func acquaint(t testing.TB, f Fixture, a upstream.Adapter) {
	t.Helper()
	must(t, a.Abandon(t.Context(), newSession(t, Fixture{}, f.Alice)))
}

// brokenAnswers breaks every answer, for an adapter that knows the server
// already and for one that does not, and demands that each verb can not tell
// and leaves no way in.
func brokenAnswers(t *testing.T, f Fixture) {
	p := newProxy(t, f.URL)
	faults := serverFaults(t)
	for name, fault := range f.Faults {
		faults[name] = fault
	}
	for name, fault := range faults {
		acquainted := f.New(t, p.URL)
		all := f.verbs(acquainted.Facts(), f.Alice, newSession(t, f, f.Alice))
		acquaint(t, f, acquainted)
		for verbName, call := range all {
			for _, a := range []upstream.Adapter{acquainted, f.New(t, p.URL)} {
				known := a == acquainted
				p.breakWith(fault)
				err := impatiently(t, name, a, call)
				p.breakWith(nil)
				if err == nil && known && harmless[name] {
					must(t, all["Abandon"](t.Context(), a))
				} else if !errors.Is(err, upstream.ErrUnavailable) {
					t.Errorf("%s under %s (server known: %v): %v, want unavailable", verbName, name, known, err)
				}
			}
		}
		wantWaysIn(t, f)
	}
}

// impatiently gives up soon on a server that is slow.
func impatiently(t *testing.T, fault string, a upstream.Adapter, call verb) error {
	patience := upstream.Timeout
	if fault == "slow" {
		patience = 200 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return call(ctx, a)
}

// harmless are faults that do not show to an adapter that knows the server.
var harmless = map[string]bool{"too old": true}

// swallowedWrites lets the server say that it made a change which it did not
// make, and demands that reading back shows it.
func swallowedWrites(t *testing.T, f Fixture) {
	p := newProxy(t, f.URL)
	a := f.New(t, p.URL)
	s := newSession(t, f, f.Alice)
	standing := f.verbs(a.Facts(), f.Alice, s)
	f.SignIn(t, f.Alice)
	writing := []string{"Revoke", "Abandon"}
	if !f.Reads {
		writing = append(writing, "Finish")
	}
	if f.Lock != nil {
		f.Lock(t, f.Alice)
		writing = append(writing, "Prepare")
	}
	outcome, err := a.Session(t.Context(), s)
	must(t, err)
	f.follow(t, s, outcome)
	p.breakWith(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				next.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
	})
	swallowed := map[string]verb{"Session": f.verbs(a.Facts(), f.Alice, newSession(t, f, f.Alice))["Session"]}
	if len(a.Facts().Programs) > 0 {
		swallowed[programSession] = f.programSession(newSession(t, f, f.Alice))
	}
	for _, name := range writing {
		swallowed[name] = standing[name]
	}
	for name, call := range swallowed {
		if err := call(t.Context(), a); !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("%s whose changes are swallowed: %v, want unavailable", name, err)
		}
	}
	p.breakWith(nil)
	for _, name := range []string{"Revoke", "Prepare", "Abandon"} {
		if call, asks := standing[name]; asks {
			must(t, call(t.Context(), a))
		}
	}
}

// verbsResume lets each verb fail at its first, second, … request and demands
// that it then succeeds when called again, up to its end.
func verbsResume(t *testing.T, f Fixture) {
	p := newProxy(t, f.URL)
	all := f.verbs(f.New(t, p.URL).Facts(), f.Alice, newSession(t, f, f.Alice))
	for name, call := range all {
		for n := int64(1); ; n++ {
			a := f.New(t, p.URL)
			acquaint(t, f, a)
			count := p.failAt(n)
			err := call(t.Context(), a)
			p.breakWith(nil)
			if count.Load() < n {
				must(t, err)
				break // it was over before the n-th request
			}
			if !errors.Is(err, upstream.ErrUnavailable) {
				t.Errorf("%s with request %d failing: %v, want unavailable", name, n, err)
			}
			if err := call(t.Context(), a); err != nil {
				t.Errorf("%s again after request %d failed: %v", name, n, err)
			}
			must(t, all["Abandon"](t.Context(), a))
			wantWaysIn(t, f)
		}
		must(t, all["Abandon"](t.Context(), f.New(t, f.URL)))
	}
}
