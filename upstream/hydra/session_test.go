package hydra_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
)

// recovery is a granted one of alice, in a browser that came from the login with a challenge.
func recovery(challenge string) upstream.Session {
	return upstream.Session{
		AccountID: "alice-1", Subject: rand.Text(), Txn: rand.Text(), ACR: "urn:regrant:acr:default", AMR: []string{"pop", "swk"},
		Actions: []attest.Action{attest.ActionSignIn}, Now: time.Now(), Entry: url.Values{"login_challenge": {challenge}}.Encode(),
	}
}

// An attacker begins a login, and has a victim recover with its challenge: Hydra binds the answer to the cookie of the browser
// in which the login began, so neither of the two gets in anywhere.
func TestTheChallengeOfAnotherBrowserSignsNobodyIn(t *testing.T) {
	w := realHydra(t)
	a := w.adapter(t, w.both.URL)
	must(t, a.Revoke(t.Context(), "alice-1"))
	attacker, victim := w.browser(), w.browser()
	challenge := w.begin(t, attacker, "app")
	for name, victim := range map[string]*browser.Browser{"without a login of its own": victim, "with one of its own": w.browser()} {
		if name == "with one of its own" {
			w.begin(t, victim, "app")
		}
		s := recovery(challenge)
		out, err := a.Session(t.Context(), s)
		must(t, err)
		p, err := victim.Open(t.Context(), out.Direct.Location)
		must(t, err)
		if q := p.URL.Query(); p.URL.Path != "/app/callback" || q.Get("error") != "request_forbidden" || q.Get("code") != "" {
			t.Errorf("%s, the victim's browser came to %s", name, p.URL)
		}
	}
	for _, address := range []string{w.site.URL + "/ui/login?login_challenge=" + url.QueryEscape(challenge), w.authorize("app"), w.authorize("app") + "&login_verifier=" + url.QueryEscape(challenge)} {
		p, err := attacker.Open(t.Context(), address)
		must(t, err)
		if p.URL.Query().Get("code") != "" {
			t.Errorf("the attacker's browser got a code at %s", p.URL)
		}
	}
	if all, err := w.Consents(t.Context(), "alice-1"); err != nil || len(all) != 0 {
		t.Errorf("sessions of alice: %+v, %v", all, err)
	}
}

// The answers of a challenge that is accepted twice lead to one login, of which one session comes.
func TestTheAnswersToOneLoginMakeOneSession(t *testing.T) {
	w := realHydra(t)
	a := w.adapter(t, w.both.URL)
	b := w.browser()
	s := recovery(w.begin(t, b, "app"))
	first, err := a.Session(t.Context(), s)
	must(t, err)
	second, err := a.Session(t.Context(), s)
	must(t, err)
	other := b.Tab()
	w.getsIn(t, b, second.Direct)
	p, err := other.Open(t.Context(), first.Direct.Location)
	must(t, err)
	if q := p.URL.Query(); q.Get("code") != "" || q.Get("error") == "" {
		t.Errorf("the second answer led to %s", p.URL)
	}
	if all, err := w.Consents(t.Context(), "alice-1"); err != nil || len(all) != 1 {
		t.Errorf("%d sessions, %v", len(all), err)
	}
}

func TestAnApplicationSeesThatItWasARecovery(t *testing.T) {
	w := realHydra(t)
	a := w.adapter(t, w.both.URL)
	b := w.browser()
	s := recovery(w.begin(t, b, "app"))
	out, err := a.Session(t.Context(), s)
	must(t, err)
	p, err := b.Open(t.Context(), out.Direct.Location)
	must(t, err)
	var tokens struct {
		ID string `json:"id_token"`
	}
	must(t, ory.API(w.PublicURL).Form(t.Context(), "/oauth2/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"app"}, "redirect_uri": {w.site.URL + "/app/callback"},
		"code": {p.URL.Query().Get("code")}, "code_verifier": {verifier},
	}, &tokens))
	var claims struct {
		Subject string   `json:"sub"`
		ACR     string   `json:"acr"`
		AMR     []string `json:"amr"`
	}
	claimsOf(t, tokens.ID, &claims)
	if claims.Subject != "alice-1" || claims.ACR != s.ACR || strings.Join(claims.AMR, " ") != "pop swk" {
		t.Errorf("the ID token says %+v", claims)
	}
	if p, err := b.Open(t.Context(), w.authorize("app")); err != nil || p.URL.Path != "/ui/login" {
		t.Errorf("the recovery is remembered: the browser is at %s, %v", p.URL, err)
	}
}

// A recovery that answers a login for self-service is no sign-in: it must not bind authenticators.
func TestARecoveryIsNoLoginOfTheGateway(t *testing.T) {
	w := realHydra(t)
	a := w.adapter(t, w.both.URL)
	b := w.browser()
	l := upstream.Login{RedirectURI: w.site.URL + callback, State: rand.Text(), Nonce: rand.Text(), Verifier: verifier, Started: time.Now()}
	to, err := a.LoginURL(t.Context(), l)
	must(t, err)
	p, err := b.Open(t.Context(), to)
	must(t, err)
	out, err := a.Session(t.Context(), recovery(p.URL.Query().Get("login_challenge")))
	must(t, err)
	p, err = b.Open(t.Context(), out.Direct.Location)
	must(t, err)
	if who, err := a.LoginResult(t.Context(), upstream.Answer{Code: p.URL.Query().Get("code")}, l); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("%+v, %v, want refused", who, err)
	}
}

// A login in which Hydra remembers somebody is not answered: it would go on as his older one.
func TestALoginThatHydraRemembersIsNotAnswered(t *testing.T) {
	w := realHydra(t)
	for name, c := range map[string]struct {
		status int
		answer string
		want   error
	}{
		"good":         {http.StatusOK, `{"challenge":"c","skip":false}`, nil},
		"remembered":   {http.StatusOK, `{"challenge":"c","skip":true}`, upstream.ErrNoLogin},
		"another":      {http.StatusOK, `{"challenge":"d","skip":false}`, upstream.ErrUnavailable},
		"handled":      {http.StatusGone, `{"redirect_to":"https://id.example.com"}`, upstream.ErrNoLogin},
		"unknown":      {http.StatusNotFound, `{"error":"Not Found"}`, upstream.ErrNoLogin},
		"too old":      {http.StatusUnauthorized, `{"error":"request_unauthorized"}`, upstream.ErrNoLogin},
		"not Hydra's":  {http.StatusNotFound, `{}`, upstream.ErrUnavailable},
		"overburdened": {http.StatusTooManyRequests, `{"error":"slow_down"}`, upstream.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := answering(t, w, c.status, c.answer, w.site.URL+"/oauth2/auth?login_verifier=v"); !errors.Is(err, c.want) || err == nil && out.Direct == nil {
				t.Errorf("%+v, %v, want %v", out, err, c.want)
			}
		})
	}
	for _, to := range []string{"", "https://evil.example/oauth2/auth?login_verifier=v", w.site.URL + "/oauth2/auth?prompt=login", w.site.URL + ".evil.example/oauth2/auth?login_verifier=v"} {
		if out, err := answering(t, w, http.StatusOK, `{"challenge":"c","skip":false}`, to); !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("led to %q: %+v, %v", to, out, err)
		}
	}
}

// answering asks for a session at a server that answers so for a login, and to its acceptance.
func answering(t *testing.T, w *world, status int, answer, to string) (upstream.Outcome, error) {
	t.Helper()
	fake := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/version":
			_, _ = rw.Write([]byte(`{"version":"v2.3.0"}`))
		case r.Method == http.MethodDelete:
			rw.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPut:
			_, _ = rw.Write([]byte(`{"redirect_to":"` + to + `"}`))
		case strings.HasSuffix(r.URL.Path, "/requests/login"):
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(answer))
		default:
			_, _ = rw.Write([]byte("[]"))
		}
	}))
	defer fake.Close()
	return w.adapter(t, w.both.URL, func(c *hydra.Config) { c.AdminURL = fake.URL }).Session(t.Context(), recovery("c"))
}
