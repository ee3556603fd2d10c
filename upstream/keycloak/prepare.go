package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// A replacement is how Keycloak carries out an action that gives a new
// credential.
type replacement struct {
	demand string // required action that makes the person set up the new one
	lost   string // type of the credential to delete afterwards; empty: overwritten
}

var replacements = map[attest.Action]replacement{
	attest.ActionResetPassword:  {demand: "UPDATE_PASSWORD"},
	attest.ActionReplacePasskey: {demand: "webauthn-register-passwordless", lost: "webauthn-passwordless"},
	attest.ActionReplaceOTP:     {demand: "CONFIGURE_TOTP", lost: "otp"},
}

// demandOf tells of a required action whether it is one that actions demand.
func demandOf(actions []attest.Action) func(string) bool {
	return func(demand string) bool {
		return slices.ContainsFunc(actions, func(a attest.Action) bool { return replacements[a].demand == demand })
	}
}

// Prepare implements [upstream.Adapter]. The lock of the brute-force
// protection goes, because it would refuse the brokered login, and anybody who
// knows the user name can cause it. A required action cannot be skipped, unlike
// one that the application asks for.
func (a *Adapter) Prepare(ctx context.Context, id string, actions []attest.Action) error {
	for _, action := range actions {
		if !slices.Contains(a.Facts().Actions, action) {
			return fmt.Errorf("preparing %s: %w", action, upstream.ErrUnsupported)
		}
	}
	u, err := a.user(ctx, id)
	if err != nil {
		return err
	}
	for _, action := range a.impossible(u) {
		if slices.Contains(actions, action) {
			return fmt.Errorf("preparing %s: %w: the account's store does not take it", action, upstream.ErrRefused)
		}
	}
	if err := a.demand(ctx, u, actions); err != nil {
		return err
	}
	return a.unlock(ctx, id) // last, since it may be locked again at any time
}

// demand sets the required actions of actions that u does not have.
func (a *Adapter) demand(ctx context.Context, u user, actions []attest.Action) error {
	missing := u.missingDemands(actions)
	if len(missing.add) == 0 {
		return nil
	}
	// Only this one member: a whole representation could overwrite a change
	// made meanwhile, and an empty attribute map wipes the e-mail address.
	change := map[string][]string{"requiredActions": append(missing.present, missing.add...)}
	if err := a.api.send(ctx, http.MethodPut, "/users/"+u.ID, change); err != nil {
		return upstream.CouldNotTell(err)
	}
	// A required action that the server does not know vanishes silently.
	u, err := a.user(ctx, u.ID)
	if err != nil {
		return err
	}
	if missing := u.missingDemands(actions).add; len(missing) > 0 {
		return fmt.Errorf("preparing: %w: the server does not take the required actions %v", upstream.ErrUnavailable, missing)
	}
	return nil
}

// unlock clears the brute-force lock and reads back that it is gone.
func (a *Adapter) unlock(ctx context.Context, id string) error {
	err := a.api.send(ctx, http.MethodDelete, lockPath(id), nil)
	if err != nil && !errors.Is(err, errNotFound) {
		return upstream.CouldNotTell(err)
	}
	locked, err := a.locked(ctx, id)
	if err == nil && locked {
		err = fmt.Errorf("unlocking: %w: still locked", upstream.ErrUnavailable)
	}
	return err
}

type demands struct{ present, add []string }

// missingDemands tells which required actions the user has, and which of the
// actions' are not among them.
func (u user) missingDemands(actions []attest.Action) demands {
	d := demands{present: u.RequiredActions}
	for _, action := range actions {
		demand := replacements[action].demand
		if demand != "" && !slices.Contains(u.RequiredActions, demand) {
			d.add = append(d.add, demand)
		}
	}
	return d
}
