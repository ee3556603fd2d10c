package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// user is what is read of Keycloak's UserRepresentation.
type user struct {
	ID              string   `json:"id"`
	Username        string   `json:"username"`
	Email           string   `json:"email"`
	Enabled         *bool    `json:"enabled"`
	RequiredActions []string `json:"requiredActions"`
	FederationLink  string   `json:"federationLink"` // id of the store that the user comes from
}

// account lists every name by which Keycloak lets the person sign in.
func (u user) account() upstream.Account {
	identifiers := []string{u.Username}
	if u.Email != "" && u.Email != u.Username {
		identifiers = append(identifiers, u.Email)
	}
	return upstream.Account{ID: u.ID, Identifiers: identifiers}
}

// Resolve implements [upstream.Adapter]. User name and e-mail address are both
// asked for, since one person's name can be another one's address.
func (a *Adapter) Resolve(ctx context.Context, identifier string) (upstream.Account, error) {
	if identifier == "" {
		return upstream.Account{}, upstream.ErrNoAccount
	}
	same := func(known string) bool { return strings.EqualFold(known, identifier) }
	var found *user
	for _, field := range []string{"username", "email"} {
		users, err := list[user](ctx, a.api, "/users?exact=true&"+field+"="+url.QueryEscape(identifier))
		if err != nil {
			return upstream.Account{}, upstream.CouldNotTell(err)
		}
		for _, u := range users {
			if u.ID == "" || !slices.ContainsFunc(u.account().Identifiers, same) {
				return upstream.Account{}, fmt.Errorf("resolving: %w: somebody else was found", upstream.ErrUnavailable)
			}
			if found != nil && found.ID != u.ID {
				return upstream.Account{}, upstream.ErrAmbiguous
			}
			found = &u
		}
	}
	if found == nil {
		return upstream.Account{}, upstream.ErrNoAccount
	}
	return found.account(), nil
}

// State implements [upstream.Adapter].
func (a *Adapter) State(ctx context.Context, id string) (upstream.State, error) {
	u, err := a.user(ctx, id)
	if err != nil {
		return upstream.State{}, err
	}
	privilege, err := a.privilege(ctx, id)
	if err != nil {
		return upstream.State{}, err
	}
	return upstream.State{Account: u.account(), Enabled: *u.Enabled, Privilege: privilege, Impossible: a.impossible(u)}, nil
}

// impossible is a new password for a user from elsewhere, unless the operator
// says that it can be set: Keycloak tells nobody who may not manage the realm
// whether that store is read-only, and refuses only when the person has filled in
// the form. Every other credential is Keycloak's own.
func (a *Adapter) impossible(u user) []attest.Action {
	if u.FederationLink == "" || a.federated {
		return nil
	}
	return []attest.Action{attest.ActionResetPassword}
}

// user reads one user and checks that the answer is about that one.
func (a *Adapter) user(ctx context.Context, id string) (user, error) {
	if !upstream.Segment(id) {
		return user{}, upstream.ErrNoAccount
	}
	var u user
	err := a.api.get(ctx, "/users/"+id, &u)
	if errors.Is(err, errNotFound) {
		return user{}, upstream.ErrNoAccount
	}
	if err != nil {
		return user{}, err
	}
	if u.ID != id || u.Username == "" || u.Enabled == nil {
		return user{}, fmt.Errorf("reading the user: %w: the answer is about somebody else", upstream.ErrUnavailable)
	}
	return u, nil
}

// locked tells whether brute-force protection keeps the user out.
func (a *Adapter) locked(ctx context.Context, id string) (bool, error) {
	var status struct {
		Disabled *bool `json:"disabled"`
	}
	if err := a.api.get(ctx, lockPath(id), &status); err != nil {
		return false, upstream.CouldNotTell(err)
	}
	if status.Disabled == nil {
		return false, fmt.Errorf("reading the lock: %w: it is not in the answer", upstream.ErrUnavailable)
	}
	return *status.Disabled, nil
}

func lockPath(id string) string { return "/attack-detection/brute-force/users/" + id }

// role is what is read of Keycloak's RoleRepresentation.
type role struct {
	Name string `json:"name"`
}

// privilege looks at every role that the user holds, through groups and
// composite roles too: any role of the realm's administration is power over
// others. Roles that may not be read could be those.
func (a *Adapter) privilege(ctx context.Context, id string) (upstream.Privilege, error) {
	mappings := "/users/" + id + "/role-mappings"
	clients, err := list[client](ctx, a.api, "/clients?clientId=realm-management")
	if err == nil && len(clients) != 1 {
		return upstream.PrivilegeUnknown, nil // clients that may not be seen are left out of the list
	}
	var administrative, realm []role
	if err == nil {
		administrative, err = list[role](ctx, a.api, mappings+"/clients/"+url.PathEscape(clients[0].ID)+"/composite")
	}
	if err == nil {
		realm, err = list[role](ctx, a.api, mappings+"/realm/composite")
	}
	switch {
	case errors.Is(err, errForbidden):
		return upstream.PrivilegeUnknown, nil
	case err != nil:
		return upstream.PrivilegeUnknown, upstream.CouldNotTell(err)
	case len(administrative) > 0 || slices.ContainsFunc(realm, a.privilegedRole):
		return upstream.PrivilegePrivileged, nil
	}
	return upstream.PrivilegeOrdinary, nil
}

func (a *Adapter) privilegedRole(r role) bool { return slices.Contains(a.privilegedRoles, r.Name) }

// client is what is read of Keycloak's ClientRepresentation.
type client struct {
	ID       string `json:"id"`
	ClientID string `json:"clientId"`
}
