package integration

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// adds asks for new recovery codes, and for the page of that.
func (v *visitor) adds(in *browser.Page) *browser.Page {
	v.t.Helper()
	page, err := v.Submit(v.t.Context(), in, "/authenticators/device-certificate/begin", nil)
	fatal(v.t, err)
	return page
}

// The gateway has seen no better sign-in of the account than by its password, which somebody may have phished.
func TestAPasswordAloneBindsNothingToAnAccountWithASecondFactor(t *testing.T) {
	e := use(t, env.Keycloak)
	bindsByBothFactors(t, e, newcomer(t, e))
}

// bindsByBothFactors gives olivia a second factor, which her sign-in then needs.
func bindsByBothFactors(t *testing.T, e *env.Env, olivia string) {
	t.Helper()
	server := e.Provider.(env.KeycloakProvider).Server
	id, err := server.UserID(t.Context(), olivia)
	fatal(t, err)
	v := newVisitor(t, e)
	in := v.signs(v.begins(), olivia)
	v.wantIn(in, olivia)
	if page := v.adds(in); page.Status != http.StatusOK {
		t.Fatalf("before there is a second factor: %d %s", page.Status, page.Text())
	}
	fatal(t, server.AddOTP(t.Context(), id, "phone", time.Now()))

	v = newVisitor(t, e)
	in = v.signs(v.begins(), olivia)
	v.wantIn(in, olivia)
	refused := v.adds(in)
	if refused.Status != http.StatusForbidden || !strings.Contains(refused.Text(), "has a second factor") {
		t.Fatalf("by the password alone: %d %s", refused.Status, refused.Text())
	}
	again, err := v.Submit(t.Context(), refused, "/login", nil)
	fatal(t, err)
	second, err := v.Submit(t.Context(), v.signs(again, olivia), "", url.Values{"otp": {keycloak.OTP(time.Now())}})
	fatal(t, err)
	v.wantIn(second, olivia)
	if page := v.adds(second); page.Status != http.StatusOK {
		t.Errorf("by both: %d %s", page.Status, page.Text())
	}
}
