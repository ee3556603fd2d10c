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

	offline bool // from which list it is: the id may be the same in both
}

func (s session) started() time.Time { return time.UnixMilli(s.Start) }

// many are more offline sessions at one client than are ended one by one.
const many = 100

// Revoke implements [upstream.Adapter]: the account is logged out everywhere,
// and what is then still listed is ended one by one, because logging out makes
// offline sessions stale without ending them and spares a token of the same
// second. A client at which there are many is ended as a whole, the account's
// consent to it with them: whoever has the password makes as many as he likes,
// and must not be able to hold a recovery up.
func (a *Adapter) Revoke(ctx context.Context, id string) error {
	if _, err := a.user(ctx, id); err != nil {
		return err
	}
	if err := a.api.send(ctx, http.MethodPost, "/users/"+id+"/logout", nil); err != nil {
		return upstream.CouldNotTell(err)
	}
	standing, err := a.sessions(ctx, id, "/sessions")
	if err != nil {
		return err
	}
	clients, err := a.offlineClients(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range clients {
		offline, err := a.offlineSessions(ctx, id, c)
		switch {
		case err != nil:
			return err
		case len(offline) > many:
			if err := a.endConsent(ctx, id, c); err != nil {
				return err
			}
		default:
			standing = append(standing, offline...)
		}
	}
	return a.end(ctx, id, standing)
}

// endConsent ends what an account has let a client do, which takes all its offline sessions there away.
func (a *Adapter) endConsent(ctx context.Context, id string, c client) error {
	err := a.api.send(ctx, http.MethodDelete, "/users/"+id+"/consents/"+url.PathEscape(c.ClientID), nil)
	if err != nil && !errors.Is(err, errNotFound) {
		return upstream.CouldNotTell(err)
	}
	return nil
}

// endOlder ends the sessions that began before a time of the server's clock.
func (a *Adapter) endOlder(ctx context.Context, id string, than time.Time) error {
	all, err := a.allSessions(ctx, id)
	if err != nil {
		return err
	}
	return a.end(ctx, id, slices.DeleteFunc(all, func(s session) bool { return !s.started().Before(than) }))
}

// end ends sessions of the account and reads back that they are gone. Others
// may have begun meanwhile: whoever signs in with the password all the time
// must not be able to hold a recovery up.
func (a *Adapter) end(ctx context.Context, id string, sessions []session) error {
	if len(sessions) == 0 {
		return nil
	}
	for _, s := range sessions {
		path := "/sessions/" + url.PathEscape(s.ID)
		if s.offline {
			path += "?isOffline=true"
		}
		if err := a.api.send(ctx, http.MethodDelete, path, nil); err != nil && !errors.Is(err, errNotFound) {
			return upstream.CouldNotTell(err)
		}
	}
	left, err := a.allSessions(ctx, id)
	if err == nil && slices.ContainsFunc(left, func(s session) bool { return slices.Contains(sessions, s) }) {
		err = fmt.Errorf("ending sessions: %w: some are left", upstream.ErrUnavailable)
	}
	return err
}

// allSessions lists the account's sessions, online and offline.
func (a *Adapter) allSessions(ctx context.Context, id string) ([]session, error) {
	online, err := a.sessions(ctx, id, "/sessions")
	if err != nil {
		return nil, err
	}
	clients, err := a.offlineClients(ctx, id)
	if err != nil {
		return nil, err
	}
	all := online
	for _, c := range clients {
		offline, err := a.offlineSessions(ctx, id, c)
		if err != nil {
			return nil, err
		}
		all = append(all, offline...)
	}
	return all, nil
}

// offlineClients are the clients that hold offline sessions of the account, which is told in the list of its consents.
func (a *Adapter) offlineClients(ctx context.Context, id string) ([]client, error) {
	type grant struct {
		Key string `json:"key"`
	}
	type consent struct {
		ClientID         string  `json:"clientId"`
		AdditionalGrants []grant `json:"additionalGrants"`
	}
	consents, err := list[consent](ctx, a.api, "/users/"+id+"/consents")
	if err != nil {
		return nil, upstream.CouldNotTell(err)
	}
	var all []client
	for _, c := range consents {
		if !slices.Contains(c.AdditionalGrants, grant{"Offline Token"}) {
			continue
		}
		clients, err := list[client](ctx, a.api, "/clients?clientId="+url.QueryEscape(c.ClientID))
		if err != nil {
			return nil, upstream.CouldNotTell(err)
		}
		if len(clients) != 1 || clients[0].ClientID != c.ClientID {
			return nil, fmt.Errorf("listing offline sessions: %w: client not found", upstream.ErrUnavailable)
		}
		all = append(all, clients[0])
	}
	return all, nil
}

// offlineSessions lists the account's offline sessions at one client.
func (a *Adapter) offlineSessions(ctx context.Context, id string, c client) ([]session, error) {
	some, err := a.sessions(ctx, id, "/offline-sessions/"+url.PathEscape(c.ID))
	for i := range some {
		some[i].offline = true
	}
	return some, err
}

// sessions reads one list of the account's sessions and checks that they are
// all the account's.
func (a *Adapter) sessions(ctx context.Context, id, kind string) ([]session, error) {
	sessions, err := list[session](ctx, a.api, "/users/"+id+kind)
	if err != nil {
		return nil, upstream.CouldNotTell(err)
	}
	if slices.ContainsFunc(sessions, func(s session) bool { return s.ID == "" || s.UserID != id }) {
		return nil, fmt.Errorf("listing sessions: %w: the answer is about somebody else", upstream.ErrUnavailable)
	}
	return sessions, nil
}
