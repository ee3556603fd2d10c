package env

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/keycloak"
)

// startProvider starts the identity provider of the environment, with the addresses and secrets of c.
func startProvider(ctx context.Context, e *Env, c config) (Provider, error) {
	switch c.Kind {
	case Demo:
		return startDemo(ctx, e, c)
	case Kratos, KratosHydra:
		return startKratos(ctx, e, c)
	case Hydra:
		return startHydra(ctx, e, c)
	}
	dir := filepath.Join(c.Dir, "keycloak")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	server, err := keycloak.Start(ctx, keycloak.Options{
		Port: c.IdPPort, Origin: c.Origin, AppRedirectURI: c.App, TruststoreFile: e.CAFile, Dir: dir, Log: e.log,
		ClientSecret: c.ClientSecret, ProgramsSecret: c.ProgramsSecret, BrokerID: "keycloak-acme", BrokerSecret: c.BrokerSecret, Arguments: c.Keycloak,
	})
	if err != nil {
		return nil, err
	}
	if c.Bare {
		err = server.Plain(ctx, c.App, careful, append([]string{"alice", "bob"}, c.Users...)...)
	}
	return KeycloakProvider{server}, err
}

// careful is what a careful operator has in a realm besides what Keycloak makes.
var careful = map[string]any{"bruteForceProtected": true, "eventsEnabled": true, "adminEventsEnabled": true, "sslRequired": "external"}

func endpointsOf(e *Env) endpoints {
	switch e.Kind {
	case Demo:
		return endpoints{authorize: e.Origin + "/authorize", token: e.Origin + "/token"}
	case Hydra, KratosHydra:
		return endpoints{authorize: e.Origin + "/oauth2/auth", token: e.Origin + "/oauth2/token"}
	}
	k, ok := e.Provider.(KeycloakProvider)
	if !ok {
		return endpoints{} // no OpenID provider
	}
	base := e.Origin + "/realms/" + k.Server.Realm + "/protocol/openid-connect"
	return endpoints{authorize: base + "/auth", token: base + "/token", push: base + "/ext/par/request"}
}

// KeycloakProvider is a real Keycloak.
type KeycloakProvider struct{ Server *keycloak.Server }

// URL is Keycloak's own address.
func (k KeycloakProvider) URL() string { return k.Server.URL }

// Stop ends it.
func (k KeycloakProvider) Stop() { k.Server.Stop() }

// Sessions counts what the admin API lists.
func (k KeycloakProvider) Sessions(ctx context.Context, user string) (int, error) {
	id, err := k.Server.UserID(ctx, user)
	if err != nil {
		return 0, err
	}
	sessions, err := k.Server.Sessions(ctx, id)
	return len(sessions), err
}

// Links counts the federated identities that the admin API lists.
func (k KeycloakProvider) Links(ctx context.Context, user string) (int, error) {
	id, err := k.Server.UserID(ctx, user)
	if err != nil {
		return 0, err
	}
	links, err := k.Server.FederatedIdentities(ctx, id)
	return len(links), err
}

// demoProvider is the small identity provider of this repository, a process of its own.
type demoProvider struct {
	url     string
	process *child.Child
}

func startDemo(ctx context.Context, e *Env, c config) (Provider, error) {
	settings := map[string]any{
		"addr":   fmt.Sprintf("127.0.0.1:%d", c.IdPPort),
		"origin": c.Origin,
		"users":  c.Users,
		"broker": map[string]string{
			"issuer": e.Issuer + "/oidc", "client_id": "demo-idp", "client_secret_file": filepath.Join(c.Dir, "broker.secret"), "ca_file": e.CAFile,
		},
		"clients": []map[string]any{
			{"id": appClient, "redirect_uris": []string{c.App}},
			{"id": "regrant-gateway", "secret_file": filepath.Join(c.Dir, "client.secret"), "redirect_uris": []string{e.Issuer + "/login/callback"}},
		},
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(c.Dir, "demoidp.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	cmd := e.command("demoidp", "-config", file)
	cmd.Stdout, cmd.Stderr = e.log, e.log
	p, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	d := demoProvider{url: fmt.Sprintf("http://127.0.0.1:%d", c.IdPPort), process: p}
	err = p.Await(ctx, 30*time.Second, "the demo identity provider", func() bool {
		resp, err := http.Get(d.url + "/login")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil
	})
	return d, err
}

// URL is its own address.
func (d demoProvider) URL() string { return d.url }

// Stop ends it.
func (d demoProvider) Stop() { d.process.Stop() }

// Sessions asks the demo API.
func (d demoProvider) Sessions(ctx context.Context, user string) (int, error) {
	var sessions []json.RawMessage
	err := d.get(ctx, "/api/sessions?user="+url.QueryEscape(user), &sessions)
	return len(sessions), err
}

// Event is one thing that happened at a Demo provider.
type Event struct {
	Kind     string `json:"kind"` // "session" or "password"
	User     string `json:"user"` // id
	Recovery string `json:"recovery"`
}

// Events is all that happened at a Demo provider since it started.
func (e *Env) Events(ctx context.Context) (all []Event, err error) {
	return all, demoProvider{url: e.IdP}.get(ctx, "/api/events", &all)
}

func (d demoProvider) get(ctx context.Context, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(into)
}

// Links is always 0: this provider's link is part of its configuration.
func (d demoProvider) Links(context.Context, string) (int, error) { return 0, nil }
