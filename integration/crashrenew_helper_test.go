package integration

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
)

// loses makes p need new credentials: the account has the ones that were lost, a second factor too, and is locked where it can be.
func (p *person) loses(ctx context.Context) error {
	first := p.password == ""
	p.password = cmp.Or(p.password, p.user+"-password")
	switch provider := p.e.Provider.(type) {
	case env.KeycloakProvider:
		id, err := provider.Server.UserID(ctx, p.user)
		if err == nil && first {
			err = provider.Server.AddOTP(ctx, id, "lost", time.Now().Add(-time.Hour))
		}
		if err != nil {
			return err
		}
		return provider.Server.BruteForceLock(ctx, p.user)
	case *env.KratosProvider:
		if !first {
			return nil
		}
		token, err := provider.Server.SignIn(ctx, p.account, p.password)
		if err == nil {
			_, err = provider.Server.EnrolTOTP(ctx, token)
		}
		if err == nil {
			_, err = provider.Server.EnrolLookupSecrets(ctx, token)
		}
		return err
	}
	return fmt.Errorf("nothing can be lost at %s", p.e.Kind)
}

// renewsInBrowser recovers in a browser and sets a new password and a new second factor. Nothing is left of it then but one session, and of
// what was lost nothing.
func (p *person) renewsInBrowser(ctx context.Context, c *crowd) (left func(), err error) {
	p.Wants = []string{"sign-in", "reset-password", "replace-otp"}
	token, b, page, err := p.isLetIn(ctx, c)
	if err != nil {
		return nil, err
	}
	lost, key := p.password, ""
	p.password = rand.Text()
	c.filling.RLock()
	if _, ok := p.e.Provider.(env.KeycloakProvider); ok {
		page, key, err = p.inKeycloaksForms(ctx, b, page)
	} else {
		page, err = p.inKratosSettings(ctx, b, page)
	}
	c.filling.RUnlock()
	if err == nil {
		err = p.isWelcome(page)
	}
	if err != nil {
		return nil, err
	}
	return func() {
		p.isDone(c, token, 1)
		p.hasRenewed(lost, key)
	}, nil
}

// inKeycloaksForms sets both in the forms that Keycloak shows before it makes a session, and returns the key of the second factor.
func (p *person) inKeycloaksForms(ctx context.Context, b *browser.Browser, page *browser.Page) (last *browser.Page, key string, err error) {
	for _, field := range []string{"totpSecret", "password-new"} {
		form := page.Form("required-action")
		if form == nil || !form.Values.Has(field) {
			return nil, "", fmt.Errorf("no form with %s: %d at %s: %q", field, page.Status, page.URL.Path, page.Text())
		}
		values := url.Values{"password-new": {p.password}, "password-confirm": {p.password}}
		if field == "totpSecret" {
			key = form.Values.Get(field)
			values = url.Values{"totp": {keycloak.OTPOf(key, time.Now())}, "userLabel": {fmt.Sprintf("phone %d", devices.Add(1))}}
		}
		if page, err = b.Submit(ctx, page, "required-action", values); err != nil {
			return nil, "", err
		}
	}
	return page, key, nil
}

// kratosKey is how Kratos' settings show the key of a second factor that is to be set up: they do as long as there is none.
var kratosKey = regexp.MustCompile(`[A-Z2-7]{32}`)

// inKratosSettings sets both in the settings that the recovery led to, and look-up codes besides.
func (p *person) inKratosSettings(ctx context.Context, b *browser.Browser, page *browser.Page) (last *browser.Page, err error) {
	if _, err = b.SubmitWhere(ctx, page, "method", "password", url.Values{"password": {p.password}}); err != nil {
		return nil, err
	}
	settings := p.e.Origin + "/ui/settings"
	if page, err = b.Open(ctx, settings); err != nil {
		return nil, err
	}
	code, err := kratos.OTP(kratosKey.FindString(page.Text()), time.Now())
	if err != nil {
		return nil, fmt.Errorf("at %s: %q: %w", page.URL.Path, page.Text(), err)
	}
	if _, err = b.SubmitWhere(ctx, page, "method", "totp", url.Values{"totp_code": {code}}); err != nil {
		return nil, err
	}
	if page, err = b.Open(ctx, settings); err != nil {
		return nil, err
	}
	for _, button := range []string{"lookup_secret_regenerate", "lookup_secret_confirm"} {
		if page, err = b.SubmitWhere(ctx, page, button, "true", nil); err != nil {
			return nil, err
		}
	}
	return b.Open(ctx, p.e.Origin+"/ui/")
}

// hasRenewed demands that p signs in with what he has set, and nobody with what was lost.
func (p *person) hasRenewed(lost, key string) {
	p.t.Helper()
	switch provider := p.e.Provider.(type) {
	case env.KeycloakProvider:
		p.hasRenewedAtKeycloak(provider.Server, lost, key)
	case *env.KratosProvider:
		ctx := p.t.Context()
		i, err := provider.Server.Identity(ctx, provider.ID(p.account))
		fatal(p.t, err)
		if i.Credentials["totp"] == nil || i.Credentials["lookup_secret"] == nil {
			p.t.Errorf("%s has no second factor: %v", p.user, i.Credentials)
		}
		if _, err := provider.Server.SignIn(ctx, p.account, p.password); err != nil {
			p.t.Errorf("%s, with the new password: %v", p.user, err)
		}
		if _, err := provider.Server.SignIn(ctx, p.account, lost); !kratos.Refused(err, http.StatusBadRequest) {
			p.t.Errorf("%s, with the old password: %v", p.user, err)
		}
	}
}

// hasRenewedAtKeycloak demands it, and that nothing is asked for any more.
func (p *person) hasRenewedAtKeycloak(server *keycloak.Server, lost, key string) {
	p.t.Helper()
	ctx := p.t.Context()
	id, err := server.UserID(ctx, p.user)
	fatal(p.t, err)
	var user struct {
		RequiredActions []string `json:"requiredActions"`
	}
	fatal(p.t, server.Admin(ctx, "GET", "/users/"+id, nil, &user))
	var credentials []struct {
		Type string `json:"type"`
	}
	fatal(p.t, server.Admin(ctx, "GET", "/users/"+id+"/credentials", nil, &credentials))
	has := map[string]int{}
	for _, c := range credentials {
		has[c.Type]++
	}
	if len(user.RequiredActions) > 0 || len(credentials) != 2 || has["password"] != 1 || has["otp"] != 1 {
		p.t.Errorf("%s has %v, and %v is asked for", p.user, has, user.RequiredActions)
	}
	signsIn := func(password string) error { // with the next code, which is not the one that may just have set the factor up
		_, err := server.TokenByBoth(ctx, "admin-cli", p.user, password, keycloak.OTPOf(key, time.Now().Add(30*time.Second)))
		return err
	}
	if err := signsIn(lost); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		p.t.Errorf("%s, with the old password: %v", p.user, err)
	}
	// With the same code: it was the old password that was refused. It counts as a guess, soon after those of [keycloak.Server.BruteForceLock], so
	// that the account may be locked; Keycloak looks at no code then.
	until(p.t, 30*time.Second, p.user+" signs in with what is new", func() bool {
		fatal(p.t, server.Admin(ctx, "DELETE", "/attack-detection/brute-force/users/"+id, nil, nil))
		return signsIn(p.password) == nil
	})
}
