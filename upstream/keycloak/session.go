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

// linkLasts is how long a link stands after the broker's code was redeemed, if
// no login shows. Keycloak has read it by then; it must not be deleted sooner
// without a login, or the login under way breaks.
const linkLasts = 60 * time.Second

// cut is what Keycloak's times may lack: both the start of a session and the
// time by which its clock is known are cut to whole seconds.
const cut = 2 * time.Second

// link is what is read of Keycloak's FederatedIdentityRepresentation.
type link struct {
	IdentityProvider string `json:"identityProvider"`
	UserID           string `json:"userId"`
	UserName         string `json:"userName"`
}

// Session implements [upstream.Adapter]: it links s.Subject to the account. A
// browser comes in by that link, for a program it is used here.
func (a *Adapter) Session(ctx context.Context, s upstream.Session) (upstream.Outcome, error) {
	u, err := a.user(ctx, s.AccountID)
	if err != nil {
		return upstream.Outcome{}, err
	}
	if !*u.Enabled {
		return upstream.Outcome{}, fmt.Errorf("%w: the account is disabled", upstream.ErrRefused)
	}
	if s.Subject == "" {
		return upstream.Outcome{}, fmt.Errorf("%w: no subject was chosen", upstream.ErrRefused)
	}
	if s.Program {
		return a.grant(ctx, u, s)
	}
	if err := a.link(ctx, s); err != nil {
		return upstream.Outcome{}, err
	}
	return upstream.Outcome{BrokerSubject: s.Subject}, nil
}

// link makes s.Subject lead to the account. Any other link of the gateway's goes
// first: there is one way in at a time.
func (a *Adapter) link(ctx context.Context, s upstream.Session) error {
	standing, err := a.links(ctx, s.AccountID)
	if err != nil {
		return err
	}
	ours := link{IdentityProvider: a.alias, UserID: s.Subject, UserName: "account-recovery"}
	if len(standing) > 0 && standing[0].UserID != s.Subject {
		if err := a.unlink(ctx, s.AccountID, standing[0].UserID); err != nil {
			return err
		}
		standing = nil
	}
	if len(standing) == 0 {
		err := a.api.send(ctx, http.MethodPost, a.linkPath(s.AccountID), ours)
		if err != nil && !errors.Is(err, errConflict) { // whose link is in the way shows below
			return upstream.CouldNotTell(err)
		}
	}
	return a.leadsTo(ctx, s.Subject, s.AccountID)
}

// leadsTo reads back that the subject is linked to this account and to nobody
// else. Keycloak does not keep a second user from having the same link, and
// then signs in either.
func (a *Adapter) leadsTo(ctx context.Context, subject, id string) error {
	query := url.Values{"idpAlias": {a.alias}, "idpUserId": {subject}}
	users, err := list[user](ctx, a.api, "/users?"+query.Encode())
	if err != nil {
		return upstream.CouldNotTell(err)
	}
	if len(users) != 1 || users[0].ID != id {
		return fmt.Errorf("linking: %w: the link does not lead to this account alone", upstream.ErrUnavailable)
	}
	return nil
}

// Finish implements [upstream.Adapter]. A login shows as a session that began
// after the code was redeemed; with a new credential still to be set up, it
// shows only once that is done. Whatever began before it may have been opened
// with the lost password, after everything else was revoked.
func (a *Adapter) Finish(ctx context.Context, s upstream.Session) (bool, error) {
	if s.RedeemedAt.IsZero() {
		return false, nil
	}
	called := a.api.now()
	u, err := a.user(ctx, s.AccountID)
	if err != nil {
		return false, err
	}
	sessions, err := a.sessions(ctx, s.AccountID, "/sessions")
	if err != nil {
		return false, err
	}
	s = shifted(s, a.api.serverTime(called).Sub(s.Now))
	since := s.RedeemedAt.Add(-cut)
	if s.Program {
		return a.finishGrant(ctx, s, since)
	}
	shown := slices.ContainsFunc(sessions, func(l session) bool { return !l.started().Before(since) })
	if !shown && s.Now.Before(s.RedeemedAt.Add(linkLasts)) {
		return false, nil
	}
	if err := a.unlink(ctx, s.AccountID, s.Subject); err != nil || !shown {
		return false, err
	}
	if err := a.endOlder(ctx, s.AccountID, since); err != nil {
		return false, err
	}
	if slices.ContainsFunc(u.RequiredActions, demandOf(s.Actions)) {
		// A login that was not held up: the realm has switched the required
		// action off. What the person came to replace is not replaced.
		return false, nil
	}
	return a.removeLost(ctx, u, s)
}

// shifted returns s by the server's clock, which wrote every time that s is
// compared with and is ahead of the caller's by offset.
func shifted(s upstream.Session, offset time.Duration) upstream.Session {
	s.GrantedAt, s.RedeemedAt, s.Now = s.GrantedAt.Add(offset), s.RedeemedAt.Add(offset), s.Now.Add(offset)
	return s
}

// Abandon implements [upstream.Adapter].
func (a *Adapter) Abandon(ctx context.Context, s upstream.Session) error {
	if _, err := a.user(ctx, s.AccountID); err != nil {
		return err
	}
	return a.unlink(ctx, s.AccountID, s.Subject)
}

// unlink deletes the account's link from subject and reads back that there is
// none. A link from another subject is another recovery's way in, and stays.
func (a *Adapter) unlink(ctx context.Context, id, subject string) error {
	standing, err := a.linked(ctx, id, subject)
	if err != nil || !standing {
		return err
	}
	err = a.api.send(ctx, http.MethodDelete, a.linkPath(id), nil)
	if err != nil && !errors.Is(err, errNotFound) {
		return upstream.CouldNotTell(err)
	}
	standing, err = a.linked(ctx, id, subject)
	if err == nil && standing {
		err = fmt.Errorf("unlinking: %w: a link is left", upstream.ErrUnavailable)
	}
	return err
}

// linked tells whether the account's link to the gateway is from subject.
func (a *Adapter) linked(ctx context.Context, id, subject string) (bool, error) {
	links, err := a.links(ctx, id)
	return slices.ContainsFunc(links, func(l link) bool { return l.UserID == subject }), err
}

// links lists the account's links to the gateway: one at most.
func (a *Adapter) links(ctx context.Context, id string) ([]link, error) {
	all, err := list[link](ctx, a.api, "/users/"+id+"/federated-identity")
	if err != nil {
		return nil, upstream.CouldNotTell(err)
	}
	return slices.DeleteFunc(all, func(l link) bool { return l.IdentityProvider != a.alias }), nil
}

func (a *Adapter) linkPath(id string) string {
	return "/users/" + id + "/federated-identity/" + a.alias
}
