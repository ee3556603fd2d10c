package story

import (
	"context"
	"net/url"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/kratos"
)

// idp is what differs between identity providers as the people of a story meet them.
type idp struct {
	account string // as alice types it
	user    string // the provider's own name of her
	subject string // stable id, where the provider cannot be asked

	arrives string // path at the gateway to which "Forgot password?" leads, below the issuer
	fails   string // path of the page that tells of errors with status 200; "": there is none
	cookie  string // of the provider's own session; "": it remembers nobody

	signIn func(ctx context.Context, b *browser.Browser, page *browser.Page, account, password string) (*browser.Page, error)

	// The next two are none where the provider knows no passwords.
	password  string // name of the field for a new password
	again     string // of the one to repeat it; "": there is none
	renew     func(ctx context.Context, b *browser.Browser, page *browser.Page, password string) (*browser.Page, error)
	spellings []string // of the provider's own way to reset a password
}

// idps are the kinds of identity provider that stories are told of.
func idps(e *env.Env) idp {
	switch e.Kind {
	case env.Demo:
		return idp{
			account: "alice@demo.example", user: "alice-0001", subject: "alice-0001",
			arrives: "/oidc/authorize", cookie: "__Host-demoidp",
			signIn: byName, password: "password-new", again: "password-confirm", renew: inForm("password"),
			spellings: []string{"/forgot", "/forgot/", "//forgot", "/%66orgot", "/forgot;x=y"},
		}
	case env.Kratos:
		return ofKratos
	case env.KratosHydra:
		k := ofKratos
		k.renew = inSettingsAndOnce
		return k
	case env.Hydra:
		return idp{
			account: "alice@example.com", user: "alice-0001", subject: "alice-0001",
			signIn:    byName,
			spellings: []string{"/ui/recovery", "/ui/recovery/", "/ui//recovery", "/ui/%72ecovery", "/ui/recovery;x=y", "/admin/clients", "/oauth2/../admin/clients"},
		}
	default:
		base := "/realms/" + keycloak.Realm + "/login-actions/"
		return idp{
			account: "alice@example.com", user: "alice",
			arrives: "/oidc/authorize", cookie: "KEYCLOAK_IDENTITY",
			signIn: byName, password: "password-new", again: "password-confirm", renew: inForm("required-action"),
			spellings: []string{
				base + "reset-credentials", base + "reset-credentials/", base + "%72eset-credentials", base + "/reset-credentials", base + "reset-credentials;x=y",
			},
		}
	}
}

// ofKratos is what is the same with and without a Hydra.
var ofKratos = idp{
	account: "alice@example.com", user: "alice@example.com", cookie: kratos.SessionCookie, fails: "/ui/error",
	signIn: byIdentifier, password: "password", renew: inSettings,
	spellings: []string{
		"/self-service/recovery/browser", "/self-service/recovery/browser/", "//self-service/recovery/browser", "/self-service/recovery/%62rowser",
		"/self-service/recovery/browser;x=y", "/self-service/recovery?flow=x&token=y", "/self-service/recovery/api", "/ui/recovery",
	},
}

func byName(ctx context.Context, b *browser.Browser, page *browser.Page, account, password string) (*browser.Page, error) {
	return b.Submit(ctx, page, "", url.Values{"username": {account}, "password": {password}})
}

func byIdentifier(ctx context.Context, b *browser.Browser, page *browser.Page, account, password string) (*browser.Page, error) {
	return b.SubmitWhere(ctx, page, "method", "password", url.Values{"identifier": {account}, "password": {password}})
}

// inForm is the provider's own form, which it shows before anything else.
func inForm(action string) func(context.Context, *browser.Browser, *browser.Page, string) (*browser.Page, error) {
	return func(ctx context.Context, b *browser.Browser, page *browser.Page, password string) (*browser.Page, error) {
		return b.Submit(ctx, page, action, url.Values{"password-new": {password}, "password-confirm": {password}})
	}
}

// inSettingsAndOnce is that page, and then Kratos has the password typed once more: whatever its session, it answers a login
// that Hydra asks it for with one made for it.
func inSettingsAndOnce(ctx context.Context, b *browser.Browser, page *browser.Page, password string) (*browser.Page, error) {
	page, err := inSettings(ctx, b, page, password)
	if err != nil {
		return nil, err
	}
	return b.SubmitWhere(ctx, page, "method", "password", url.Values{"password": {password}})
}

// inSettings is the page of somebody who is signed in.
func inSettings(ctx context.Context, b *browser.Browser, page *browser.Page, password string) (*browser.Page, error) {
	return b.SubmitWhere(ctx, page, "method", "password", url.Values{"password": {password}})
}
