package integration

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// Keycloak shows its own form for a new password before it makes the session. A form that was open when the device was
// revoked can still be sent; what comes of it must not last.
func TestAVetoWhileTheFormForANewPasswordIsOpenEndsTheSession(t *testing.T) {
	e := use(t, env.Keycloak)
	bob := newcomer(t, e)
	p := enrolled(t, e, bob)
	p.Wants = []string{"sign-in", "reset-password"}
	b, err := waiting(t.Context(), e)
	fatal(t, err)
	confirm, err := confirmation(t.Context(), b, e, p.handoff())
	fatal(t, err)
	form, err := b.Submit(t.Context(), confirm, "/continue", nil)
	fatal(t, err)
	if !strings.Contains(form.Body, "password-new") {
		t.Fatalf("no form for a new password: %d %q", form.Status, form.Title)
	}
	p.revoke()
	if _, ok := e.Hook.Await(time.Minute, func(n env.Notice) bool {
		return n.Type == "recovery-abandoned" && slices.Contains(n.Identifiers, bob) && strings.Contains(n.Text, "was stopped after its sign-in had begun")
	}); !ok {
		t.Fatal("the owner was not told that the recovery was stopped")
	}
	app, err := b.Submit(t.Context(), form, "required-action", url.Values{"password-new": {bob + "-password"}, "password-confirm": {bob + "-password"}}) // as others know it
	fatal(t, err)
	t.Logf("the form that was open leads to %d %q", app.Status, app.Text())
	until(t, 90*time.Second, "no session of bob is left", func() bool {
		n, err := e.Provider.Sessions(t.Context(), bob)
		fatal(t, err)
		return n == 0
	})
	// And the browser's cookie opens nothing any more.
	again, err := b.Open(t.Context(), e.App.URL+"/")
	fatal(t, err)
	if again.Status != http.StatusOK || strings.Contains(again.Text(), "Signed in") {
		t.Fatalf("the session lives: %q", again.Text())
	}
}
