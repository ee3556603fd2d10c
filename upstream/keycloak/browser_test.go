package keycloak_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
)

// browser is a person's browser: it keeps cookies, follows redirects and can
// send a form. It stops before an address that is not a page.
type browser struct {
	t    testing.TB
	http *http.Client
}

// page is where the browser is.
type page struct {
	url  *url.URL
	code int // 0: stopped before it
	body string
}

// answer is what Keycloak sent back, if the browser landed with it.
func (p page) answer() upstream.Answer {
	return upstream.Answer{Code: p.url.Query().Get("code"), Issuer: p.url.Query().Get("iss")}
}

func newBrowser(t testing.TB, w *world) *browser {
	jar, err := cookiejar.New(nil)
	must(t, err)
	return &browser{t, &http.Client{
		Transport: w.origin.Client().Transport,
		Jar:       jar,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if landing(r.URL) || len(via) > 15 {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// landing tells whether an address is where a login of ours ends.
func landing(u *url.URL) bool {
	return u.Path == "/app/callback" || u.Path == "/recovery/login/callback"
}

func (b *browser) open(address string) page {
	b.t.Helper()
	resp, err := b.http.Get(address)
	return b.read(resp, err)
}

func (b *browser) read(resp *http.Response, err error) page {
	b.t.Helper()
	must(b.t, err)
	defer resp.Body.Close()
	if next, err := resp.Location(); err == nil {
		return page{url: next}
	}
	body, err := io.ReadAll(resp.Body)
	must(b.t, err)
	return page{resp.Request.URL, resp.StatusCode, string(body)}
}

var (
	formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	inputTag   = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*>`)
	attribute  = regexp.MustCompile(`(name|value)="([^"]*)"`)
)

// submit sends the page's form with its hidden fields.
func (b *browser) submit(p page, fields url.Values) page {
	b.t.Helper()
	action := formAction.FindStringSubmatch(p.body)
	if action == nil {
		b.t.Fatalf("no form at %s (%d):\n%.2000s", p.url, p.code, p.body)
	}
	for _, tag := range inputTag.FindAllString(p.body, -1) {
		found := map[string]string{}
		for _, a := range attribute.FindAllStringSubmatch(tag, -1) {
			found[a[1]] = html.UnescapeString(a[2])
		}
		if !fields.Has(found["name"]) {
			fields.Set(found["name"], found["value"])
		}
	}
	resp, err := b.http.PostForm(html.UnescapeString(action[1]), fields)
	return b.read(resp, err)
}

// appURL is where a login at the application starts.
func (w *world) appURL(extra url.Values) (address, verifier string) {
	verifier = oauth2.GenerateVerifier()
	q := url.Values{
		"client_id": {server.AppID}, "redirect_uri": {w.origin.URL + "/app/callback"},
		"response_type": {"code"}, "scope": {"openid"}, "state": {"app-state"}, "nonce": {"app-nonce"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}
	for name, values := range extra {
		q[name] = values
	}
	return w.origin.URL + "/realms/" + w.Realm + "/protocol/openid-connect/auth?" + q.Encode(), verifier
}

// signIn signs a person in at the application with the password. Keycloak turns
// away whoever comes while it still counts the same person's sign-in before
// (user_temporarily_disabled), so whoever is turned away comes again for a while.
func (b *browser) signIn(w *world, name, password string, extra url.Values) (p page) {
	b.t.Helper()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		if p = b.triesToSignIn(w, name, password, extra); p.code == 0 {
			break
		}
	}
	return p
}

// triesToSignIn does it once.
func (b *browser) triesToSignIn(w *world, name, password string, extra url.Values) page {
	b.t.Helper()
	address, verifier := w.appURL(extra)
	p := b.submit(b.open(address), url.Values{"username": {name}, "password": {password}})
	if p.code == 0 {
		b.redeem(w, p, verifier)
	}
	return p
}

// redeem makes tokens of the code with which the browser came back.
func (b *browser) redeem(w *world, p page, verifier string) {
	b.t.Helper()
	resp, err := b.http.PostForm(w.URL+"/realms/"+w.Realm+"/protocol/openid-connect/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {server.AppID}, "code": {p.url.Query().Get("code")},
		"redirect_uri": {w.origin.URL + "/app/callback"}, "code_verifier": {verifier},
	})
	if token := b.read(resp, err); token.code != http.StatusOK {
		b.t.Fatalf("the code is not taken: %d %s", token.code, token.body)
	}
}

// newLogin is a login of the gateway's own, after a recovery.
func (w *world) newLogin() upstream.Login {
	return upstream.Login{
		Recovery: true, RedirectURI: w.origin.URL + "/recovery/login/callback",
		State: "state-" + strings.ToLower(oauth2.GenerateVerifier()), Nonce: oauth2.GenerateVerifier(),
		Verifier: oauth2.GenerateVerifier(), Started: time.Now(),
	}
}

func (w *world) loginURL(t *testing.T, l upstream.Login) string {
	t.Helper()
	address, err := w.adapter.LoginURL(t.Context(), l)
	must(t, err)
	return address
}
