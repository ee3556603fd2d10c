package integration

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// fault is what an identity provider does instead of answering.
type fault string

const (
	sound     fault = "sound" // none: it answers
	failing   fault = "500"
	garbage   fault = "garbage with 200"
	truncated fault = "truncated JSON"
	slow      fault = "slow"
	silent    fault = "never answers"
	refusing  fault = "refuses connections"
	leadsAway fault = "redirects elsewhere"
	mistaken  fault = "answers about somebody else"
)

// slowness is how long a slow one takes for each answer: too long for one step together, or by itself where one answer is a step.
var slowness = map[string]time.Duration{env.Keycloak: 5 * time.Second, env.Kratos: 12 * time.Second, env.Hydra: 12 * time.Second}

// faultProxy stands between the gateway and the admin API of the identity provider.
type faultProxy struct {
	t        *testing.T
	addr     string
	slowness time.Duration
	held     chan struct{} // one for each request that is kept waiting by silent; what nobody reads is lost
	trap     string        // where leadsAway leads, and nobody must come

	mu      sync.Mutex
	forward *httputil.ReverseProxy
	fault   fault
	changed chan struct{} // closed and replaced when the fault changes
	server  *http.Server
	around  func(r *http.Request, pass func()) // stands around each call that passes; nil: nothing does
	others  *strings.Replacer                  // what mistaken makes of an answer; nil: nothing
}

// confuse has mistaken answer about the one where it was asked about the other of two people, and with another login than Hydra was asked for.
func (p *faultProxy) confuse(e *env.Env, one, other string) {
	pairs := []string{`"challenge":"`, `"challenge":"another-`}
	for _, who := range [][2]string{{one, other}, {other, one}} {
		pairs = append(pairs, idOf(p.t, e, who[0]), idOf(p.t, e, who[1]), who[0], who[1])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.others = strings.NewReplacer(pairs...)
}

// idOf is what the identity provider calls the account of user.
func idOf(t *testing.T, e *env.Env, user string) string {
	t.Helper()
	switch p := e.Provider.(type) {
	case env.KeycloakProvider:
		id, err := p.Server.UserID(t.Context(), user)
		fatal(t, err)
		return id
	case *env.KratosProvider:
		return p.ID(user + "@example.com")
	}
	return e.User(user)
}

// watch has each call that passes go through around, or through nothing.
func (p *faultProxy) watch(around func(r *http.Request, pass func())) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.around = around
}

// pass forwards r.
func (p *faultProxy) pass(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	p.mu.Lock()
	around := p.around
	p.mu.Unlock()
	if around == nil {
		forward.ServeHTTP(w, r)
		return
	}
	around(r, func() { forward.ServeHTTP(w, r) })
}

// faulty starts an identity provider with users, besides its own, whose admin API the gateway reaches through a proxy.
func faulty(t *testing.T, kind string, users ...string) (*env.Env, *faultProxy) {
	t.Helper()
	p := &faultProxy{t: t, slowness: slowness[kind], addr: "127.0.0.1:0", held: make(chan struct{}, 1), fault: sound, changed: make(chan struct{})}
	p.listen()
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a redirect was followed: %s %s", r.Method, r.URL.Path)
	}))
	t.Cleanup(trap.Close)
	p.trap = trap.URL
	t.Cleanup(func() {
		p.set(sound)
		_ = p.server.Close()
	})
	e := own(t, env.Options{IdP: kind, Through: "http://" + p.addr, Patient: true, Users: users})
	p.aim(e)
	return e, p
}

func (p *faultProxy) aim(e *env.Env) {
	targets := apis(e)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			for _, a := range targets {
				if strings.HasPrefix(r.In.URL.Path, a.below) {
					target, err := url.Parse(a.url)
					if err != nil {
						p.t.Error(err)
						return
					}
					r.SetURL(target)
					return
				}
			}
		},
		ModifyResponse: p.spoil,
		ErrorLog:       log.New(io.Discard, "", 0), // whoever went away is what the faults are about
	}
}

// api is one of those that an identity provider has.
type api struct{ below, url string }

// apis are those of the environment's, by path: the first that fits is meant.
func apis(e *env.Env) []api {
	rest := api{"/", e.IdP}
	switch p := e.Provider.(type) {
	case *env.HydraProvider:
		return []api{{"/admin/", p.Server.AdminURL}, {"/version", p.Server.AdminURL}, rest}
	case *env.KratosProvider:
		all := []api{{"/admin/", p.Server.AdminURL}, rest}
		if p.Hydra != nil {
			all = append([]api{{"/admin/oauth2/", p.Hydra.AdminURL}, {"/version", p.Hydra.AdminURL}}, all...)
		}
		return all
	}
	return []api{rest}
}

// listen serves at addr, which stays the same once it is known.
func (p *faultProxy) listen() {
	var listener net.Listener
	until(p.t, 10*time.Second, "listening again", func() bool { // a connection of somebody else may have the port for a moment
		var err error
		listener, err = net.Listen("tcp", p.addr)
		return err == nil
	})
	p.addr = listener.Addr().String()
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	server := p.server
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.t.Errorf("the fault proxy: %v", err)
		}
	}()
}

// set changes the fault. Requests that silent kept waiting go on under the new one.
func (p *faultProxy) set(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault == f {
		return
	}
	if f == refusing {
		_ = p.server.Close()
	}
	if p.fault == refusing {
		p.listen()
	}
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *faultProxy) now() (fault, chan struct{}, *httputil.ReverseProxy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.changed, p.forward
}

// ServeHTTP answers one request of the gateway.
func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, changed, forward := p.now()
	switch f {
	case failing:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"error":"unknown_error"}`)
	case garbage:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Welcome to the hotel network</title>")
	case slow:
		select {
		case <-time.After(p.slowness):
			forward.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	case silent:
		select {
		case p.held <- struct{}{}:
		default:
		}
		select {
		case <-changed:
			p.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	case leadsAway:
		w.Header().Set("Location", p.trap+r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
	default:
		p.pass(w, r, forward)
	}
}

// spoil cuts an answer in half or has it be about somebody else, in good order but for that.
func (p *faultProxy) spoil(resp *http.Response) error {
	f, _, _ := p.now()
	if f != truncated && f != mistaken {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if f == truncated {
		body = body[:len(body)/2]
	} else if p.others != nil {
		body = []byte(p.others.Replace(string(body)))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return nil
}
