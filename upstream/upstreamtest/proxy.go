package upstreamtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/upstream"
)

// Fault stands between adapter and server; next is the real server.
type Fault func(next http.Handler) http.Handler

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
