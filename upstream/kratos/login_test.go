package kratos_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/kratos"
)

const callback = publicURL + "/recovery/login/callback"

func newLogin(acr ...string) upstream.Login {
	return upstream.Login{RedirectURI: callback, State: "a state&", ACR: acr, Started: time.Now()}
}

// begin follows the gateway's login to Kratos' form.
func (b *browser) begin(a *kratos.Adapter, l upstream.Login) *url.URL {
	b.t.Helper()
	to, err := a.LoginURL(b.t.Context(), l)
	must(b.t, err)
	return b.open(to).location
}

func wantBack(t *testing.T, got arrived) {
	t.Helper()
	if want := callback + "?state=a+state%26"; got.status != http.StatusSeeOther || got.location.String() != want {
		t.Fatalf("%d %s %s, want %s", got.status, got.location, got.body, want)
	}
}

func TestALoginLeadsThroughKratosAndBack(t *testing.T) {
	w := realKratos(t)
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "heidi"), newBrowser(t, w)
	l := newLogin()
	wantBack(t, b.fill("login", b.begin(a, l), html, byPassword(p.Identifiers[0])))
	who, err := a.LoginResult(t.Context(), b.answer(), l)
	must(t, err)
	if who.AccountID != p.ID || !slices.Equal(who.Identifiers, p.Identifiers) || who.ACR != "aal1" || !slices.Equal(who.AMR, []string{"pwd"}) ||
		who.Best != (upstream.Assurance{AAL: upstream.AAL1}) {
		t.Errorf("%+v", who)
	}
	if age := time.Since(who.AuthenticatedAt); age < -2*time.Second || age > time.Minute {
		t.Errorf("signed in %s ago", age)
	}

	// Once more: the session that stands is not enough.
	again := newLogin()
	again.Started = time.Now().Add(10 * time.Second)
	if who, err := a.LoginResult(t.Context(), b.answer(), again); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("an older session: %+v, %v", who, err)
	}
	again.Started = time.Now()
	wantBack(t, b.fill("login", b.begin(a, again), html, byPassword(p.Identifiers[0])))
	_, err = a.LoginResult(t.Context(), b.answer(), again)
	must(t, err)
}

func TestALoginAsksForBothFactorsWhereBothAreWanted(t *testing.T) {
	w := realKratos(t)
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "heidi"), newBrowser(t, w)
	key := w.enrol(t, p)
	for range 2 { // without a session, and in one that has both
		l := newLogin("aal2", "aal2-phishing-resistant")
		first := b.fill("login", b.begin(a, l), html, byPassword(p.Identifiers[0]))
		if first.status != http.StatusSeeOther {
			t.Fatalf("%d %s", first.status, first.body)
		}
		// Where Kratos demands the highest level that an account has, it asks of itself, too, in a new session.
		at, asked := first, 0
		for ; at.location.Path == "/self-service/login/browser" && asked < 2; asked++ {
			code, err := server.OTP(key, time.Now())
			must(t, err)
			at = b.fill("login", b.open(at.location.String()).location, html, url.Values{"method": {"totp"}, "totp_code": {code}})
		}
		wantBack(t, at)
		who, err := a.LoginResult(t.Context(), b.answer(), l)
		must(t, err)
		if who.AccountID != p.ID || who.ACR != "aal2" || !slices.Equal(who.AMR, []string{"pwd", "otp"}) || who.Best.AAL != upstream.AAL2 {
			t.Errorf("%+v", who)
		}
	}
}

func TestWhoHasProvedNothingIsNotSignedIn(t *testing.T) {
	w := realKratos(t)
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "heidi"), newBrowser(t, w)
	l := newLogin()
	b.signIn(p.Identifiers[0])
	good := b.answer()
	who, err := a.LoginResult(t.Context(), good, l)
	if err != nil || who.AccountID != p.ID {
		t.Fatalf("%+v, %v", who, err)
	}
	refused := func(name string, back upstream.Answer) {
		t.Helper()
		if who, err := a.LoginResult(t.Context(), back, l); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	refused("no cookie", upstream.Answer{Code: "code"})
	var csrf, forged upstream.Answer
	for _, c := range good.Cookies {
		other := *c
		if c.Name == server.SessionCookie {
			other.Value = strings.Repeat("A", len(c.Value))
		} else {
			csrf.Cookies = append(csrf.Cookies, c)
		}
		forged.Cookies = append(forged.Cookies, &other)
	}
	refused("no session", csrf)
	refused("a forged session", forged)
	refused("the gateway's cookies", upstream.Answer{Cookies: []*http.Cookie{{Name: "__Host-regrant-login", Value: "x"}}})

	mallory, theirs := w.person(t, "mallory"), newBrowser(t, w)
	theirs.signIn(mallory.Identifiers[0])
	if who, err := a.LoginResult(t.Context(), theirs.answer(), l); err != nil || who.AccountID != mallory.ID {
		t.Errorf("another person's cookie: %+v, %v", who, err)
	}

	must(t, w.SetState(t.Context(), p.ID, "inactive"))
	refused("an inactive identity", good)
	must(t, w.SetState(t.Context(), p.ID, "active"))
	if _, err := a.LoginResult(t.Context(), good, l); err != nil {
		t.Errorf("the good one: %v", err)
	}
	must(t, a.Revoke(t.Context(), p.ID))
	refused("a session that has ended", good)
}

func TestARecoverySignsNobodyInAtTheGateway(t *testing.T) {
	w := realKratos(t)
	a, p, b := w.adapter(t, w.both.URL), w.person(t, "heidi"), newBrowser(t, w)
	l := newLogin()
	b.take(enter(t, a, recovery(p, attest.ActionSignIn)).Direct.Cookies)
	if status, _ := b.whoami(); status != http.StatusOK {
		t.Fatalf("whoami says %d", status)
	}
	if who, err := a.LoginResult(t.Context(), b.answer(), l); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("%+v, %v", who, err)
	}
	// With the second factor that was not lost: there is no first one.
	key := w.enrol(t, p)
	b.take(enter(t, a, recovery(p, attest.ActionSignIn)).Direct.Cookies)
	asked := b.open(publicURL + "/self-service/login/browser?aal=aal2")
	code, err := server.OTP(key, time.Now())
	must(t, err)
	b.fill("login", asked.location, html, url.Values{"method": {"totp"}, "totp_code": {code}})
	if status, s := b.whoami(); status != http.StatusOK || s.AAL != "aal2" {
		t.Fatalf("whoami says %d, %+v", status, s)
	}
	if who, err := a.LoginResult(t.Context(), b.answer(), l); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("with the second factor: %+v, %v", who, err)
	}
	// Who types the password in that session has signed in.
	wantBack(t, b.fill("login", b.begin(a, l), html, byPassword(p.Identifiers[0])))
	if _, err := a.LoginResult(t.Context(), b.answer(), l); err != nil {
		t.Error(err)
	}
}

func TestASignInIsToldByTheGatewaysClock(t *testing.T) {
	w := realKratos(t)
	p, b := w.person(t, "heidi"), newBrowser(t, w)
	b.signIn(p.Identifiers[0])
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		now := func() time.Time { return time.Now().Add(-ahead) }
		a := w.adapter(t, w.both.URL, func(c *kratos.Config) { c.Clock = now })
		l := newLogin()
		l.Started = now().Add(-time.Minute)
		who, err := a.LoginResult(t.Context(), b.answer(), l)
		if age := now().Sub(who.AuthenticatedAt); err != nil || age < -2*time.Second || age > time.Minute {
			t.Errorf("Kratos is %s ahead: %s ago, %v", ahead, age, err)
		}
		l.Started = now().Add(10 * time.Second)
		if who, err := a.LoginResult(t.Context(), b.answer(), l); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("Kratos is %s ahead: an older session: %+v, %v", ahead, who, err)
		}
	}
}
