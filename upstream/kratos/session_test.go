package kratos_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/kratos"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

// recovery is of a person, granted now.
func recovery(p upstreamtest.Person, actions ...attest.Action) upstream.Session {
	now := time.Now()
	return upstream.Session{AccountID: p.ID, Subject: "recovery-" + rand.Text(), Actions: actions, GrantedAt: now, Now: now}
}

// enter makes the session, as the gateway does once the browser proved itself.
func enter(t *testing.T, a *kratos.Adapter, s upstream.Session) upstream.Outcome {
	t.Helper()
	must(t, a.Revoke(t.Context(), s.AccountID))
	must(t, a.Prepare(t.Context(), s.AccountID, s.Actions))
	out, err := a.Session(t.Context(), s)
	must(t, err)
	return out
}

// enterAsProgram is enter for a program, and returns its session token.
func enterAsProgram(t *testing.T, a *kratos.Adapter, s upstream.Session) string {
	t.Helper()
	s.Program = true
	return enter(t, a, s).Token.Value
}

// finish asks once whether everything is done, a minute after the session was answered.
func finish(t *testing.T, a *kratos.Adapter, s upstream.Session) bool {
	t.Helper()
	s.RedeemedAt, s.Now = s.Now, s.Now.Add(time.Minute)
	done, err := a.Finish(t.Context(), s)
	must(t, err)
	return done
}

// enrol gives a person one-time codes and look-up codes, and returns the key of the former.
func (w *world) enrol(t *testing.T, p upstreamtest.Person) (key string) {
	t.Helper()
	token, err := w.SignIn(t.Context(), p.Identifiers[0], password)
	must(t, err)
	_, err = w.EnrolLookupSecrets(t.Context(), token)
	must(t, err)
	key, err = w.EnrolTOTP(t.Context(), token)
	must(t, err)
	return key
}

func wantSession(t *testing.T, w *world, token string, want int) {
	t.Helper()
	_, err := w.Whoami(t.Context(), server.Token(token))
	if got := http.StatusOK; err == nil && want != got || err != nil && !server.Refused(err, want) {
		t.Errorf("the session: %v, want status %d", err, want)
	}
}

const app = "https://app.example.com"

func entry(returnTo string) string { return url.Values{"return_to": {returnTo}}.Encode() }

func TestABrowserIsSignedInAndLedThroughTheSettingsBack(t *testing.T) {
	w := realKratos(t)
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "dora"), newBrowser(t, w)
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	s.Entry = entry(app + "/home?x=1")
	out := enter(t, a, s)
	if out.Token != nil || out.BrokerSubject != "" {
		t.Errorf("outcome %+v", out)
	}
	b.take(out.Direct.Cookies)
	status, session := b.whoami()
	if status != http.StatusOK || session.Identity.ID != p.ID || session.Methods[0].Method != "code_recovery" {
		t.Fatalf("signed in: %d %+v", status, session)
	}
	to, err := url.Parse(out.Direct.Location)
	must(t, err)
	if !strings.HasPrefix(out.Direct.Location, publicURL+"/ui/settings?flow=") {
		t.Fatalf("led to %s", to)
	}
	set := b.fill("settings", to, html, url.Values{"method": {"password"}, "password": {"another horse of dora"}})
	if set.status != http.StatusSeeOther || set.location.String() != app+"/home?x=1" {
		t.Errorf("after the settings: %d %s %s", set.status, set.location, set.body)
	}
	if status, _ := b.whoami(); status != http.StatusOK {
		t.Errorf("after the settings, whoami says %d", status)
	}
	if !finish(t, a, s) {
		t.Error("not finished")
	}
}

func TestToSignInAloneABrowserGoesBackWhereKratosAllowsIt(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "dora")
	for came, want := range map[string]string{
		entry(app + "/home"):                      app + "/home",
		entry(publicURL + "/x"):                   publicURL + "/x",
		entry("https://evil.example/"):            publicURL + "/ui/settings?flow=",
		entry("https://app.example.com.evil.x/"):  publicURL + "/ui/settings?flow=",
		entry("//evil.example/"):                  publicURL + "/ui/settings?flow=",
		entry("javascript:alert(1)"):              publicURL + "/ui/settings?flow=",
		entry(`https://app.example.com\@evil.x/`): publicURL + "/ui/settings?flow=",
		"return_to=%zz":                           publicURL + "/ui/settings?flow=",
		"":                                        publicURL + "/ui/settings?flow=",
	} {
		s := recovery(p, attest.ActionSignIn)
		s.Entry = came
		got := enter(t, a, s).Direct.Location
		if got != want && !(strings.HasSuffix(want, "flow=") && strings.HasPrefix(got, want)) {
			t.Errorf("came with %q, led to %s", came, got)
		}
		b := newBrowser(t, w)
		if b.take(enter(t, a, s).Direct.Cookies); !strings.HasPrefix(got, app) {
			if status, _ := b.whoami(); status != http.StatusOK {
				t.Errorf("came with %q, whoami says %d", came, status)
			}
		}
	}
}

func TestAProgramGetsASessionToken(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "dora")
	s := recovery(p, attest.ActionSignIn)
	s.Program, s.Entry = true, entry("https://evil.example/")
	out := enter(t, a, s)
	if out.Direct != nil || out.Token.Kind != upstream.TokenSession || out.Token.ExpiresIn < 23*time.Hour || out.Token.ExpiresIn > 25*time.Hour {
		t.Errorf("outcome %+v", out)
	}
	session, err := w.Whoami(t.Context(), server.Token(out.Token.Value))
	if err != nil || session.Identity.ID != p.ID {
		t.Errorf("whoami: %+v, %v", session, err)
	}
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, out.Token.Value, http.StatusOK)
}

// A crash, or an answer that got lost.
func TestASecondSessionOfARecoveryTakesThePlaceOfTheFirst(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "dora")
	s := recovery(p, attest.ActionSignIn)
	s.Program = true
	var tokens [2]string
	for i := range tokens {
		out, err := a.Session(t.Context(), s)
		must(t, err)
		tokens[i] = out.Token.Value
	}
	wantSession(t, w, tokens[0], http.StatusUnauthorized)
	wantSession(t, w, tokens[1], http.StatusOK)
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, tokens[1], http.StatusOK)
}

func TestGivingUpOneRecoveryLeavesTheOther(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "dora")
	first, second := recovery(p, attest.ActionSignIn), recovery(p, attest.ActionSignIn)
	token := enterAsProgram(t, a, first)
	other := enterAsProgram(t, a, second)
	wantSession(t, w, token, http.StatusUnauthorized)
	must(t, a.Abandon(t.Context(), first))
	wantSession(t, w, other, http.StatusOK)
	must(t, a.Abandon(t.Context(), second))
	wantSession(t, w, other, http.StatusUnauthorized)
}

func TestTheSecondFactorGoesOnlyIfItIsToBeReplaced(t *testing.T) {
	w := realKratos(t)
	a, p := w.adapter(t, w.both.URL), w.person(t, "dora")
	key := w.enrol(t, p)

	b := newBrowser(t, w)
	out := enter(t, a, recovery(p, attest.ActionSignIn, attest.ActionResetPassword))
	b.take(out.Direct.Cookies)
	if status, _ := b.whoami(); status != http.StatusForbidden {
		t.Fatalf("without the second factor, whoami says %d", status)
	}
	wall := b.ask(publicURL+"/self-service/settings/browser", html, nil)
	if wall.status != http.StatusSeeOther || wall.location.Query().Get("aal") != "aal2" {
		t.Fatalf("the settings: %d %s", wall.status, wall.location)
	}
	asked := b.open(wall.location.String())
	code, err := server.OTP(key, time.Now())
	must(t, err)
	if got := b.fill("login", asked.location, html, url.Values{"method": {"totp"}, "totp_code": {code}}); got.status != http.StatusSeeOther {
		t.Errorf("the second factor: %d %s", got.status, got.body)
	}
	if status, s := b.whoami(); status != http.StatusOK || s.AAL != "aal2" {
		t.Errorf("with the second factor: %d %+v", status, s)
	}

	s := recovery(p, attest.ActionSignIn, attest.ActionReplaceOTP)
	token := enterAsProgram(t, a, s)
	wantSession(t, w, token, http.StatusOK)
	left, err := w.Identity(t.Context(), p.ID)
	must(t, err)
	if left.Credentials["totp"] != nil || left.Credentials["lookup_secret"] != nil || left.Credentials["password"] == nil {
		t.Errorf("credentials left: %v", left.Credentials)
	}
	meanwhile, err := w.SignIn(t.Context(), p.Identifiers[0], password) // without a second factor
	must(t, err)
	if finish(t, a, s) {
		t.Error("finished without a new second factor")
	}
	wantSession(t, w, meanwhile, http.StatusOK)
	_, err = w.EnrolTOTP(t.Context(), token)
	must(t, err)
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	wantSession(t, w, token, http.StatusOK)
	wantSession(t, w, meanwhile, http.StatusUnauthorized)
}

// What the guard says to scripts is what Kratos says.
func TestKratosLeadsScriptsAsTheGuardDoes(t *testing.T) {
	w := realKratos(t)
	p, b := w.person(t, "dora"), newBrowser(t, w)
	w.enrol(t, p)
	begun := b.open(publicURL + "/self-service/login/browser")
	led := b.fill("login", begun.location, script, byPassword(p.Identifiers[0]))
	const to = publicURL + "/self-service/login/browser?aal=aal2"
	if led.status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", led.status, led.body)
	}
	a := w.adapter(t, w.both.URL, func(c *kratos.Config) { c.EntryURL = to })
	said := a.Guard(request(t, "GET", "/self-service/recovery/api")).JSON
	if said.Status != led.status || !bytes.Equal(said.Body, led.body) {
		t.Errorf("the guard says %d %q, Kratos %d %q", said.Status, said.Body, led.status, led.body)
	}
}
