package env

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/keycloak"
)

// secondRealm is the name of the other realm of a Keycloak.
const secondRealm = "second"

// Second gives the gateway of a running environment one more upstream, whose people have the same names. In front of Keycloak it is
// another realm of it. In front of Demo it is a demo identity provider of its own at https://127.0.0.1, which is the second's
// site. Its issuer is below path at the site of the first, or, if path is empty, at its own site. What is returned
// is the environment as the people of the second see it; e stays that of the first, and ends both.
func (e *Env) Second(ctx context.Context, path string) (*Env, error) {
	app, listener, err := startApp(appClient)
	if err != nil {
		return nil, err
	}
	s := *e
	s.second, s.Provider, s.App, e.second = nil, nil, app, &s
	c := config{Dir: filepath.Join(e.Dir, "second"), Kind: e.Kind, App: app.CallbackURL(), ClientSecret: random(), BrokerSecret: random()}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := c.writeSecrets(); err != nil {
		return nil, err
	}
	join := s.joinDemo
	if e.Kind == Keycloak {
		join = s.joinKeycloak
	}
	if err := join(ctx, e, c, path); err != nil {
		return nil, err
	}
	s.IdP = s.Provider.URL()
	app.serve(listener, endpointsOf(&s), s.Client)
	return &s, nil
}

// joinKeycloak makes e that of another realm of the first's Keycloak.
func (e *Env) joinKeycloak(ctx context.Context, first *Env, c config, path string) error {
	e.Issuer = first.Origin + path
	first.Upstream, e.Upstream = "keycloak-"+keycloak.Realm, "keycloak-"+secondRealm
	upstream := fmt.Sprintf(`upstream keycloak %s {
			realm %s
			path %s
			client regrant-gateway {file.%[4]s/client.secret}
			broker_client keycloak-second {file.%[4]s/broker.secret}
			acr gold aal2
		}`, first.IdP, secondRealm, path, c.Dir)
	if err := first.Configure(ctx, func(text string) string { return adding(text, upstream) }); err != nil {
		return err
	}
	server, err := first.Provider.(KeycloakProvider).Server.SecondRealm(ctx, secondRealm, keycloak.Options{
		Origin: first.Origin, Path: path, AppRedirectURI: c.App,
		ClientSecret: c.ClientSecret, BrokerID: "keycloak-second", BrokerSecret: c.BrokerSecret,
	})
	if err != nil {
		return err
	}
	e.Provider = KeycloakProvider{server}
	return nil
}

// joinDemo makes e that of another demo identity provider.
func (e *Env) joinDemo(ctx context.Context, first *Env, c config, path string) error {
	ports, err := keycloak.FreePorts(1)
	if err != nil {
		return err
	}
	e.Origin = strings.Replace(first.Origin, "localhost", "127.0.0.1", 1)
	c.Origin, c.IdPPort = e.Origin, ports[0]
	at := e.Origin + " /recovery"
	if path != "" {
		at = first.Origin + " " + path
	}
	e.Issuer = strings.Replace(at, " ", "", 1)
	first.Upstream, e.Upstream = demoUpstream(first.Origin), demoUpstream(e.Origin)
	upstream := fmt.Sprintf(`upstream oidc %[1]s {
			issuer %[2]s
			client regrant-gateway {file.%[3]s/client.secret}
			broker_client demo-idp {file.%[3]s/broker.secret}
			broker_redirect %[1]s/callback
			assume_unprivileged risk_analysis RA-DEMO-2
			trust_pool pki_root local
		}`, e.Origin, at, c.Dir)
	site := fmt.Sprintf("\n%s {\n\ttls internal\n\tregrant\n\treverse_proxy 127.0.0.1:%d\n}\n", e.Origin, c.IdPPort)
	if err := first.Configure(ctx, func(text string) string { return adding(text, upstream) + site }); err != nil {
		return err
	}
	if e.Provider, err = startProvider(ctx, e, c); err != nil {
		return err
	}
	return e.awaitCertificate(ctx)
}

// awaitCertificate returns once Caddy, which makes it beside serving, has the certificate of a new site.
func (e *Env) awaitCertificate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Origin+"/login", nil)
		if err != nil {
			return err
		}
		resp, err := e.Client.Do(r)
		if err == nil {
			return resp.Body.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the certificate of %s: %w", e.Origin, err)
		}
	}
}

// adding adds an upstream to a Caddyfile, behind the first.
func adding(caddyfile, upstream string) string {
	return strings.Replace(caddyfile, "\t\tmethod ", "\t\t"+upstream+"\n\t\tmethod ", 1)
}

// demoUpstream is what the gateway calls the demo identity provider at origin.
func demoUpstream(origin string) string {
	return "oidc-" + strings.Replace(strings.TrimPrefix(origin, "https://"), ":", "_", 1)
}

// stopPeople ends what the people of an environment see. The gateway is not theirs alone.
func (e *Env) stopPeople() {
	if e == nil {
		return
	}
	if e.Provider != nil {
		e.Provider.Stop()
	}
	if e.App != nil {
		e.App.stop()
	}
}
