package selfservice_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/kratos"
)

// signIn fills in the form of Kratos' login.
func (s *stack) signIn(t *testing.T, b *browser.Browser, at *browser.Page, email, password string) *browser.Page {
	t.Helper()
	p, err := b.SubmitWhere(t.Context(), at, "method", "password", url.Values{"identifier": {email}, "password": {password}})
	fatal(t, err)
	return p
}

func open(t *testing.T, b *browser.Browser, address string) *browser.Page {
	t.Helper()
	p, err := b.Open(t.Context(), address)
	fatal(t, err)
	return p
}

func click(t *testing.T, b *browser.Browser, at *browser.Page, text string) *browser.Page {
	t.Helper()
	p, err := b.Click(t.Context(), at, text)
	fatal(t, err)
	return p
}

func reads(t *testing.T, p *browser.Page, words string) {
	t.Helper()
	if !strings.Contains(p.Text(), words) {
		t.Errorf("%s, %d, does not say %q: %s", p.URL.Path, p.Status, words, p.Text())
	}
}

func link(t *testing.T, p *browser.Page, text string) *url.URL {
	t.Helper()
	to, err := p.Link(text)
	fatal(t, err)
	return to
}

func TestThePagesOfKratos(t *testing.T) {
	s := withKratos(t, kratos.Options{RequiredAAL: "highest_available"}, false)
	for name, test := range map[string]func(*testing.T){
		"a person signs in, changes the password and signs out": s.changesThePassword,
		"a second factor is enrolled, asked for and unlinked":   s.secondFactor,
		"without recovery, Kratos says so and mails nobody":     s.noRecovery,
		"a flow of another browser is begun again":              s.anotherBrowser,
		"who is signed in is not asked again":                   s.remembered,
	} {
		t.Run(name, test)
	}
}

func (s *stack) changesThePassword(t *testing.T) {
	const bob = "bob@example.test"
	id, err := s.kratos.Create(t.Context(), bob, password)
	fatal(t, err)
	b := s.browser()
	p := open(t, b, s.origin+"/ui/login")
	reads(t, s.signIn(t, b, p, bob, "another"), "credentials are invalid")
	p = s.signIn(t, b, p, bob, password)
	reads(t, p, "You are signed in")
	reads(t, p, bob+" by password")
	session, err := s.kratos.Whoami(t.Context(), kratos.Cookie(b.Cookie("127.0.0.1", kratos.SessionCookie)))
	if err != nil || session.Identity.ID != id {
		t.Errorf("whoami: %+v, %v", session, err)
	}

	p, err = b.SubmitWhere(t.Context(), click(t, b, p, "Your account"), "method", "password", url.Values{"password": {"another horse of bob"}})
	fatal(t, err)
	reads(t, p, "Your changes have been saved")
	if p = click(t, b, click(t, b, p, "Home"), "Sign out"); p.URL.Path != "/ui/login" {
		t.Errorf("signing out leads to %s", p.URL)
	}
	reads(t, open(t, b, s.origin+"/ui/"), "Nobody is signed in")
	reads(t, s.signIn(t, b, open(t, b, s.origin+"/ui/login"), bob, "another horse of bob"), "You are signed in")
}

func (s *stack) secondFactor(t *testing.T) {
	const carol = "carol@example.test"
	id, err := s.kratos.Create(t.Context(), carol, password)
	fatal(t, err)
	b := s.browser()
	s.signIn(t, b, open(t, b, s.origin+"/ui/login"), carol, password)
	p := open(t, b, s.origin+"/ui/settings")
	if !strings.Contains(p.Body, `src="data:image/png;base64,`) {
		t.Error("no QR code")
	}
	key := regexp.MustCompile(`[A-Z2-7]{32}`).FindString(p.Text())
	p, err = b.SubmitWhere(t.Context(), p, "method", "totp", url.Values{"totp_code": {otp(t, key)}})
	fatal(t, err)
	reads(t, p, "Your changes have been saved")

	again := s.browser()
	p = s.signIn(t, again, open(t, again, s.origin+"/ui/settings"), carol, password)
	reads(t, p, "second authentication challenge")
	p, err = again.SubmitWhere(t.Context(), p, "method", "totp", url.Values{"totp_code": {otp(t, key)}})
	fatal(t, err)
	reads(t, p, "You are signed in")
	p, err = again.SubmitWhere(t.Context(), open(t, again, s.origin+"/ui/settings"), "totp_unlink", "true", nil)
	fatal(t, err)
	reads(t, p, "Your changes have been saved")
	if i, err := s.kratos.Identity(t.Context(), id); err != nil || i.Credentials["totp"] != nil {
		t.Errorf("%v, %v", i.Credentials, err)
	}
}

func otp(t *testing.T, key string) string {
	t.Helper()
	code, err := kratos.OTP(key, time.Now())
	fatal(t, err)
	return code
}

func (s *stack) noRecovery(t *testing.T) {
	b := s.browser()
	reads(t, open(t, b, s.origin+"/self-service/recovery/browser"), "Recovery is not allowed because it was disabled")
	reads(t, open(t, b, s.origin+"/ui/registration"), "Registration is not allowed because it was disabled")
	if mails, err := s.kratos.Messages(t.Context()); err != nil || len(mails) != 0 {
		t.Errorf("mails: %+v, %v", mails, err)
	}
}

func (s *stack) anotherBrowser(t *testing.T) {
	p := open(t, s.browser(), s.origin+"/ui/login")
	q := open(t, s.browser(), p.URL.String())
	if q.Status != http.StatusOK || q.URL.Path != p.URL.Path || q.URL.Query().Get("flow") == p.URL.Query().Get("flow") {
		t.Errorf("another browser sees %s, %d", q.URL, q.Status)
	}
}

func (s *stack) remembered(t *testing.T) {
	b := s.browser()
	s.signIn(t, b, open(t, b, s.origin+"/ui/login"), alice, password)
	reads(t, open(t, b, s.origin+"/ui/login"), "You are signed in")
}
