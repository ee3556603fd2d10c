package keycloak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/regrant/regrant/upstream"
)

// session is what is read of Keycloak's UserSessionRepresentation.
type session struct {
	ID     string `json:"id"`
	UserID string `json:"userId"`
	Start  int64  `json:"start"` // milliseconds since 1970, whole seconds
}

func (s session) started() time.Time { return time.UnixMilli(s.Start) }

// Revoke implements [upstream.Adapter]: the account is logged out everywhere,
// then its offline sessions are deleted one by one, because logging out makes
// those stale without ending them and spares a token of the same second.
func (a *Adapter) Revoke(ctx context.Context, id string) error {
	if _, err := a.user(ctx, id); err != nil {
		return err
	}
	if err := a.api.send(ctx, http.MethodPost, "/users/"+id+"/logout", nil); err != nil {
		return couldNotTell(err)
	}
	offline, err := a.offlineSessions(ctx, id)
	if err != nil {
		return err
	}
	for _, s := range offline {
		err := a.api.send(ctx, http.MethodDelete, "/sessions/"+url.PathEscape(s.ID)+"?isOffline=true", nil)
		if err != nil && !errors.Is(err, errNotFound) {
			return couldNotTell(err)
		}
	}
	return a.signedOut(ctx, id)
}

// signedOut reads back that no session of any kind is left.
func (a *Adapter) signedOut(ctx context.Context, id string) error {
	online, err := a.sessions(ctx, id, "/sessions")
	if err != nil {
		return err
	}
	offline, err := a.offlineSessions(ctx, id)
	if err != nil {
		return err
	}
	if left := len(online) + len(offline); left > 0 {
		return fmt.Errorf("revoking: %w: %d sessions are left", upstream.ErrUnavailable, left)
	}
	return nil
}

// offlineSessions lists the account's offline sessions of all clients. Which
// clients hold one is told in the list of consents.
func (a *Adapter) offlineSessions(ctx context.Context, id string) ([]session, error) {
	type grant struct {
		Key string `json:"key"`
	}
	type consent struct {
		ClientID         string  `json:"clientId"`
		AdditionalGrants []grant `json:"additionalGrants"`
	}
	consents, err := list[consent](ctx, a.api, "/users/"+id+"/consents")
	if err != nil {
		return nil, couldNotTell(err)
	}
	var all []session
	for _, c := range consents {
		if !slices.Contains(c.AdditionalGrants, grant{"Offline Token"}) {
			continue
		}
		clients, err := list[client](ctx, a.api, "/clients?clientId="+url.QueryEscape(c.ClientID))
		if err != nil {
			return nil, couldNotTell(err)
		}
		if len(clients) != 1 || clients[0].ClientID != c.ClientID {
			return nil, fmt.Errorf("listing offline sessions: %w: client not found", upstream.ErrUnavailable)
		}
		some, err := a.sessions(ctx, id, "/offline-sessions/"+url.PathEscape(clients[0].ID))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// sessions reads one list of the account's sessions and checks that they are
// all the account's.
func (a *Adapter) sessions(ctx context.Context, id, kind string) ([]session, error) {
	sessions, err := list[session](ctx, a.api, "/users/"+id+kind)
	if err != nil {
		return nil, couldNotTell(err)
	}
	if slices.ContainsFunc(sessions, func(s session) bool { return s.ID == "" || s.UserID != id }) {
		return nil, fmt.Errorf("listing sessions: %w: the answer is about somebody else", upstream.ErrUnavailable)
	}
	return sessions, nil
}
