package keycloak_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	server "github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/oidc"
	"github.com/regrant/regrant/upstream/upstreamtest"
)

// These are tests of upstream/oidc: Keycloak as any other OpenID provider that brokers to the gateway. They are here because
// the server is.

// anyProvider is that adapter's configuration for the realm. The client that an operator registers for it has the scopes
// profile and email, which the realm's own for the gateway lacks.
func (w *world) anyProvider(t *testing.T) oidc.Config {
	t.Helper()
	cfg := oidc.Config{
		PublicURL: w.origin.URL + "/realms/" + w.Realm, ClientID: "gateway-of-any-provider", ClientSecret: "a-secret-of-the-gateway",
		BrokerRedirects: []string{w.origin.URL + "/realms/" + w.Realm + "/broker/" + server.Alias + "/endpoint"}, HTTPClient: w.origin.Client(),
	}
	must(t, w.Admin(t.Context(), "POST", "/clients", map[string]any{
		"clientId": cfg.ClientID, "secret": cfg.ClientSecret, "redirectUris": []string{w.origin.URL + "/recovery/login/callback"},
		"defaultClientScopes": []string{"basic", "acr", "profile", "email"},
	}, nil))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		path, err := w.ClientPath(ctx, cfg.ClientID)
		must(t, err)
		must(t, w.Admin(ctx, "DELETE", path, nil, nil))
	})
	return cfg
}

func TestTheAdapterForAnyProviderKeepsTheContractToo(t *testing.T) {
	w := realKeycloak(t)
	cfg := w.anyProvider(t)
	upstreamtest.Run(t, upstreamtest.Fixture{
		URL: w.URL,
		New: func(t testing.TB, address string) upstream.Adapter {
			cfg := cfg
			cfg.URL = address + "/realms/" + w.Realm
			a, err := oidc.New(cfg)
			must(t, err)
			return a
		},
		Alice:       w.person(t, "alice"),
		RedirectURI: w.origin.URL + "/recovery/login/callback",
		LogIn: func(t testing.TB, to string, l upstream.Login) upstream.Answer {
			b := newBrowser(t, w)
			landed := b.submit(b.open(to), url.Values{"username": {"alice"}, "password": {"alice-password"}})
			if landed.code != 0 || landed.url.Query().Get("state") != l.State {
				t.Fatalf("the browser is at %s (%d)", landed.url, landed.code)
			}
			return landed.answer()
		},
	})
}

// What stands between the gateway and an account without an administrative interface is the provider's own link.
func TestAStandingLinkLeadsIntoItsAccountAsLongAsThatIsEnabled(t *testing.T) {
	w := realKeycloak(t)
	id := w.user(t, "alice")
	must(t, w.Link(t.Context(), id, id))
	enable := func(yes bool) { must(t, w.SetEnabled(context.WithoutCancel(t.Context()), id, yes)) }
	t.Cleanup(func() {
		enable(true)
		w.user(t, "alice")
	})
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {server.Alias}})
	for range 2 { // it stays
		w.broker.present(id)
		b := newBrowser(t, w)
		b.redeem(w, b.open(address), verifier)
	}
	if online, _ := w.sessions(t, id); len(online) != 2 {
		t.Errorf("%d sessions, want one of each recovery: nobody ends the older one", len(online))
	}
	enable(false)
	w.broker.present(id)
	if p := newBrowser(t, w).open(address); p.code < http.StatusBadRequest {
		t.Errorf("a disabled account is answered %d at %s", p.code, p.url)
	}
}
