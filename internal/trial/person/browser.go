package person

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

const (
	maxRedirects = 20
	maxPage      = 4 << 20 // bytes
)

// browser is one person's, without scripts: it keeps cookies, follows redirects, and says where a request comes from as browsers do.
type browser struct {
	transport http.RoundTripper
	jar       *cookiejar.Jar
}

func newBrowser(t http.RoundTripper) *browser {
	jar, _ := cookiejar.New(nil) // fails for no options
	return &browser{transport: t, jar: jar}
}

// visit is one navigation.
type visit struct {
	method string
	to     *url.URL
	from   *url.URL // the page that leads there; nil: it was typed
	form   string   // encoded
	site   string   // Sec-Fetch-Site
}

// open goes to an address as if it was typed.
func (b *browser) open(ctx context.Context, address string) (*page, error) {
	to, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	return b.navigate(ctx, visit{method: http.MethodGet, to: to})
}

// click follows a link of p.
func (b *browser) click(ctx context.Context, p *page, href string) (*page, error) {
	to, err := p.url.Parse(href)
	if err != nil {
		return nil, err
	}
	return b.navigate(ctx, visit{method: http.MethodGet, to: to, from: p.url})
}

// submit sends a form of p with values filled in.
func (b *browser) submit(ctx context.Context, p *page, f form, values url.Values) (*page, error) {
	to, err := p.url.Parse(f.action)
	if err != nil {
		return nil, err
	}
	fields := url.Values{}
	for _, some := range []url.Values{f.values, values} {
		for name, v := range some {
			fields[name] = v
		}
	}
	return b.navigate(ctx, visit{method: http.MethodPost, to: to, from: p.url, form: fields.Encode()})
}

// navigate follows redirects. What was cross-site once stays so, until a page leads on by itself, which is a new beginning.
func (b *browser) navigate(ctx context.Context, v visit) (*page, error) {
	v.site = relation(v.from, v.to)
	for range maxRedirects {
		got, err := b.roundTrip(ctx, v)
		if err != nil {
			return nil, err
		}
		to, refreshed := strings.CutPrefix(got.header.Get("Refresh"), "0; url=")
		if !refreshed {
			to = got.header.Get("Location")
		}
		if to == "" || !refreshed && got.status/100 != 3 {
			return readPage(v.to, got.status, got.body), nil
		}
		next, err := v.to.Parse(to)
		if err != nil {
			return nil, fmt.Errorf("%s leads to no address", shown(v.to))
		}
		if refreshed {
			v.from, v.site = v.to, relation(v.to, next)
		} else if v.site != "none" && relation(v.to, next) != sameOrigin {
			v.site = crossSite
		}
		if got.status != http.StatusTemporaryRedirect && got.status != http.StatusPermanentRedirect {
			v.method, v.form = http.MethodGet, ""
		}
		v.to = next
	}
	return nil, fmt.Errorf("too many redirects, the last to %s", shown(v.to))
}

func (b *browser) roundTrip(ctx context.Context, v visit) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, v.method, v.to.String(), strings.NewReader(v.form))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("User-Agent", userAgent)
	r.Header.Set("Sec-Fetch-Site", v.site)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	if v.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if v.from != nil {
			r.Header.Set("Origin", originOf(v.from))
		}
	}
	return b.send(r)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends one request with the cookies, and keeps those that come.
func (b *browser) send(r *http.Request) (answer, error) {
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	client := http.Client{Transport: b.transport, Timeout: requestTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return answer{}, notReached(r.URL, err)
	}
	defer resp.Body.Close()
	b.jar.SetCookies(r.URL, resp.Cookies())
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return answer{}, notReached(r.URL, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}, nil
}

// keep sets a cookie for an origin.
func (b *browser) keep(at *url.URL, name, value string) {
	b.jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}})
}

const (
	sameOrigin = "same-origin"
	crossSite  = "cross-site"
)

// relation is Sec-Fetch-Site. Which hosts are of one site is not looked at: what is of another origin counts as another site, which is stricter.
func relation(from, to *url.URL) string {
	switch {
	case from == nil:
		return "none"
	case originOf(from) == originOf(to):
		return sameOrigin
	default:
		return crossSite
	}
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// shown is an address without what could be a secret in it.
func shown(u *url.URL) string { return originOf(u) + u.Path }
