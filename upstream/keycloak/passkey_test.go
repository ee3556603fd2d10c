package keycloak_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
)

// Keycloak's own form makes the new one in TestALostPasskeyOfKeycloaksIsReplacedInItsOwnForm.
func TestTheLostPasskeyGoesOnlyWhenANewOneIsThere(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionReplacePasskey, attest.ActionSignIn)
	lost := w.addPasskey(t, s.AccountID, "lost", s.GrantedAt.Add(-time.Hour))
	t.Cleanup(func() { w.removeCredentials(t, s.AccountID, passwordless); w.removeOTPs(t, s.AccountID) })
	otp := w.addOTP(t, s.AccountID, "not lost", s.GrantedAt.Add(-time.Hour))
	w.enter(t, s)
	b := newBrowser(t, w)
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	form := b.open(address)
	if form.code != http.StatusOK || !strings.Contains(form.body, `id="registerWebAuthn"`) {
		t.Fatalf("no form for a new passkey at %s (%d)", form.url, form.code)
	}
	keeps := func(when string) {
		t.Helper()
		done, left := w.finish(t, s), w.credentials(t, s.AccountID, passwordless)
		if done || !slices.Equal(left, []string{lost}) {
			t.Fatalf("%s: done %v, passkeys left %v, want %s", when, done, left, lost)
		}
	}
	keeps("while the form is open")

	// The person's login shows, but no new passkey was registered.
	must(t, w.Admin(t.Context(), http.MethodPut, "/users/"+s.AccountID, map[string]any{"requiredActions": []string{}}, nil))
	b.redeem(w, b.open(address), verifier)
	keeps("before a new one is there")
	if w.linked(t, s.AccountID) {
		t.Error("the way in waits for the new passkey")
	}
	fresh := w.addPasskey(t, s.AccountID, "new", s.GrantedAt.Add(time.Second))
	if !w.finish(t, s) {
		t.Error("not finished although the new passkey is there")
	}
	if left := w.credentials(t, s.AccountID, passwordless); !slices.Equal(left, []string{fresh}) {
		t.Errorf("passkeys left %v, want %s", left, fresh)
	}
	if left := w.otps(t, s.AccountID); !slices.Equal(left, []string{otp}) {
		t.Errorf("one-time password factors left %v, want %s", left, otp)
	}
}
