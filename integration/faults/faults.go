// Package faults plants in a running deployment what `caddy regrant doctor` has to find.
package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/doctor"
)

// Planted is what the doctor has to say, by its checks.
type Planted map[string]doctor.Status

// found adds checks that have to end like that.
func (p Planted) found(status doctor.Status, checks ...string) {
	for _, id := range checks {
		p[id] = status
	}
}

// Plant weakens a deployment in front of Keycloak, Kratos or Hydra and tells what is to be found. Release ends what listens for it.
func Plant(ctx context.Context, e *env.Env) (planted Planted, release func(), err error) {
	p := Planted{}
	var admin string
	var listening exposed
	switch provider := e.Provider.(type) {
	case env.KeycloakProvider:
		admin = "127.0.0.1:1" // it has none at an address of its own
		err = p.keycloak(ctx, e, provider.Server, &listening)
	case *env.KratosProvider:
		admin = provider.Server.AdminURL
		err = p.kratos(ctx, e, provider, &listening)
	case *env.HydraProvider:
		admin = provider.Server.AdminURL
		err = p.hydra(ctx, e, provider, &listening)
	default:
		err = fmt.Errorf("nobody knows how to weaken %s", e.Kind)
	}
	if err == nil {
		err = p.everywhere(ctx, e, admin)
	}
	if err != nil {
		listening.end()
		return nil, nil, err
	}
	return p, listening.end, nil
}

// everywhere plants what does not depend on the identity provider.
func (p Planted) everywhere(ctx context.Context, e *env.Env, admin string) error {
	if err := os.Chmod(filepath.Join(e.Dir, "hook.secret"), 0o644); err != nil { //nolint:gosec // that others can read it is the fault
		return err
	}
	weaken, err := sites(e, admin)
	if err != nil {
		return err
	}
	p.found(doctor.StatusFail,
		"caddy-admin-listen", "route-unguarded", "route-matcher", "route-order", "route-rewrite", "site-plain-http", "trusted-proxies", "log-credentials",
		"secret-files", "notifier-reachable", "issuer", "idp-cookies", "path-variants")
	p.found(doctor.StatusWarn, "trusted-proxies-strict", "log-debug")
	return e.Configure(ctx, weaken)
}
