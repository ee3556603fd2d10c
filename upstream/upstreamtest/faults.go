package upstreamtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
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

// serverFaults are ways in which any server can be broken.
func serverFaults(t testing.TB) map[string]Fault {
	return map[string]Fault{
		"500":            status(http.StatusInternalServerError, "application/json", `{"error":"unknown_error"}`),
		"404 page":       status(http.StatusNotFound, "text/html", "<h1>Not found</h1>"),
		"HTML":           status(http.StatusOK, "text/html; charset=utf-8", "<!DOCTYPE html><title>Sign in</title>"),
		"null":           status(http.StatusOK, "application/json", "null"),
		"empty object":   status(http.StatusOK, "application/json", "{}"),
		"truncated JSON": truncated,
		"endless":        endless,
		"redirect":       elsewhere(t),
		"slow":           slow,
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

// proxy leads to the real server through a fault.
type proxy struct {
	*httptest.Server
	server  http.Handler
	handler atomic.Pointer[http.Handler]
}

func newProxy(t testing.TB, to string) *proxy {
	target, err := url.Parse(to)
	must(t, err)
	p := &proxy{server: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = target.Host
		},
	}}
	p.breakWith(nil)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*p.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// breakWith puts a fault in the way; nil takes it out.
func (p *proxy) breakWith(fault Fault) {
	h := p.server
	if fault != nil {
		h = fault(p.server)
	}
	p.handler.Store(&h)
}

// failAt lets the n-th request from now on fail and counts all of them.
func (p *proxy) failAt(n int64) *atomic.Int64 {
	var count atomic.Int64
	p.breakWith(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) == n {
				http.Error(w, "down", http.StatusBadGateway)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	return &count
}

func status(code int, kind, body string) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
}

// truncated passes the first half of every answer, with a status and length
// that pretend that it is whole. What has no body fails.
func truncated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		if rec.Body.Len() == 0 {
			http.Error(w, "cut", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	})
}

// endless answers with valid JSON that is longer than anybody should read.
func endless(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		filler := bytes.Repeat([]byte(" "), 1<<16)
		_, _ = io.WriteString(w, "[")
		for range 2 * upstream.MaxAnswer / len(filler) {
			if _, err := w.Write(filler); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, "]")
	})
}

// elsewhere sends every request to another host, which must never be called.
func elsewhere(t testing.TB) Fault {
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed: %s %s", r.Method, r.URL.Path)
	}))
	t.Cleanup(trap.Close)
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", trap.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
	}
}

// slow answers only when the caller has gone.
func slow(http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the caller's end is not noticed
		<-r.Context().Done()
	})
}
