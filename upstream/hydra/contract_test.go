package hydra_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

var alice = upstreamtest.Person{ID: "alice-1", Identifiers: []string{"alice"}}

func TestAdapterKeepsTheContract(t *testing.T) {
	w := realHydra(t)
	w.signIn(t, w.browser(), w.authorize("app"), "bob")
	began := map[string]*browser.Browser{} // by entry
	var remembered []*browser.Browser
	upstreamtest.Run(t, upstreamtest.Fixture{
		URL:   w.both.URL,
		New:   func(t testing.TB, address string) upstream.Adapter { return w.adapter(t, address) },
		Alice: alice, Reads: true,
		Entry: func(t testing.TB) string {
			b := w.browser()
			entry := "login_challenge=" + url.QueryEscape(w.begin(t, b, "app"))
			began[entry] = b
			return entry
		},
		Follow: func(t testing.TB, s upstream.Session, d *upstream.Direct) { w.getsIn(t, began[s.Entry], d) },
		LogIn:  w.logIn, RedirectURI: w.site.URL + callback,
		SignIn: func(t testing.TB, p upstreamtest.Person) {
			for _, client := range []string{"app", "other"} {
				b := w.browser()
				w.signIn(t, b, w.authorize(client), p.Identifiers[0])
				remembered = append(remembered, b)
			}
		},
		Sessions: func(t testing.TB, p upstreamtest.Person) int {
			all, err := w.Consents(t.Context(), p.ID)
			must(t, err)
			n := len(all)
			for _, b := range remembered {
				if p, err := b.Open(t.Context(), w.authorize("app")+"&prompt=none"); err != nil || p.URL.Query().Get("error") == "" {
					n++
				}
			}
			return n
		},
		WaysIn: func(t testing.TB, p upstreamtest.Person) []string { return w.recoveries(t, p.ID) },
		Way:    func(subject string) string { return "txn-of-" + subject },
		Faults: map[string]upstreamtest.Fault{
			"another subject": func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet {
						r.URL.RawQuery = strings.ReplaceAll(r.URL.RawQuery, "subject=alice-1", "subject=bob-1")
					}
					next.ServeHTTP(rw, r)
				})
			},
			"too old": func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/version" {
						next.ServeHTTP(rw, r)
						return
					}
					rw.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(rw, `{"version":"v2.2.0"}`)
				})
			},
		},
	})
}

// getsIn sees that a browser that follows comes to the application with a code.
func (w *world) getsIn(t testing.TB, b *browser.Browser, d *upstream.Direct) {
	t.Helper()
	p, err := b.Open(t.Context(), d.Location)
	must(t, err)
	if q := p.URL.Query(); p.URL.Path != "/app/callback" || q.Get("code") == "" || q.Get("state") != "a-state-of-the-application" {
		t.Fatalf("the browser is at %s: %s", p.URL, p.Text())
	}
}

// logIn signs alice in at the gateway's own login.
func (w *world) logIn(t testing.TB, to string, l upstream.Login) upstream.Answer {
	t.Helper()
	p := w.signIn(t, w.browser(), to, "alice")
	back := p.URL.Query()
	if p.URL.Path != callback || back.Get("state") != l.State || back.Get("code") == "" {
		t.Fatalf("the browser is at %s: %s", p.URL, p.Text())
	}
	return upstream.Answer{Code: back.Get("code"), Issuer: back.Get("iss")}
}

// recoveries lists the recoveries that made consents of a subject, and what is trusted about it.
func (w *world) recoveries(t testing.TB, subject string) (txns []string) {
	t.Helper()
	all, err := w.Consents(t.Context(), subject)
	must(t, err)
	trusted, err := w.Trusts(t.Context(), "")
	must(t, err)
	for _, trust := range trusted {
		if trust.Subject == subject {
			txns = append(txns, trust.Issuer)
		}
	}
	for _, c := range all {
		if txn := c.Request.Context.Txn; txn != "" {
			txns = append(txns, txn)
		}
	}
	return txns
}
