package integration

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
)

const (
	selfCookie = "__Host-regrant-self"
	ownCookie  = "__Host-regrant-own"
)

// visitor is a person at the pages for recovery methods. way is what happens to requests on their way.
type visitor struct {
	*browser.Browser
	t   *testing.T
	e   *env.Env
	way *meddler
}

// meddler stands between a browser and everything else. What it does not change goes on as it is.
type meddler struct {
	inner  http.RoundTripper
	change func(*http.Request)
}

func (m *meddler) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.change != nil {
		r = r.Clone(r.Context())
		m.change(r)
	}
	return m.inner.RoundTrip(r)
}

func newVisitor(t *testing.T, e *env.Env) *visitor {
	way := &meddler{inner: e.Client.Transport}
	return &visitor{browser.New(e.Roots).Fresh(way), t, e, way}
}

// onTheWay changes the query of requests whose path ends so.
func (v *visitor) onTheWay(path string, change func(q url.Values)) {
	v.way.change = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, path) && r.URL.RawQuery != "" {
			q := r.URL.Query()
			change(q)
			r.URL.RawQuery = q.Encode()
		}
	}
}

func (v *visitor) authenticators() *browser.Page {
	v.t.Helper()
	page, err := v.Open(v.t.Context(), v.e.Issuer+"/authenticators")
	fatal(v.t, err)
	return page
}

// begins presses the button, and comes to the identity provider's own login page.
func (v *visitor) begins() *browser.Page {
	v.t.Helper()
	page, err := v.Submit(v.t.Context(), v.authenticators(), "/login", nil)
	fatal(v.t, err)
	return page
}

// signs fills in the identity provider's login page, as far as it leads.
func (v *visitor) signs(login *browser.Page, name string) *browser.Page {
	v.t.Helper()
	user := name
	switch v.e.Kind {
	case env.Kratos, env.KratosHydra:
		page, err := v.SubmitWhere(v.t.Context(), login, "method", "password", url.Values{"identifier": {v.e.User(name)}, "password": {name + "-password"}})
		fatal(v.t, err)
		return page
	case env.Hydra:
		user += "@example.com"
	}
	page, err := v.Submit(v.t.Context(), login, "", url.Values{"username": {user}, "password": {name + "-password"}})
	fatal(v.t, err)
	return page
}

// signsOut presses the other button.
func (v *visitor) signsOut(in *browser.Page) *browser.Page {
	v.t.Helper()
	out, err := v.Submit(v.t.Context(), in, "/logout", nil)
	fatal(v.t, err)
	return out
}

func (v *visitor) wantNobody(page *browser.Page, status int) {
	v.t.Helper()
	if page.Status != status || strings.Contains(page.Text(), "Signed in as") || v.Cookie("localhost", selfCookie) != "" {
		v.t.Errorf("%d at %s, cookie %q: %s", page.Status, page.URL.Path, v.Cookie("localhost", selfCookie), page.Text())
	}
}

func (v *visitor) wantIn(page *browser.Page, name string) {
	v.t.Helper()
	if page.Status != http.StatusOK || page.URL.Path != "/recovery/authenticators" || page.URL.RawQuery != "" || !strings.Contains(page.Text(), "Signed in as "+name) {
		v.t.Fatalf("%d at %s: %s", page.Status, page.URL, page.Text())
	}
}

func TestAPersonSignsInToSeeTheRecoveryMethodsAndOut(t *testing.T) {
	for _, kind := range []string{env.Demo, env.Keycloak} {
		t.Run(kind, func(t *testing.T) {
			e := use(t, kind)
			bob := newcomer(t, e)
			p, v := enrolled(t, e, bob), newVisitor(t, e)
			in := v.signs(v.begins(), bob)
			v.wantIn(in, bob)
			if !strings.Contains(in.Text(), "device ") || v.Cookie("localhost", ownCookie) != "" {
				t.Errorf("%s lists: %s", p.account, in.Text())
			}
			v.wantIn(v.authenticators(), bob)
			out := v.signsOut(in)
			v.wantNobody(out, http.StatusOK)
			v.wantNobody(v.authenticators(), http.StatusOK)
			if login := v.begins(); len(login.Forms) == 0 || login.URL.Path == "/recovery/authenticators" {
				t.Errorf("the provider's session answered for the person: %s", login.URL)
			}
		})
	}
}

// No application waits in this browser: the recovery ends in a sign-in of the gateway's own.
func TestARecoveryWithoutAnApplicationEndsAtTheRecoveryMethods(t *testing.T) {
	for _, kind := range []string{env.Demo, env.Keycloak} {
		t.Run(kind, func(t *testing.T) {
			e := own(t, env.Options{IdP: kind})
			p, v := enrolled(t, e, "bob"), newVisitor(t, e)
			page, err := confirmation(t.Context(), v.Browser, e, p.handoff())
			fatal(t, err)
			page, err = v.Submit(t.Context(), page, "/continue", nil)
			fatal(t, err)
			if kind == env.Demo { // which cannot be told to lead past its own login page, and always asks for a new password
				page, err = v.Click(t.Context(), page, "Forgot")
				fatal(t, err)
				page, err = v.Submit(t.Context(), page, "/password", url.Values{"password-new": {"a-new-Passw0rd"}, "password-confirm": {"a-new-Passw0rd"}})
				fatal(t, err)
			}
			v.wantIn(page, "bob")
		})
	}
}

// Each starts from a good login and changes one thing on its way.
func TestALoginThatWasMeddledWithSignsNobodyIn(t *testing.T) {
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	for name, c := range map[string]struct {
		path   string
		change func(url.Values)
		status int
	}{
		"wrong state":             {"/login/callback", set("state", strings.Repeat("A", 43)), http.StatusOK},
		"two states":              {"/login/callback", func(q url.Values) { q.Add("state", "x") }, http.StatusOK},
		"another code":            {"/login/callback", set("code", "AAAA"), http.StatusForbidden},
		"another provider":        {"/login/callback", set("iss", "https://evil.example"), http.StatusForbidden},
		"no provider":             {"/login/callback", func(q url.Values) { q.Del("iss") }, http.StatusForbidden},
		"cancelled":               {"/login/callback", set("error", "access_denied"), http.StatusOK},
		"nonce of another login":  {"/authorize", set("nonce", "another"), http.StatusForbidden},
		"another login's PKCE":    {"/authorize", set("code_challenge", strings.Repeat("A", 43)), http.StatusForbidden},
		"a state that they chose": {"/authorize", set("state", "chosen"), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVisitor(t, use(t, env.Demo))
			v.onTheWay(c.path, c.change)
			v.wantNobody(v.signs(v.begins(), "alice"), c.status)
			v.way.change = nil
			v.wantNobody(v.authenticators(), http.StatusOK)
		})
	}
}

// caught is the answer of a login of v as name, which v itself never brings.
func (v *visitor) caught(name string) (answer url.Values) {
	v.t.Helper()
	login := v.begins()
	v.onTheWay("/login/callback", func(q url.Values) {
		answer = url.Values{}
		for name := range q {
			answer[name] = q[name]
			q.Del(name)
		}
	})
	v.signs(login, name)
	v.way.change = nil
	if answer.Get("code") == "" {
		v.t.Fatalf("no answer: %v", answer)
	}
	return answer
}

func (v *visitor) brings(ctx context.Context, answer url.Values) *browser.Page {
	v.t.Helper()
	page, err := v.Open(ctx, v.e.Issuer+"/login/callback?"+answer.Encode())
	fatal(v.t, err)
	return page
}

// Login CSRF: whoever has a visitor signed in as himself could have the visitor's authenticator bound to his account.
func TestAnotherBrowsersAnswerSignsNobodyIn(t *testing.T) {
	e := use(t, env.Demo)
	attacker, victim, bystander := newVisitor(t, e), newVisitor(t, e), newVisitor(t, e)
	answer := attacker.caught("alice")
	bystander.wantNobody(bystander.brings(t.Context(), answer), http.StatusOK)
	login := victim.begins()
	victim.wantNobody(victim.brings(t.Context(), answer), http.StatusOK)
	// Nor does his code with the victim's own state.
	victim.onTheWay("/login/callback", func(q url.Values) { q.Set("code", answer.Get("code")) })
	victim.wantNobody(victim.signs(login, "bob"), http.StatusForbidden)
	victim.way.change = nil
	victim.wantIn(victim.signs(victim.begins(), "bob"), "bob")
}

func TestAnAnswerIsTakenOnce(t *testing.T) {
	v := newVisitor(t, use(t, env.Demo))
	answer := v.caught("alice")
	again := v.Tab() // which still has the cookie of the login
	v.wantIn(v.brings(t.Context(), answer), "alice")
	v.wantIn(v.authenticators(), "alice")
	page, err := again.Open(t.Context(), v.e.Issuer+"/login/callback?"+answer.Encode())
	fatal(t, err)
	if again.Cookie("localhost", selfCookie) != "" || strings.Contains(page.Text(), "Signed in as") {
		t.Errorf("signed in again: %s", page.Text())
	}
}

// Whoever takes prompt=login and max_age out of the address has the provider answer from an older session.
func TestAnOlderSessionAtTheProviderSignsNobodyIn(t *testing.T) {
	v := newVisitor(t, use(t, env.Demo))
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	in := time.Now()
	v.signsOut(v.authenticators())
	until(t, 20*time.Second, "the session is older than clocks may differ", func() bool { return time.Since(in) > 7*time.Second })
	v.onTheWay("/authorize", func(q url.Values) { q.Del("prompt"); q.Del("max_age") })
	v.wantNobody(v.begins(), http.StatusForbidden) // there was no login page on the way
}

func TestABetterLoginOfSomebodyElseChangesNothing(t *testing.T) {
	v := newVisitor(t, use(t, env.Demo))
	button := v.authenticators()
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	login, err := v.Submit(t.Context(), button, "/login", url.Values{"aal": {"2"}})
	fatal(t, err)
	if page := v.signs(login, "bob"); page.Status != http.StatusForbidden || !strings.Contains(page.Text(), "another account") {
		t.Errorf("%d: %s", page.Status, page.Text())
	}
	v.wantIn(v.authenticators(), "alice")
}

func TestWithoutTheProviderNobodySignsInAndTheRestGoesOn(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo})
	v := newVisitor(t, e)
	v.wantIn(v.signs(v.begins(), "alice"), "alice")
	button := newVisitor(t, e)
	page, err := button.Submit(t.Context(), button.authenticators(), "/login", nil)
	fatal(t, err)
	answered := newVisitor(t, e)
	answer := answered.caught("bob")
	e.Provider.Stop()
	answered.wantNobody(answered.brings(t.Context(), answer), http.StatusServiceUnavailable)
	v.wantIn(v.authenticators(), "alice") // nobody has to be asked for that
	if page.Status != http.StatusOK || raw(t, e, "/recovery/").StatusCode != http.StatusOK || raw(t, e, "/recovery/jwks.json").StatusCode != http.StatusOK {
		t.Error("what needs no provider is not there")
	}
}
