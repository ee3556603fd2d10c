package keycloak

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/regrant/regrant/upstream"
)

// credential is what is read of Keycloak's CredentialRepresentation.
type credential struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	CreatedDate int64  `json:"createdDate"` // milliseconds since 1970
}

// reached is what an account that has a credential of a type reaches with it, at
// least. One for a second factor is never alone: the realm's flows ask for it
// after the first. WebAuthn cannot be phished, whichever factor it is. Other
// types say nothing about the account.
var reached = map[string]upstream.Assurance{
	"otp":                   {AAL: upstream.AAL2},
	"recovery-authn-codes":  {AAL: upstream.AAL2},
	"webauthn":              {AAL: upstream.AAL2, PhishingResistant: true},
	"webauthn-passwordless": {AAL: upstream.AAL2, PhishingResistant: true},
}

// best is what the account's credentials reach at least. Those that a user
// federation keeps to itself are not listed: the account may reach more.
func (a *Adapter) best(ctx context.Context, id string) (best upstream.Assurance, err error) {
	credentials, err := list[credential](ctx, a.api, "/users/"+id+"/credentials")
	if err != nil {
		return upstream.Assurance{}, upstream.CouldNotTell(err)
	}
	for _, c := range credentials {
		best = best.With(reached[c.Type])
	}
	return best, nil
}

// removeLost deletes the credentials that the recovery replaced and reports
// whether none is left. What was there before the recovery is lost only once
// a new one of its kind is there: nobody is left without. From an account that
// was switched off meanwhile nothing is taken until it is switched on again.
func (a *Adapter) removeLost(ctx context.Context, u user, s upstream.Session) (bool, error) {
	lost, replaced, err := a.lost(ctx, s)
	if err != nil || len(lost) == 0 || !*u.Enabled {
		return err == nil && len(lost) == 0, err
	}
	for _, c := range lost {
		if !replaced[c.Type] {
			continue
		}
		err := a.api.send(ctx, http.MethodDelete, "/users/"+s.AccountID+"/credentials/"+url.PathEscape(c.ID), nil)
		if err != nil && !errors.Is(err, errNotFound) {
			return false, upstream.CouldNotTell(err)
		}
	}
	lost, _, err = a.lost(ctx, s)
	return err == nil && len(lost) == 0, err
}

// lost lists the credentials older than the grant of the kinds that s replaces,
// and tells for which of these kinds a newer one is there.
func (a *Adapter) lost(ctx context.Context, s upstream.Session) (old []credential, replaced map[string]bool, err error) {
	credentials, err := list[credential](ctx, a.api, "/users/"+s.AccountID+"/credentials")
	if err != nil {
		return nil, nil, upstream.CouldNotTell(err)
	}
	kinds := make(map[string]bool)
	for _, action := range s.Actions {
		kinds[replacements[action].lost] = true
	}
	replaced = make(map[string]bool)
	for _, c := range credentials {
		switch {
		case !kinds[c.Type] || c.Type == "":
		case time.UnixMilli(c.CreatedDate).Before(s.GrantedAt):
			old = append(old, c)
		default:
			replaced[c.Type] = true
		}
	}
	return old, replaced, nil
}
