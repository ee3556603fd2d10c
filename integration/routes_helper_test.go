package integration

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/verbatim"
)

// guarded is a route of an identity provider that must not be reached: one of its own recovery, or one that leads around
// the gateway.
type guarded struct {
	name  string
	realm bool // the configuration of the identity provider is what closes it: the gateway lets it pass

	// good is the request as the identity provider takes it. Version and host are put in.
	good func(t *testing.T) verbatim.Request
	// shows says what of the route an answer shows; "" if nothing.
	shows func(a verbatim.Answer) string
}

// provider is an identity provider in the table.
type provider struct {
	e      *env.Env
	routes []guarded
	back   verbatim.Server      // the identity provider, past the gateway
	sent   func(*testing.T) int // how many mails it has sent so far
	mails  int                  // those of them that were expected
	open   bool                 // its configuration is not the one of README.md: the gateway stands alone
}

// fewest is how many different requests the table must hold.
const fewest = 60

// variants are the different ways to write one route: those that hide it, and those by which whoever reads them knows it, of
// which the first is the request as it is.
func variants(good verbatim.Request) (hidden, open []disguise) {
	for _, d := range disguises() {
		switch {
		case d.name != asItIs && !differs(d.wear(good), good):
		case d.open:
			open = append(open, d)
		default:
			hidden = append(hidden, d)
		}
	}
	return hidden, open
}

func differs(a, b verbatim.Request) bool { return fmt.Sprint(a) != fmt.Sprint(b) }

// front is the gateway.
func (p *provider) front() verbatim.Server { return site(p.e, host(p.e)) }

// site is one that the environment's Caddy has at an address.
func site(e *env.Env, addr string) verbatim.Server {
	return verbatim.Server{Addr: addr, TLS: &tls.Config{RootCAs: e.Roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}}
}

// itself is the identity provider at its own address.
func itself(e *env.Env) verbatim.Server {
	return verbatim.Server{Addr: strings.TrimPrefix(e.IdP, "http://")}
}

func host(e *env.Env) string { return strings.TrimPrefix(e.Origin, "https://") }

func (p *provider) request(t *testing.T, r guarded, proto string) verbatim.Request {
	t.Helper()
	good := r.good(t)
	good.Proto, good.Host = proto, host(p.e)
	return good
}

// bites checks that a route shows at the identity provider itself what it must not show through the gateway.
func (p *provider) bites(t *testing.T, r guarded) {
	t.Helper()
	good := p.request(t, r, verbatim.HTTP11)
	if what, err := p.seen(t, p.back, good, r); err != nil || what == "" {
		a, _ := p.back.Send(t.Context(), good)
		t.Fatalf("%s shows nothing at the identity provider itself: the table would prove nothing: %d %.300s, %v", r.name, a.Status, a.Body, err)
	}
}

// taken counts the disguises in which the identity provider itself takes a route.
func (p *provider) taken(t *testing.T, r guarded) (n int) {
	t.Helper()
	good := p.request(t, r, verbatim.HTTP11)
	hidden, _ := variants(good)
	for _, d := range hidden {
		if what, err := p.seen(t, p.back, d.wear(good), r); err == nil && what != "" {
			n++
		}
	}
	return n
}

// table tries every route in every disguise, and returns how many requests that were. In a provider that is open, a route
// that only its configuration closes may show; the second result counts these by route.
func (p *provider) table(t *testing.T, protos ...string) (count int, shown map[string]int) {
	t.Helper()
	var mu sync.Mutex
	tried, shown := map[string]bool{}, map[string]int{}
	for _, r := range p.routes {
		for _, proto := range protos {
			good := p.request(t, r, proto)
			try := func(d disguise) {
				request := d.wear(good)
				what, err := p.seen(t, p.front(), request, r)
				mu.Lock()
				defer mu.Unlock()
				tried[fmt.Sprint(request)] = true
				switch {
				case err != nil:
					t.Errorf("%s, %s, %s: %v", r.name, proto, d.name, err)
				case what != "" && p.open && d.open && r.realm:
					shown[r.name]++
				case what != "":
					t.Errorf("%s, %s, %s: %s %.200q shows %s", r.name, proto, d.name, request.Method, request.Target, what)
				}
			}
			// What may reach the route comes last, and the request as it is before all others of these, by itself: some are good
			// once, and which of several at once that is would be chance.
			hidden, open := variants(good)
			abreast(hidden, try)
			try(open[0])
			abreast(open[1:], try)
			n := p.sent(t)
			if n != p.mails && !(p.open && r.realm) {
				t.Errorf("%s, %s: %d mails were sent", r.name, proto, n-p.mails)
			}
			p.mails = n
		}
	}
	if len(tried) < fewest {
		t.Errorf("the table has %d rows, want %d", len(tried), fewest)
	}
	return len(tried), shown
}

// abreast does something with all, a few at a time.
func abreast[T any](all []T, do func(T)) {
	var workers sync.WaitGroup
	slots := make(chan struct{}, 4)
	for _, one := range all {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			do(one)
		})
	}
	workers.Wait()
}

// seen sends a request, goes on wherever the answer leads at the site, and says what of the route came up; at the gateway
// itself nothing does.
func (p *provider) seen(t *testing.T, at verbatim.Server, request verbatim.Request, r guarded) (string, error) {
	t.Helper()
	a, err := at.Send(t.Context(), request)
	if err != nil || a.Status == 0 {
		return "", err
	}
	for _, jar := 0, p.jar(request); ; {
		if what := r.shows(a); what != "" {
			return fmt.Sprintf("%s (%d)", what, a.Status), nil
		}
		to := p.onSite(a)
		if to == nil {
			return "", nil
		}
		jar.SetCookies(to, (&http.Response{Header: a.Header}).Cookies())
		if a, err = p.get(t, jar, to); err != nil {
			return "", err
		}
	}
}

func (p *provider) jar(request verbatim.Request) *cookiejar.Jar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // only with options
	}
	at, _ := url.Parse(p.e.Origin)
	for _, h := range request.Header {
		if cookies, err := http.ParseCookie(h[1]); h[0] == "Cookie" && err == nil {
			jar.SetCookies(at, cookies)
		}
	}
	return jar
}

// onSite is where an answer leads, if that is the identity provider behind the gateway.
func (p *provider) onSite(a verbatim.Answer) *url.URL {
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.Status/100 != 3 || a.Header.Get("Location") == "" {
		return nil
	}
	origin, _ := url.Parse(p.e.Origin)
	to = origin.ResolveReference(to)
	if to.Host != origin.Host || strings.HasPrefix(to.Path, "/recovery") {
		return nil
	}
	return to
}

// get goes on as a browser would.
func (p *provider) get(t *testing.T, jar *cookiejar.Jar, to *url.URL) (verbatim.Answer, error) {
	t.Helper()
	var cookies []string
	for _, c := range jar.Cookies(to) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	return p.front().Send(t.Context(), verbatim.Request{
		Proto: verbatim.HTTP11, Method: http.MethodGet, Target: to.RequestURI(), Host: to.Host, Header: [][2]string{{"Cookie", strings.Join(cookies, "; ")}},
	})
}

// marked makes the test for texts that only the route's own answers hold, in address, cookies or body.
func marked(marks ...string) func(verbatim.Answer) string {
	return func(a verbatim.Answer) string {
		text := a.Header.Get("Location") + "\n" + strings.Join(a.Header["Set-Cookie"], "\n") + "\n" + a.Body
		if i := slices.IndexFunc(marks, func(m string) bool { return strings.Contains(text, m) }); i >= 0 {
			return fmt.Sprintf("%q", marks[i])
		}
		return ""
	}
}
