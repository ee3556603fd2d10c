package keycloak_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
)

// byPassword is bob's answer to a login of his own with his password.
func (w *world) byPassword(t *testing.T, login upstream.Login) (*browser, page) {
	t.Helper()
	b := newBrowser(t, w)
	return b, b.submit(b.open(w.loginURL(t, login)), url.Values{"username": {"bob"}, "password": {"bob-password"}})
}

func (w *world) ownLogin(acr ...string) upstream.Login {
	login := w.newLogin()
	login.Recovery, login.ACR = false, acr
	return login
}

func TestALoginTellsWhatTheAccountsCredentialsReach(t *testing.T) {
	w := realKeycloak(t)
	bob := w.user(t, "bob")
	for kind, want := range map[string]upstream.Assurance{
		"":                      {},
		"otp":                   {AAL: upstream.AAL2},
		"webauthn":              {AAL: upstream.AAL2, PhishingResistant: true},
		"webauthn-passwordless": {AAL: upstream.AAL2, PhishingResistant: true},
		"recovery-authn-codes":  {AAL: upstream.AAL2},
	} {
		t.Run(kind, func(t *testing.T) {
			if kind != "" {
				must(t, w.AddCredential(t.Context(), bob, map[string]any{
					"type": kind, "createdDate": time.Now().UnixMilli(), "secretData": "{}", "credentialData": "{}",
				}))
				t.Cleanup(func() { w.removeCredentials(t, bob, kind) })
			}
			login := w.ownLogin()
			_, landed := w.byPassword(t, login)
			who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login)
			must(t, err)
			if who.Best != want || who.ACR != "1" {
				t.Errorf("%+v, want that the account reaches %+v", who, want)
			}
		})
	}
}

func TestASecondFactorIsAskedForByItsClass(t *testing.T) {
	w := realKeycloak(t)
	bob := w.user(t, "bob")
	w.addOTP(t, bob, "phone", time.Now())
	t.Cleanup(func() { w.removeOTPs(t, bob) })
	login := w.ownLogin("gold")
	b, form := w.byPassword(t, login)
	landed := b.submit(form, url.Values{"otp": {server.OTP(time.Now())}})
	who, err := w.adapter.LoginResult(t.Context(), landed.answer(), login)
	must(t, err)
	if who.ACR != "gold" || who.Best.AAL != upstream.AAL2 {
		t.Errorf("%+v, want a sign-in of class gold", who)
	}
}

// What the account has is not known then, and nobody is let in with less than it has.
func TestNobodySignsInWhoseCredentialsCannotBeTold(t *testing.T) {
	w := realKeycloak(t)
	w.user(t, "bob")
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"an error": {http.StatusInternalServerError, `{"error":"unknown_error"}`}, "no permission": {http.StatusForbidden, `{"error":"HTTP 403 Forbidden"}`},
		"nobody": {http.StatusNotFound, `{"error":"User not found"}`}, "null": {http.StatusOK, "null"}, "no list": {http.StatusOK, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.through(t, func(r *http.Request) (*http.Response, error) {
				if !strings.HasSuffix(r.URL.Path, "/credentials") {
					return http.DefaultTransport.RoundTrip(r)
				}
				return &http.Response{
					StatusCode: answer.status, Header: http.Header{"Content-Type": {"application/json"}},
					Body: io.NopCloser(strings.NewReader(answer.body)), Request: r,
				}, nil
			})
			login := w.ownLogin()
			_, landed := w.byPassword(t, login)
			if who, err := a.LoginResult(t.Context(), landed.answer(), login); !errors.Is(err, upstream.ErrUnavailable) {
				t.Errorf("%+v, %v, want unavailable", who, err)
			}
		})
	}
}

func (w *world) removeCredentials(t *testing.T, id, kind string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, c := range w.credentials(t, id, kind) {
		must(t, w.Admin(ctx, "DELETE", "/users/"+id+"/credentials/"+c, nil, nil))
	}
}
