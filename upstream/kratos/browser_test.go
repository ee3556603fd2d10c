package kratos_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream"
)

// browser keeps cookies and follows no redirect by itself. Its Kratos is at publicURL.
type browser struct {
	t         *testing.T
	http      *http.Client
	signsInAs string // its user agent
}

// arrived is what a browser was answered.
type arrived struct {
	status   int
	location *url.URL
	body     []byte
}

func newBrowser(t *testing.T, w *world) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	to, err := url.Parse(w.PublicURL)
	must(t, err)
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		sent := r.Clone(r.Context())
		sent.URL.Scheme, sent.URL.Host = to.Scheme, to.Host
		return http.DefaultTransport.RoundTrip(sent)
	})
	return &browser{t: t, http: &http.Client{
		Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// take takes the cookies that the gateway hands on.
func (b *browser) take(setCookie []string) {
	b.t.Helper()
	u, err := url.Parse(publicURL)
	must(b.t, err)
	b.http.Jar.SetCookies(u, (&http.Response{Header: http.Header{"Set-Cookie": setCookie}}).Cookies())
}

// answer is what the browser brings to the gateway after a login.
func (b *browser) answer() upstream.Answer {
	u, err := url.Parse(publicURL)
	must(b.t, err)
	return upstream.Answer{Cookies: b.http.Jar.Cookies(u)}
}

// ask sends a form, or with accept JSON what a page's script sends; without fields it is a GET.
func (b *browser) ask(address, accept string, fields url.Values) arrived {
	b.t.Helper()
	method := http.MethodGet
	if fields != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(fields.Encode()))
	must(b.t, err)
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", b.signsInAs)
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.http.Do(r)
	must(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(b.t, err)
	to, err := url.Parse(resp.Header.Get("Location"))
	must(b.t, err)
	return arrived{resp.StatusCode, to, body}
}

const html, script = "text/html", "application/json"

func (b *browser) open(address string) arrived { b.t.Helper(); return b.ask(address, html, nil) }

// fill fills in and sends the form of the flow to which a browser was led. kind is login or settings.
func (b *browser) fill(kind string, at *url.URL, accept string, fields url.Values) arrived {
	b.t.Helper()
	if want := "/ui/" + kind; at.Path != want {
		b.t.Fatalf("led to %s, want %s", at, want)
	}
	id := url.Values{"id": {at.Query().Get("flow")}}.Encode()
	got := b.ask(publicURL+"/self-service/"+kind+"/flows?"+id, script, nil)
	var flow server.Flow
	if got.status != http.StatusOK || json.Unmarshal(got.body, &flow) != nil {
		b.t.Fatalf("flow: %d %s", got.status, got.body)
	}
	fields.Set("csrf_token", flow.Value("csrf_token"))
	return b.ask(publicURL+"/self-service/"+kind+"?flow="+flow.ID, accept, fields)
}

// byPassword is the form of a sign-in.
func byPassword(name string) url.Values {
	return url.Values{"method": {"password"}, "identifier": {name}, "password": {password}}
}

// signIn signs in at Kratos, without the gateway, and fails the test unless Kratos takes it.
func (b *browser) signIn(name string) {
	b.t.Helper()
	begun := b.open(publicURL + "/self-service/login/browser")
	if got := b.fill("login", begun.location, html, byPassword(name)); got.status != http.StatusSeeOther || len(b.answer().Cookies) < 2 {
		b.t.Fatalf("not signed in: %d %s %s", got.status, got.location, got.body)
	}
}

// whoami is the status, and whose session it is.
func (b *browser) whoami() (int, server.Session) {
	b.t.Helper()
	got := b.ask(publicURL+"/sessions/whoami", script, nil)
	var s server.Session
	if got.status == http.StatusOK {
		must(b.t, json.NewDecoder(bytes.NewReader(got.body)).Decode(&s))
	}
	return got.status, s
}
