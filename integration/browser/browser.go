// Package browser is a browser without a screen for tests and demos: it keeps cookies with their SameSite rules, sends
// the headers from which a server tells same-origin from cross-site requests, follows redirects, and fills in forms. It
// runs no scripts, like a person who has them switched off.
package browser

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Browser is one person's browser. Not safe for concurrent use.
type Browser struct {
	client *http.Client
	jar    []cookie
}

// New makes a browser with empty cookies that trusts roots.
func New(roots *x509.CertPool) *Browser {
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &Browser{client: &http.Client{
		Transport:     transport,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Page is what the browser shows after a navigation.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	Title  string
	Forms  []Form
	Links  []Link
	Via    []string // the URLs redirected from, without their queries
	doc    *html.Node
}

// Link is one anchor of a page.
type Link struct{ Text, Href string }

// Open goes to address as if it was typed.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return b.navigate(ctx, request{method: http.MethodGet, target: target, site: "none"})
}

// Click follows the first link of from whose text contains text.
func (b *Browser) Click(ctx context.Context, from *Page, text string) (*Page, error) {
	target, err := from.Link(text)
	if err != nil {
		return nil, err
	}
	return b.navigate(ctx, request{method: http.MethodGet, target: target, from: from.URL})
}

// Link is where the first link of p leads whose text contains text.
func (p *Page) Link(text string) (*url.URL, error) {
	for _, l := range p.Links {
		if strings.Contains(l.Text, text) {
			return p.URL.Parse(l.Href)
		}
	}
	return nil, fmt.Errorf("no link %q on page %q at %s", text, p.Title, p.URL.Redacted())
}

// Submit fills values into the first form of from whose action contains action, and sends it.
func (b *Browser) Submit(ctx context.Context, from *Page, action string, values url.Values) (*Page, error) {
	if f := from.Form(action); f != nil {
		return b.send(ctx, from, *f, values)
	}
	return nil, fmt.Errorf("no form to %q on page %q (%s)", action, from.Title, from.URL.Redacted())
}

// SubmitWhere is Submit for the first form that has the value under that name.
func (b *Browser) SubmitWhere(ctx context.Context, from *Page, name, value string, values url.Values) (*Page, error) {
	for _, f := range from.Forms {
		if f.Values.Get(name) == value {
			return b.send(ctx, from, f, values)
		}
	}
	return nil, fmt.Errorf("no form with %s=%s on page %q (%s): %s", name, value, from.Title, from.URL.Redacted(), from.Text())
}

func (b *Browser) send(ctx context.Context, from *Page, f Form, values url.Values) (*Page, error) {
	target, err := from.URL.Parse(f.Action)
	if err != nil {
		return nil, err
	}
	fields := url.Values{}
	for name, v := range f.Values {
		fields[name] = v
	}
	for name, v := range values {
		fields[name] = v
	}
	r := request{method: f.Method, target: target, from: from.URL}
	if f.Method == http.MethodPost {
		r.body = fields.Encode()
	} else {
		target.RawQuery = fields.Encode()
	}
	return b.navigate(ctx, r)
}

// request is one navigation.
type request struct {
	method string
	target *url.URL
	from   *url.URL // page that it starts on; nil: typed
	site   string   // Sec-Fetch-Site; computed from from when empty
	body   string
}

const maxRedirects = 20

// navigate follows redirects as browsers do: a POST answered by 302 or 303 goes on as GET, and once a chain has been
// cross-site it stays so. A page that refreshes to another at once is a new beginning: that page is what leads there.
func (b *Browser) navigate(ctx context.Context, r request) (*Page, error) {
	if r.site == "" {
		r.site = relation(r.from, r.target)
	}
	var via []string
	for range maxRedirects {
		resp, err := b.roundTrip(ctx, r)
		if err != nil {
			return nil, err
		}
		if to, leads := strings.CutPrefix(resp.Header.Get("Refresh"), "0; url="); leads {
			_ = resp.Body.Close()
			next, err := r.target.Parse(to)
			if err != nil {
				return nil, err
			}
			via = append(via, r.target.Scheme+"://"+r.target.Host+r.target.Path)
			r = request{method: http.MethodGet, target: next, from: r.target, site: relation(r.target, next)}
			continue
		}
		location := resp.Header.Get("Location")
		if resp.StatusCode < 300 || resp.StatusCode > 399 || location == "" {
			return readPage(resp, r.target, via)
		}
		_ = resp.Body.Close()
		next, err := r.target.Parse(location)
		if err != nil {
			return nil, err
		}
		via = append(via, r.target.Scheme+"://"+r.target.Host+r.target.Path)
		if site := relation(r.target, next); r.site != "none" && rank(site) > rank(r.site) {
			r.site = site
		}
		if resp.StatusCode != http.StatusTemporaryRedirect && resp.StatusCode != http.StatusPermanentRedirect {
			r.method, r.body = http.MethodGet, ""
		}
		r.target = next
	}
	return nil, fmt.Errorf("too many redirects, last to %s", r.target.Redacted())
}

func (b *Browser) roundTrip(ctx context.Context, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.target.String(), strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", r.site)
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Dest", "document")
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.from != nil {
			req.Header.Set("Origin", r.from.Scheme+"://"+r.from.Host)
		}
	}
	b.addCookies(req, r.site)
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	b.keepCookies(r.target, resp.Cookies())
	return resp, nil
}

// relation is Sec-Fetch-Site for a request from one page to another. Hosts here are localhost or addresses, which are
// sites of their own.
func relation(from, to *url.URL) string {
	switch {
	case from == nil:
		return "none"
	case from.Scheme == to.Scheme && from.Host == to.Host:
		return "same-origin"
	case from.Hostname() == to.Hostname() && from.Scheme == to.Scheme:
		return "same-site"
	default:
		return "cross-site"
	}
}

func rank(site string) int {
	return map[string]int{"none": 0, "same-origin": 1, "same-site": 2, "cross-site": 3}[site]
}

func readPage(resp *http.Response, at *url.URL, via []string) (*Page, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	p := &Page{URL: at, Status: resp.StatusCode, Header: resp.Header, Body: string(body), Via: via}
	if p.doc, err = html.Parse(strings.NewReader(p.Body)); err != nil {
		return nil, err
	}
	p.read(p.doc, nil)
	return p, nil
}

// Fresh is a browser without cookies that sends its requests through t.
func (b *Browser) Fresh(t http.RoundTripper) *Browser {
	client := *b.client
	client.Transport = t
	return &Browser{client: &client}
}

// Post sends a form as if a page at from held it.
func (b *Browser) Post(ctx context.Context, from, action string, fields map[string]string) (*Page, error) {
	at, err := url.Parse(from)
	if err != nil {
		return nil, err
	}
	values := url.Values{}
	for name, v := range fields {
		values.Set(name, v)
	}
	return b.send(ctx, &Page{URL: at}, Form{Action: action, Method: http.MethodPost, Values: values}, nil)
}

// Tab is another tab of b, with the cookies that there are now.
func (b *Browser) Tab() *Browser {
	return &Browser{client: b.client, jar: slices.Clone(b.jar)}
}
