package env

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regrant/regrant/integration/hydra"
	"github.com/regrant/regrant/integration/postgres"
	"github.com/regrant/regrant/integration/selfservice"
)

// HydraProvider is a real Hydra on PostgreSQL, with a login app that has users of its own: alice and bob at example.com.
type HydraProvider struct {
	Server *hydra.Server

	state *postgres.Server
	ui    *selfservice.App
}

func startHydra(ctx context.Context, e *Env, c config) (_ Provider, err error) {
	h := &HydraProvider{}
	defer func() {
		if err != nil {
			h.Stop()
		}
	}()
	if h.state, err = postgres.Start(ctx, c.StatePort, e.log, "hydra"); err != nil {
		return nil, err
	}
	if h.Server, err = runHydra(ctx, e, c, h.state, [2]int{c.IdPPort, c.AdminPort}); err != nil {
		return nil, err
	}
	if !c.Bare {
		if err := h.Server.RegisterGateway(ctx, "regrant-gateway", c.ClientSecret, e.Issuer+"/login/callback"); err != nil {
			return nil, err
		}
	}
	if !c.Bare && !c.NoGrant {
		if err := h.Server.RegisterPrograms(ctx, "regrant-programs", c.ProgramsSecret); err != nil {
			return nil, err
		}
	}
	var users []selfservice.User
	for _, name := range append([]string{"alice", "bob"}, c.Users...) {
		users = append(users, selfservice.User{ID: subject(name), Name: name + "@example.com", Password: name + "-password"})
	}
	h.ui, err = selfservice.Start(selfservice.Options{
		Address: fmt.Sprintf("127.0.0.1:%d", c.UIPort), Origin: c.Origin, Hydra: h.Server.AdminURL,
		Clients: []string{appClient, "regrant-gateway"}, Users: users,
	})
	return h, err
}

// subject is what Hydra calls one of the login app's users.
func subject(name string) string { return name + "-0001" }

// runHydra starts Hydra behind the gateway, with the application as its client.
func runHydra(ctx context.Context, e *Env, c config, state *postgres.Server, ports [2]int) (*hydra.Server, error) {
	dir := filepath.Join(c.Dir, "hydra")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s, err := hydra.Start(ctx, hydra.Options{
		Program: filepath.Join(e.Bin, "hydra"), Dir: dir, DSN: state.URL("hydra"), Ports: ports, Issuer: c.Origin, Log: e.log, Extra: cmp.Or(c.Hydra, "{}"), Dev: c.HydraDev,
		Login: c.Origin + "/ui/login", Consent: c.Origin + "/ui/consent", Logout: c.Origin + "/ui/logout",
	})
	if err != nil {
		return nil, err
	}
	if err := s.Register(ctx, appClient, c.App); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// URL is the public API's own address.
func (h *HydraProvider) URL() string { return h.Server.PublicURL }

// Stop ends it.
func (h *HydraProvider) Stop() {
	if h.ui != nil {
		h.ui.Stop()
	}
	if h.Server != nil {
		h.Server.Stop()
	}
	if h.state != nil {
		h.state.Stop()
	}
}

// Sessions counts the consents of a subject, which are all that the admin API lists.
func (h *HydraProvider) Sessions(ctx context.Context, subject string) (int, error) {
	consents, err := h.Server.Consents(ctx, subject)
	return len(consents), err
}

// Links is always 0: nobody is linked here.
func (h *HydraProvider) Links(context.Context, string) (int, error) { return 0, nil }
