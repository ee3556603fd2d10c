package kratos_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/kratos"
)

// byName is of people who sign in with a user name.
const byName = `{"$id":"https://example.test/name","type":"object","properties":{"traits":{"type":"object","properties":{"name":{
	"type":"string","ory.sh/kratos":{"credentials":{"password":{"identifier":true}}}}}}}}`

// customised is what operators change of Kratos: its cookie, its hooks, its schemas.
func customised() string {
	return fmt.Sprintf(`
session: {cookie: {name: acme_session}}
selfservice:
  flows:
    recovery: {after: {hooks: [{hook: revoke_active_sessions}]}}
    settings: {after: {password: {hooks: [{hook: revoke_active_sessions}]}}}
identity:
  schemas:
    - {id: default, url: "base64://%s"}
    - {id: name, url: "base64://%s"}
`, base64.StdEncoding.EncodeToString(server.PersonSchema), base64.StdEncoding.EncodeToString([]byte(byName)))
}

// hydra has one login that waits, of somebody whom Hydra does not know.
func hydra(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("Kratos accepts the login by itself: %s %s", r.Method, r.URL)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"challenge":"` + challenge + `","skip":false,"subject":"","client":{"client_id":"app"},"request_url":"https://hydra.example/"}`))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const challenge = "a-login-challenge"

func TestAnotherConfigurationOfKratos(t *testing.T) {
	first := realKratos(t)
	w := first.another(t, func(o *server.Options) {
		o.UseContinueWithTransitions, o.RequiredAAL, o.RecoveryEnabled = false, "", true
		o.Hydra, o.Extra = hydra(t), customised()
	})
	t.Run("a program is told what Kratos lacks", func(t *testing.T) { lacksTransitions(t, w) })
	t.Run("a cookie and hooks of the operator's", func(t *testing.T) { cookieAndHooks(t, w) })
	t.Run("a login of Hydra's", func(t *testing.T) { fromHydra(t, w) })
	t.Run("a user name", func(t *testing.T) { userName(t, w) })
	t.Run("a social sign-in alone", func(t *testing.T) { socialAlone(t, w) })
}

func lacksTransitions(t *testing.T, w *world) {
	a, p := w.adapter(t, w.both.URL), w.person(t, "ivan")
	s := recovery(p, attest.ActionSignIn)
	s.Program = true
	for range 2 {
		if _, err := a.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) || !strings.Contains(err.Error(), "use_continue_with_transitions") {
			t.Errorf("%v", err)
		}
		if tags := w.recoveries(t, p.ID); len(tags) != 1 { // of which nobody knows the token
			t.Errorf("sessions %v", tags)
		}
	}
	must(t, a.Abandon(t.Context(), s))
	if tags := w.recoveries(t, p.ID); len(tags) != 0 {
		t.Errorf("sessions %v", tags)
	}
}

func cookieAndHooks(t *testing.T, w *world) {
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "ivan"), newBrowser(t, w)
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	stolen := w.signIn(t, p)
	out, err := a.Session(t.Context(), s)
	must(t, err)
	wantSession(t, w, stolen, http.StatusUnauthorized)
	b.take(out.Direct.Cookies)
	if status, session := b.whoami(); status != http.StatusOK || session.Identity.ID != p.ID {
		t.Fatalf("whoami says %d", status)
	}
	to, err := url.Parse(out.Direct.Location)
	must(t, err)
	again := w.signIn(t, p)
	if set := b.fill("settings", to, html, url.Values{"method": {"password"}, "password": {"another horse of ivan"}}); set.status != http.StatusSeeOther {
		t.Errorf("%d %s", set.status, set.body)
	}
	wantSession(t, w, again, http.StatusUnauthorized)
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	if status, _ := b.whoami(); status != http.StatusOK {
		t.Errorf("whoami says %d", status)
	}
	l := newLogin()
	form := url.Values{"method": {"password"}, "identifier": {p.Identifiers[0]}, "password": {"another horse of ivan"}}
	wantBack(t, b.fill("login", b.begin(a, l), html, form))
	if who, err := a.LoginResult(t.Context(), b.answer(), l); err != nil || who.AccountID != p.ID {
		t.Errorf("%+v, %v", who, err)
	}
}

// Kratos begins a login of Hydra's with the first factor, whatever session stands. So who comes from one sets a password
// first, if he likes.
func fromHydra(t *testing.T, w *world) {
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "ivan"), newBrowser(t, w)
	verdict := a.Guard(request(t, "GET", "/self-service/recovery/browser?login_challenge="+challenge))
	s := recovery(p, attest.ActionSignIn)
	s.Entry = verdict.Entry
	out := enter(t, a, s)
	b.take(out.Direct.Cookies)
	to, err := url.Parse(out.Direct.Location)
	must(t, err)
	set := b.fill("settings", to, html, url.Values{"method": {"password"}, "password": {"another horse of ivan"}})
	if set.status != http.StatusSeeOther || set.location.Query().Get("login_challenge") != challenge {
		t.Fatalf("after the settings: %d %s %s", set.status, set.location, set.body)
	}
	if login := b.open(set.location.String()); login.status != http.StatusSeeOther || login.location.Path != "/ui/login" {
		t.Errorf("at the login: %d %s %s", login.status, login.location, login.body)
	}
}

func userName(t *testing.T, w *world) {
	var made server.Identity
	must(t, w.Admin(t.Context(), http.MethodPost, "/identities", map[string]any{
		"schema_id": "name", "traits": map[string]any{"name": "Judy"},
		"credentials": map[string]any{"password": map[string]any{"config": map[string]any{"password": password}}},
	}, &made))
	a := w.adapter(t, w.both.URL, func(c *kratos.Config) {
		c.Privileged = append(c.Privileged, kratos.Mark{Pointer: "/schema_id", Values: []string{"name"}})
	})
	for _, typed := range []string{"judy", "Judy", "JUDY"} {
		if got, err := a.Resolve(t.Context(), typed); err != nil || got.ID != made.ID || !slices.Equal(got.Identifiers, []string{"judy"}) {
			t.Errorf("%s: %+v, %v", typed, got, err)
		}
	}
	if got, err := a.State(t.Context(), made.ID); err != nil || got.Privilege != upstream.PrivilegePrivileged {
		t.Errorf("%+v, %v", got, err)
	}
}

func socialAlone(t *testing.T, w *world) {
	p := w.create(t, "karl", map[string]any{"oidc": map[string]any{"config": map[string]any{
		"providers": []any{map[string]any{"provider": "google", "subject": "Karl-1"}},
	}}})
	a := w.adapter(t, w.both.URL)
	if got, err := a.Resolve(t.Context(), p.Identifiers[0]); err != nil || got.ID != p.ID || !slices.Equal(got.Identifiers, p.Identifiers) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, typed := range []string{"google:Karl-1", "google:karl-1"} { // nobody's name
		if got, err := a.Resolve(t.Context(), typed); !errors.Is(err, upstream.ErrNoAccount) {
			t.Errorf("%s: %+v, %v", typed, got, err)
		}
	}
	b, s := newBrowser(t, w), recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	out := enter(t, a, s)
	b.take(out.Direct.Cookies)
	if finish(t, a, s) {
		t.Error("finished without a password")
	}
	to, err := url.Parse(out.Direct.Location)
	must(t, err)
	b.fill("settings", to, html, url.Values{"method": {"password"}, "password": {"a first horse of karl"}})
	if !finish(t, a, s) {
		t.Error("not finished")
	}
}
