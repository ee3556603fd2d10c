package selfservice_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/kratos"
)

func TestHydraWithKratosAsItsLogin(t *testing.T) {
	s := withKratos(t, kratos.Options{RecoveryEnabled: true}, true)
	t.Run("an application signs in", func(t *testing.T) {
		b := s.browser()
		s.completes(t, s.signIn(t, b, open(t, b, s.authorize(client)), alice, password))
		s.completes(t, open(t, b, s.authorize(client))) // nobody is asked again
	})
	t.Run("the link for a forgotten password takes along where the login was going", s.forgot)
}

func (s *stack) forgot(t *testing.T) {
	b, back := s.browser(), s.origin+"/app/callback"
	if to := link(t, open(t, b, s.authorize(client)), "Forgot password?"); to.Query().Get("login_challenge") == "" {
		t.Errorf("in a login of Hydra's, the link leads to %s", to)
	}
	to := link(t, open(t, b, s.origin+"/ui/login?return_to="+url.QueryEscape(back)), "Forgot password?")
	if to.Path != "/self-service/recovery/browser" || to.Query().Get("return_to") != back {
		t.Errorf("the link leads to %s", to)
	}
	p, err := b.SubmitWhere(t.Context(), open(t, b, to.String()), "method", "code", url.Values{"email": {alice}})
	fatal(t, err)
	reads(t, p, "Recovery code")
	mails, err := s.kratos.Messages(t.Context())
	if err != nil || len(mails) != 1 || mails[0].Recipient != alice {
		t.Errorf("mails: %+v, %v", mails, err)
	}
}

func TestHydraWithUsersOfTheApp(t *testing.T) {
	s := withUsers(t)
	t.Run("an application signs in and out", s.signsInAndOut)
	t.Run("a client of somebody else is refused", s.refusesStrangers)
}

func (s *stack) signsInAndOut(t *testing.T) {
	b := s.browser()
	p := open(t, b, s.authorize(client))
	challenge, forgot := p.URL.Query().Get("login_challenge"), link(t, p, "Forgot password?")
	if forgot.Path != "/recovery" || challenge == "" || forgot.Query().Get("login_challenge") != challenge {
		t.Errorf("the link leads to %s", forgot)
	}
	refused := s.fill(t, b, p, "another")
	if refused.Status != http.StatusUnauthorized {
		t.Errorf("another password: %d", refused.Status)
	}
	s.completes(t, s.fill(t, b, refused, password))
	s.completes(t, open(t, b, s.authorize(client))) // nobody is asked again
	open(t, b, s.origin+"/oauth2/sessions/logout")
	if p := open(t, b, s.authorize(client)); p.Title != "Sign in" {
		t.Errorf("after signing out, the browser is at %s", p.URL)
	}
}

func (s *stack) refusesStrangers(t *testing.T) {
	fatal(t, s.hydra.Register(t.Context(), "stranger", s.origin+"/app/callback"))
	b := s.browser()
	if p := s.fill(t, b, open(t, b, s.authorize("stranger")), password); p.URL.Query().Get("error") != "access_denied" {
		t.Errorf("came back with %s", p.URL)
	}
}

// fill fills in the form of the app's own login.
func (s *stack) fill(t *testing.T, b *browser.Browser, at *browser.Page, password string) *browser.Page {
	t.Helper()
	p, err := b.Submit(t.Context(), at, "/ui/login", url.Values{"username": {alice}, "password": {password}})
	fatal(t, err)
	return p
}

// completes sees that the browser came back to the application with a code for alice, and what ends her tokens.
func (s *stack) completes(t *testing.T, p *browser.Page) {
	t.Helper()
	ctx := t.Context()
	if p.URL.Path != "/app/callback" {
		t.Fatalf("the browser is at %s: %s", p.URL, p.Text())
	}
	token, err := s.redeem(ctx, p)
	fatal(t, err)
	i, err := s.hydra.Introspect(ctx, token)
	if err != nil || !i.Active || i.Subject != s.alice || i.Client != client {
		t.Errorf("introspection: %+v, %v", i, err)
	}
	consents, err := s.hydra.Consents(ctx, s.alice)
	if err != nil || len(consents) == 0 || consents[0].Request.Client.ID != client {
		t.Errorf("consents: %+v, %v", consents, err)
	}
	fatal(t, s.hydra.EndConsents(ctx, s.alice))
	if i, err := s.hydra.Introspect(ctx, token); err != nil || i.Active {
		t.Errorf("introspection after the end of the consent: %+v, %v", i, err)
	}
}
