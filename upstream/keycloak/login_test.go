package keycloak_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// recovery is alice's, granted now and ready for the browser.
func (w *world) recovery(t *testing.T, actions ...attest.Action) upstream.Session {
	t.Helper()
	now := time.Now()
	return upstream.Session{
		AccountID: w.user(t, "alice"), Subject: "recovery-" + strings.ToLower(t.Name()),
		Actions: actions, GrantedAt: now, Now: now,
	}
}

// enter makes the way in, as the gateway does once the browser proved itself.
func (w *world) enter(t *testing.T, s upstream.Session) {
	t.Helper()
	must(t, w.adapter.Prepare(t.Context(), s.AccountID, s.Actions))
	outcome, err := w.adapter.Session(t.Context(), s)
	must(t, err)
	w.broker.present(outcome.BrokerSubject)
}

// finish asks once whether everything is done.
func (w *world) finish(t *testing.T, s upstream.Session) bool {
	t.Helper()
	s.RedeemedAt, s.Now = w.broker.redeemed(), time.Now()
	done, err := w.adapter.Finish(t.Context(), s)
	must(t, err)
	return done
}

func (w *world) linked(t *testing.T, id string) bool {
	t.Helper()
	links, err := w.FederatedIdentities(t.Context(), id)
	must(t, err)
	return len(links) > 0
}

func TestForgotPasswordEndsInTheApplicationAndTheWayInIsGone(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	w.enter(t, s)
	b := newBrowser(t, w)
	address, verifier := w.appURL(nil)
	login := b.open(address)
	forgot := regexpHref(t, login.body, "login-actions/reset-credentials")
	landed := b.open(w.origin.URL + forgot)
	if landed.code != 0 || landed.url.Query().Get("state") != "app-state" {
		t.Fatalf("ended at %s (%d), not in the application", landed.url, landed.code)
	}
	b.redeem(w, landed, verifier)
	if !w.finish(t, s) || w.linked(t, s.AccountID) {
		t.Error("the login shows, but the way in is not gone")
	}
	if again := b.open(address + "&prompt=none"); again.url.Query().Get("code") == "" {
		t.Error("the session did not outlive the link")
	}
}

func TestAPendingPasswordShowsTheLoginOnlyAfterTheForm(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionResetPassword, attest.ActionSignIn)
	w.enter(t, s)
	b := newBrowser(t, w)
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	form := b.open(address)
	if form.code != http.StatusOK || !strings.Contains(form.body, "password-new") {
		t.Fatalf("no form for a new password at %s (%d)", form.url, form.code)
	}
	if w.finish(t, s) || !w.linked(t, s.AccountID) {
		t.Error("finished while the form is open")
	}
	// Whoever takes longer than the link stands can still send the form.
	late := s
	late.RedeemedAt = w.broker.redeemed()
	late.Now = late.RedeemedAt.Add(time.Minute)
	if done, err := w.adapter.Finish(t.Context(), late); done || err != nil || w.linked(t, s.AccountID) {
		t.Errorf("a minute after the code was redeemed: done %v, %v, linked %v", done, err, w.linked(t, s.AccountID))
	}
	landed := b.submit(form, url.Values{"password-new": {"new-password"}, "password-confirm": {"new-password"}})
	if landed.code != 0 {
		t.Fatalf("the form was not taken: %d\n%.1000s", landed.code, landed.body)
	}
	b.redeem(w, landed, verifier)
	if !w.finish(t, s) {
		t.Error("not finished after the form")
	}
	if p := newBrowser(t, w).triesToSignIn(w, "alice", "alice-password", nil); p.code == 0 {
		t.Error("the old password still works")
	}
	if p := newBrowser(t, w).signIn(w, "alice", "new-password", nil); p.code != 0 {
		t.Error("the new password does not work")
	}
}

func TestTheLostOTPGoesOnlyWhenANewOneIsThere(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionReplaceOTP, attest.ActionSignIn)
	lost := w.addOTP(t, s.AccountID, "lost", s.GrantedAt.Add(-time.Hour))
	t.Cleanup(func() { w.removeOTPs(t, s.AccountID) })
	w.enter(t, s)

	// The person's login shows, but no new factor was set up.
	must(t, w.Admin(t.Context(), "PUT", "/users/"+s.AccountID, map[string]any{"requiredActions": []string{}}, nil))
	b := newBrowser(t, w)
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	landed := b.open(address)
	b.redeem(w, landed, verifier)
	if w.finish(t, s) || !slices.Contains(w.otps(t, s.AccountID), lost) {
		t.Fatal("the lost factor is gone before a new one is there")
	}
	if w.linked(t, s.AccountID) {
		t.Error("the way in waits for the new factor")
	}
	fresh := w.addOTP(t, s.AccountID, "new", s.GrantedAt.Add(time.Second))
	enable := func(on bool) {
		must(t, w.Admin(t.Context(), "PUT", "/users/"+s.AccountID, map[string]any{"enabled": on}, nil))
	}
	enable(false)
	if w.finish(t, s) || !slices.Contains(w.otps(t, s.AccountID), lost) {
		t.Error("the lost factor of an account that is disabled is gone")
	}
	enable(true)
	if !w.finish(t, s) {
		t.Error("not finished although the new factor is there")
	}
	if left := w.otps(t, s.AccountID); !slices.Equal(left, []string{fresh}) {
		t.Errorf("factors left %v, want %s", left, fresh)
	}
}

func TestAnotherPersonsSessionDoesNotKeepTheOwnerOut(t *testing.T) {
	w := realKeycloak(t)
	w.user(t, "bob")
	s := w.recovery(t, attest.ActionSignIn)
	w.enter(t, s)
	b := newBrowser(t, w)
	b.signIn(w, "bob", "bob-password", nil)
	login := w.newLogin()
	landed := b.open(w.loginURL(t, login))
	who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login)
	must(t, err)
	if who.AccountID != s.AccountID {
		t.Errorf("signed in %+v, want alice", who)
	}
}

func TestARecoveryEndsInTheGatewaysOwnLogin(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	w.enter(t, s)
	login := w.newLogin()
	landed := newBrowser(t, w).open(w.loginURL(t, login))
	if got := landed.url.Query().Get("state"); got != login.State {
		t.Fatalf("state %q came back at %s", got, landed.url)
	}
	who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login)
	must(t, err)
	if who.AccountID != s.AccountID {
		t.Errorf("principal %+v", who)
	}
	if _, err := w.adapter.LoginResult(t.Context(), landed.answer(), login); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("a code redeemed twice: %v, want refused", err)
	}
}

func TestWhoOnlyWantsToSignInGetsTheOrdinaryLogin(t *testing.T) {
	w := realKeycloak(t)
	bob := w.user(t, "bob")
	b := newBrowser(t, w)
	b.signIn(w, "bob", "bob-password", nil)
	login := w.newLogin()
	login.Recovery = false
	form := b.open(w.loginURL(t, login)) // although bob is signed in
	landed := b.submit(form, url.Values{"username": {"bob"}, "password": {"bob-password"}})
	who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login)
	must(t, err)
	if who.AccountID != bob || !slices.Equal(who.Identifiers, []string{"bob", "bob@example.com"}) || who.ACR != "1" || len(who.AMR) > 0 {
		t.Errorf("signed in %+v, want bob", who)
	}
	if age := time.Since(who.AuthenticatedAt); age < -2*time.Second || age > time.Minute || landed.answer().Issuer == "" {
		t.Errorf("signed in %s ago, answer of %q", age, landed.answer().Issuer)
	}
}

// Whoever takes prompt=login and max_age out of the address on the way gets an answer from the older session.
func TestAnOlderSessionOfTheRealmSignsNobodyIn(t *testing.T) {
	w := realKeycloak(t)
	w.user(t, "bob")
	b := newBrowser(t, w)
	b.signIn(w, "bob", "bob-password", nil)
	signedIn := time.Now()
	login := w.newLogin()
	login.Recovery = false
	time.Sleep(time.Until(signedIn.Add(8 * time.Second))) // of which five are taken for different clocks
	login.Started = time.Now()
	address, err := url.Parse(w.loginURL(t, login))
	must(t, err)
	q := address.Query()
	q.Del("prompt")
	q.Del("max_age")
	address.RawQuery = q.Encode()
	landed := b.open(address.String())
	if landed.code != 0 || landed.answer().Code == "" {
		t.Fatalf("the session does not answer: %d at %s", landed.code, landed.url)
	}
	if who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("%+v, %v, want refused", who, err)
	}
}

func TestADisabledAccountSignsNobodyIn(t *testing.T) {
	w := realKeycloak(t)
	bob := w.user(t, "bob")
	enable := func(yes bool) {
		must(t, w.Admin(context.WithoutCancel(t.Context()), "PUT", "/users/"+bob, map[string]any{"enabled": yes}, nil))
	}
	t.Cleanup(func() { enable(true) })
	login := w.newLogin()
	login.Recovery = false
	b := newBrowser(t, w)
	landed := b.submit(b.open(w.loginURL(t, login)), url.Values{"username": {"bob"}, "password": {"bob-password"}})
	enable(false)
	if who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login); err == nil {
		t.Errorf("%+v is signed in", who)
	}
}

func TestACodeOfAnotherLoginIsRefused(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	for name, change := range map[string]func(*upstream.Login){
		"nonce":    func(l *upstream.Login) { l.Nonce = "another" },
		"verifier": func(l *upstream.Login) { l.Verifier = w.newLogin().Verifier },
		"redirect": func(l *upstream.Login) { l.RedirectURI += "/" },
	} {
		w.enter(t, s)
		login := w.newLogin()
		landed := newBrowser(t, w).open(w.loginURL(t, login))
		change(&login)
		if _, err := w.adapter.LoginResult(t.Context(), landed.answer(), login); !errors.Is(err, upstream.ErrRefused) {
			t.Errorf("%s of another login: %v, want refused", name, err)
		}
	}
}

func TestASubjectWithoutALinkGetsNoAccount(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	w.enter(t, s)
	must(t, w.adapter.Abandon(t.Context(), s))
	address, _ := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	if p := newBrowser(t, w).open(address); p.code != http.StatusUnauthorized {
		t.Errorf("an abandoned way in answers %d at %s", p.code, p.url)
	}
}

func TestPrepareKeepsWhatWasDemandedBefore(t *testing.T) {
	w := realKeycloak(t)
	id := w.user(t, "alice")
	t.Cleanup(func() { w.user(t, "alice") })
	must(t, w.Admin(t.Context(), "PUT", "/users/"+id, map[string]any{"requiredActions": []string{"VERIFY_EMAIL"}}, nil))
	for range 2 {
		must(t, w.adapter.Prepare(t.Context(), id, []attest.Action{
			attest.ActionResetPassword, attest.ActionReplacePasskey, attest.ActionReplaceOTP,
		}))
	}
	var user struct {
		Email           string   `json:"email"`
		FirstName       string   `json:"firstName"`
		RequiredActions []string `json:"requiredActions"`
	}
	must(t, w.Admin(t.Context(), "GET", "/users/"+id, nil, &user))
	slices.Sort(user.RequiredActions)
	want := []string{"CONFIGURE_TOTP", "UPDATE_PASSWORD", "VERIFY_EMAIL", "webauthn-register-passwordless"}
	if !slices.Equal(user.RequiredActions, want) || user.Email != "alice@example.com" || user.FirstName != "Alice" {
		t.Errorf("after prepare %+v, want the actions %v and nothing else changed", user, want)
	}
}

func TestADemandThatTheRealmSwitchedOffIsNotTakenForMet(t *testing.T) {
	w := realKeycloak(t)
	const path = "/authentication/required-actions/UPDATE_PASSWORD"
	var action map[string]any
	must(t, w.Admin(t.Context(), "GET", path, nil, &action))
	action["enabled"] = false
	must(t, w.Admin(t.Context(), "PUT", path, action, nil))
	t.Cleanup(func() {
		action["enabled"] = true
		must(t, w.Admin(context.WithoutCancel(t.Context()), "PUT", path, action, nil))
		w.user(t, "alice")
	})
	s := w.recovery(t, attest.ActionResetPassword, attest.ActionSignIn)
	w.enter(t, s)
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	b := newBrowser(t, w)
	landed := b.open(address)
	if landed.code != 0 {
		t.Fatalf("held up at %s (%d)", landed.url, landed.code)
	}
	b.redeem(w, landed, verifier)
	if w.finish(t, s) {
		t.Error("finished, but nobody set a new password")
	}
	if w.linked(t, s.AccountID) {
		t.Error("the way in is still there")
	}
}

func TestASubjectThatTwoUsersHaveIsNoWayIn(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	bob := w.user(t, "bob")
	t.Cleanup(func() { w.user(t, "bob"); w.user(t, "alice") })
	must(t, w.Admin(t.Context(), "POST", "/users/"+bob+"/federated-identity/regrant",
		map[string]string{"userId": s.Subject, "userName": "bob"}, nil))
	if _, err := w.adapter.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("session: %v, want unavailable", err)
	}
}
