package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// twins are two upstreams of one gateway, whose people have the same names and identifiers and, but for Keycloak, the same subjects.
type twins struct {
	e, other *env.Env
	user     string
	p, twin  *person // the same user at either, with a device of their own at each
}

// Two upstreams at two sites, at two paths of one site, and as two realms of one Keycloak are strangers to each other: seen from the
// first, and from the second.
func TestUpstreamsOfOneGatewayAreStrangers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, path string }{
		"two sites": {env.Demo, ""}, "two paths": {env.Demo, "/second"}, "two realms of one Keycloak": {env.Keycloak, "/recovery-second"},
	} {
		t.Run(name, func(t *testing.T) {
			first := own(t, env.Options{IdP: c.kind, Patient: true, NoGrant: true})
			second, err := first.Second(t.Context(), c.path)
			fatal(t, err)
			t.Run("from the first", func(t *testing.T) { meet(t, "alice", first, second) })
			t.Run("from the second", func(t *testing.T) { meet(t, "bob", second, first) })
		})
	}
}

func meet(t *testing.T, user string, e, other *env.Env) {
	t.Helper()
	s := twins{e, other, user, enrolled(t, e, user), enrolled(t, other, user)}
	for _, c := range []struct {
		name string
		test func(twins, *testing.T)
	}{
		{"sessions of self-service", twins.sessions}, // with the passwords that a recovery changes
		{"whatever is issued, bound or heard", twins.whatever},
		{"a login that waits", twins.aLoginThatWaits},
		{"logins that wait in one browser", twins.loginsInOneBrowser},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.p.t, s.twin.t = t, t
			c.test(s, t)
		})
	}
}

// at is p speaking to another gateway.
func (p *person) at(e *env.Env) *claimant.Claimant {
	moved := *p.Claimant
	moved.Issuer = e.Issuer
	return &moved
}

// Whatever one upstream has issued, bound or heard counts for nothing at the other. Each case is good where it belongs.
func (s twins) whatever(t *testing.T) {
	e, other, p, twin := s.e, s.other, s.p, s.twin
	refused := func(what string, a claimant.Answer, err error, status int, code string) {
		t.Helper()
		fatal(t, err)
		if a.Status != status || a.Code() != code {
			t.Errorf("%s: %d %s, want %d %s", what, a.Status, a.Body, status, code)
		}
	}
	good := func(what string, a claimant.Answer, err error) {
		t.Helper()
		fatal(t, err)
		if a.Status != http.StatusOK {
			t.Errorf("%s, where it belongs: %d %s", what, a.Status, a.Body)
		}
	}

	_, a, err := p.at(other).Recover(t.Context(), p.account)
	refused("a device", a, err, http.StatusForbidden, "refused")

	in := p.initiated()
	_, a, err = twin.Attest(t.Context(), in.RecoveryID, twin.Proof(in.Statement))
	refused("a recovery_id", a, err, http.StatusBadRequest, "recovery-expired")
	there := twin.initiated()
	_, a, err = twin.Attest(t.Context(), there.RecoveryID, twin.Proof(in.Statement))
	refused("a statement", a, err, http.StatusForbidden, "refused")

	granted, a, err := p.Attest(t.Context(), in.RecoveryID, p.Proof(in.Statement))
	good("recovery_id, statement and device", a, err)
	_, a, err = p.at(other).Exchange(t.Context(), granted.RecoveryToken)
	refused("a recovery token", a, err, http.StatusBadRequest, "invalid_grant")
	_, a, err = p.at(other).Handoff(t.Context(), granted.RecoveryToken)
	refused("a recovery token for a handoff", a, err, http.StatusBadRequest, "recovery-expired")
	access, a, err := p.Exchange(t.Context(), granted.RecoveryToken)
	good("a recovery token", a, err)
	_, a, err = p.at(other).Complete(t.Context(), access.AccessToken)
	refused("an access token", a, err, http.StatusUnauthorized, "holder")
	done, a, err := p.Complete(t.Context(), access.AccessToken)
	good("an access token", a, err)

	b := browser.New(e.Roots)
	page, err := confirmation(t.Context(), b, other, done.Code)
	fatal(t, err)
	if page.Status == http.StatusOK && len(page.Forms) > 0 {
		t.Errorf("a code of a handoff: %s", page.Text())
	}
	page, err = confirmation(t.Context(), b, e, done.Code)
	fatal(t, err)
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), p.account) {
		t.Errorf("a code of a handoff, where it belongs: %d %s", page.Status, page.Text())
	}

	var here, elsewhere []struct {
		Reference string `json:"reference"`
	}
	fatal(t, e.Operator(t.Context(), &here, "recoveries"))
	fatal(t, other.Operator(t.Context(), &elsewhere, "recoveries"))
	for _, r := range elsewhere {
		if r.Reference == granted.Reference {
			t.Error("the other upstream lists the recovery")
		}
	}
	if len(here) == 0 || here[0].Reference != granted.Reference {
		t.Errorf("its own lists %v", here)
	}
}

// A path belongs to an upstream at its own host. At another that reaches the same directive it is neither answered nor passed on.
func TestAPathOfAnotherHostIsMisdirected(t *testing.T) {
	first := own(t, env.Options{IdP: env.Demo, Patient: true})
	second, err := first.Second(t.Context(), "/second")
	fatal(t, err)
	for address, want := range map[string]int{
		first.Issuer + "/jwks.json":            http.StatusOK,
		second.Issuer + "/jwks.json":           http.StatusOK,
		second.Origin + "/recovery/jwks.json":  http.StatusMisdirectedRequest,
		second.Origin + "/second/jwks.json":    http.StatusMisdirectedRequest,
		second.Origin + "/second/initiate":     http.StatusMisdirectedRequest,
		second.Origin + "/login":               http.StatusOK, // the identity provider's own
		first.Origin + "/second/oidc/jwks":     http.StatusOK,
		first.Origin + "/secondary/jwks.json":  http.StatusNotFound, // so is this
		first.Origin + "/recovery/second/jwks": http.StatusNotFound,
	} {
		resp, err := first.Client.Get(address)
		fatal(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", address, resp.StatusCode, want)
		}
	}
}

// Cookies belong to a host and not to a path: logins of both upstreams wait in one browser, and each gets its own answer.
func (s twins) loginsInOneBrowser(t *testing.T) {
	b := browser.New(s.e.Roots)
	fatal(t, forgetting(t.Context(), s.e, b))
	fatal(t, forgetting(t.Context(), s.other, b))
	for _, p := range []*person{s.p, s.twin} {
		landed(t, b, p.e, p.handoff(), s.user)
	}
}

// landed goes on with a code of a handoff, in a browser in which the realm's application waits, as far as the application.
func landed(t *testing.T, b *browser.Browser, e *env.Env, code, user string) {
	t.Helper()
	page := continued(t, b, e, code)
	if e.Kind == env.Demo { // which always wants a new password
		var err error
		page, err = b.Submit(t.Context(), page, "password", url.Values{"password-new": {"a-new-Passw0rd"}, "password-confirm": {"a-new-Passw0rd"}})
		fatal(t, err)
	}
	if !strings.HasPrefix(page.URL.String(), e.App.URL) || !strings.Contains(page.Text(), "Signed in as "+user) {
		t.Errorf("%d at %s: %s", page.Status, page.URL, page.Text())
	}
}

// continued is the page after the gateway's. The button is pressed again while an older recovery of the account is being worked on.
func continued(t *testing.T, b *browser.Browser, e *env.Env, code string) *browser.Page {
	t.Helper()
	page, err := confirmation(t.Context(), b, e, code)
	fatal(t, err)
	until(t, time.Minute, "nobody is at the account", func() bool {
		page, err = b.Submit(t.Context(), page, "/continue", nil)
		fatal(t, err)
		return !strings.Contains(page.Title, "This is being done just now")
	})
	return page
}

// cookieOf is a cookie's name at a gateway: beyond the usual path the path is in it.
func cookieOf(e *env.Env, name string) string {
	path := e.Issuer[strings.LastIndex(e.Issuer, "/"):]
	if path == "/recovery" {
		return name
	}
	return name + strings.Replace(path, "/", "+", 1)
}

// hostOf is that of the issuer, where its cookies are.
func hostOf(t *testing.T, e *env.Env) string {
	t.Helper()
	u, err := url.Parse(e.Issuer)
	fatal(t, err)
	return u.Hostname()
}

// plants makes v bring a cookie along to a gateway.
func (v *visitor) plants(e *env.Env, name, value string) {
	v.way.change = func(r *http.Request) {
		if !strings.HasPrefix(r.URL.String(), e.Issuer+"/") {
			return
		}
		kept := r.Cookies()
		r.Header.Del("Cookie")
		for _, c := range kept {
			if c.Name != cookieOf(e, name) {
				r.AddCookie(c)
			}
		}
		r.AddCookie(&http.Cookie{Name: cookieOf(e, name), Value: value})
	}
}

// A login that waits for one upstream is answered by no recovery at the other, not even if its cookie is brought there.
func (s twins) aLoginThatWaits(t *testing.T) {
	const loginCookie = "__Host-regrant-login"
	e, other := s.e, s.other
	v := newVisitor(t, e)
	fatal(t, forgetting(t.Context(), e, v.Browser))
	waits := v.Cookie(hostOf(t, e), cookieOf(e, loginCookie))
	if waits == "" {
		t.Fatal("nothing waits")
	}
	v.plants(other, loginCookie, waits)
	page := continued(t, v.Browser, other, s.twin.handoff())
	for _, via := range append(page.Via, page.URL.String()) {
		if strings.HasPrefix(via, e.Origin+"/callback") || strings.HasPrefix(via, e.App.URL) {
			t.Errorf("by way of %s", via)
		}
	}
	v.plants(e, loginCookie, waits) // where it belongs
	landed(t, v.Browser, e, s.p.handoff(), s.user)
}

// A session of self-service at one upstream is none at the other, also in the hands of a thief, and one browser may have both.
func (s twins) sessions(t *testing.T) {
	e, other, user := s.e, s.other, s.user
	signedIn := func(v *visitor, at *env.Env) bool {
		page, err := v.Open(t.Context(), at.Issuer+"/authenticators")
		fatal(t, err)
		return strings.Contains(page.Text(), "Signed in as ")
	}
	v := newVisitor(t, e)
	if in := v.signs(v.begins(), user); !strings.Contains(in.Text(), "Signed in as "+user) {
		t.Fatalf("%d at %s: %s", in.Status, in.URL, in.Text())
	}
	session := v.Cookie(hostOf(t, e), cookieOf(e, selfCookie))
	if session == "" || !signedIn(v, e) || signedIn(v, other) {
		t.Fatalf("session %q, at its own %v, at the other %v", session, signedIn(v, e), signedIn(v, other))
	}
	for _, c := range []struct {
		at   *env.Env
		want bool
	}{{other, false}, {e, true}} {
		thief := newVisitor(t, c.at)
		thief.plants(c.at, selfCookie, session)
		if got := signedIn(thief, c.at); got != c.want {
			t.Errorf("brought to %s: signed in %v", c.at.Issuer, got)
		}
	}
	// The same browser signs in at the other, too, and out there alone.
	there := newVisitor(t, other)
	there.Browser = v.Browser
	in := there.signs(there.begins(), user)
	if !strings.Contains(in.Text(), "Signed in as "+user) || !signedIn(v, e) {
		t.Errorf("%s; still at its own: %v", in.Text(), signedIn(v, e))
	}
	there.signsOut(in)
	if !signedIn(v, e) || signedIn(v, other) {
		t.Errorf("after signing out at the other: there %v, at its own %v", signedIn(v, other), signedIn(v, e))
	}
}
