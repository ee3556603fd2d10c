package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/regrant/regrant/upstream"
)

// session is what is read of Kratos' session.
type session struct {
	ID              string    `json:"id"`
	Active          bool      `json:"active"`
	IssuedAt        time.Time `json:"issued_at"`
	ExpiresAt       time.Time `json:"expires_at"`
	AuthenticatedAt time.Time `json:"authenticated_at"`
	Methods         []method  `json:"authentication_methods"`
	Devices         []device  `json:"devices"`
	Identity        *identity `json:"identity"`
}

type method struct {
	Method      string    `json:"method"`
	AAL         string    `json:"aal"`
	CompletedAt time.Time `json:"completed_at"`
}

type device struct {
	UserAgent string `json:"user_agent"`
}

// of tells whether s was made by the recovery that has this tag.
func (s session) of(t tag) bool {
	return slices.ContainsFunc(s.Devices, func(d device) bool { return strings.HasPrefix(d.UserAgent, t.prefix()) })
}

// recovered tells whether any recovery made s.
func (s session) recovered() bool {
	return slices.ContainsFunc(s.Devices, func(d device) bool { return strings.HasPrefix(d.UserAgent, tagged) })
}

// mostSessions are what one page of a list holds.
const mostSessions = 250

// sessions lists sessions of an identity that exists, those with the latest
// sign-in first: all that stand or, with the past, those that have ended too. If
// there are more than [mostSessions], the oldest are left out.
func (a *Adapter) sessions(ctx context.Context, id string, past bool) ([]session, error) {
	path := "/identities/" + id + "/sessions?per_page=" + strconv.Itoa(mostSessions)
	if !past {
		path += "&active=true"
	}
	all, err := list[session](ctx, a.api, path)
	if err != nil {
		return nil, couldNotTell(err)
	}
	for _, s := range all {
		if !segment(s.ID) || s.Identity == nil || s.Identity.ID != id {
			return nil, fmt.Errorf("listing sessions: %w: the answer is about somebody else", upstream.ErrUnavailable)
		}
	}
	return all, nil
}

// Revoke implements [upstream.Adapter].
func (a *Adapter) Revoke(ctx context.Context, id string) error {
	if _, err := a.identity(ctx, id); err != nil {
		return err
	}
	err := a.api.call(ctx, http.MethodDelete, "/identities/"+id+"/sessions", nil, http.StatusNoContent, nil)
	if err != nil && !errors.Is(err, errNotFound) { // there were none
		return couldNotTell(err)
	}
	left, err := a.sessions(ctx, id, false)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("ending sessions: %w: some are left", upstream.ErrUnavailable)
	}
	return err
}

// end ends the sessions of an identity that which picks, and reads back that
// they are gone.
func (a *Adapter) end(ctx context.Context, id string, which func(session) bool) error {
	standing, err := a.sessions(ctx, id, false)
	if err != nil {
		return err
	}
	var ended []string
	for _, s := range standing {
		if !which(s) {
			continue
		}
		err := a.api.call(ctx, http.MethodDelete, "/sessions/"+s.ID, nil, http.StatusNoContent, nil)
		if err != nil && !errors.Is(err, errNotFound) {
			return couldNotTell(err)
		}
		ended = append(ended, s.ID)
	}
	if len(ended) == 0 {
		return nil
	}
	left, err := a.sessions(ctx, id, false)
	if err == nil && slices.ContainsFunc(left, func(s session) bool { return slices.Contains(ended, s.ID) }) {
		err = fmt.Errorf("ending sessions: %w: some are left", upstream.ErrUnavailable)
	}
	return err
}
