package kratos

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
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

// of tells whether s was made by the recovery that has this tag. Whoever is
// signed in reads the tag among the sessions, and can sign in again with it, but
// not with a recovery code.
func (s session) of(t tag) bool {
	return len(s.Methods) > 0 && s.Methods[0].Method == "code_recovery" && s.names(t.prefix())
}

// recovered tells whether s says that a recovery made it.
func (s session) recovered() bool { return s.names(tagged) }

func (s session) names(prefix string) bool {
	return slices.ContainsFunc(s.Devices, func(d device) bool { return strings.HasPrefix(d.UserAgent, prefix) })
}

const (
	// perPage is how many sessions are asked for at once. Each of them repeats the
	// whole identity, and no answer is read beyond [upstream.MaxAnswer].
	perPage = 100
	// mostPages are as many as are read.
	mostPages = 100
)

// sessions lists sessions of an identity that exists, those with the latest
// sign-in first: all that stand or, with the past, those that have ended too.
//
// Pages are counted from 0 or from 1, and Kratos v1.3.1 names no last page in its
// Link: so it goes on until one is not full.
func (a *Adapter) sessions(ctx context.Context, id string, past bool) iter.Seq2[session, error] {
	return func(yield func(session, error) bool) {
		seen := map[string]bool{}
		for page := range mostPages {
			some, err := a.sessionPage(ctx, id, past, page)
			if err != nil {
				yield(session{}, err)
				return
			}
			for _, s := range some {
				if !seen[s.ID] && !yield(s, nil) {
					return
				}
				seen[s.ID] = true
			}
			if len(some) < perPage {
				return
			}
		}
		yield(session{}, fmt.Errorf("listing sessions: %w: there are too many", upstream.ErrUnavailable))
	}
}

func (a *Adapter) sessionPage(ctx context.Context, id string, past bool, page int) ([]session, error) {
	path := fmt.Sprintf("/identities/%s/sessions?per_page=%d&page=%d", id, perPage, page)
	if !past {
		path += "&active=true"
	}
	some, err := list[session](ctx, a.api, path)
	if err != nil {
		return nil, upstream.CouldNotTell(err)
	}
	for _, s := range some {
		if !upstream.Segment(s.ID) || s.Identity == nil || s.Identity.ID != id {
			return nil, fmt.Errorf("listing sessions: %w: the answer is about somebody else", upstream.ErrUnavailable)
		}
	}
	return some, nil
}

// standing are the sessions of an identity that which picks and that have not
// ended.
func (a *Adapter) standing(ctx context.Context, id string, which func(session) bool) (picked []session, err error) {
	for s, err := range a.sessions(ctx, id, false) {
		if err != nil {
			return nil, err
		}
		if which(s) {
			picked = append(picked, s)
		}
	}
	return picked, nil
}

// endAtHydra ends what the identity has opened at applications through Hydra, whose
// subject it is. It comes before the end of Kratos' own sessions: as long as one
// of them stands, it is repeated.
func (a *Adapter) endAtHydra(ctx context.Context, id string) error {
	if a.cfg.Hydra == nil {
		return nil
	}
	return a.cfg.Hydra.Revoke(ctx, id)
}

// Revoke implements [upstream.Adapter].
func (a *Adapter) Revoke(ctx context.Context, id string) error {
	if _, err := a.identity(ctx, id); err != nil {
		return err
	}
	if err := a.endAtHydra(ctx, id); err != nil {
		return err
	}
	err := a.api.call(ctx, http.MethodDelete, "/identities/"+id+"/sessions", nil, http.StatusNoContent, nil)
	if err != nil && !errors.Is(err, errNotFound) { // there were none
		return upstream.CouldNotTell(err)
	}
	left, err := a.standing(ctx, id, func(session) bool { return true })
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("ending sessions: %w: some are left", upstream.ErrUnavailable)
	}
	return err
}

// end ends the sessions of an identity that which picks, and reads back that
// none is left, also none that was not listed because others changed places
// meanwhile. Whoever had one may have gone on to applications: if there is any,
// everything of the identity's at Hydra ends first.
func (a *Adapter) end(ctx context.Context, id string, which func(session) bool) error {
	picked, err := a.standing(ctx, id, which)
	if err != nil || len(picked) == 0 {
		return err
	}
	if err := a.endAtHydra(ctx, id); err != nil {
		return err
	}
	for _, s := range picked {
		err := a.api.call(ctx, http.MethodDelete, "/sessions/"+s.ID, nil, http.StatusNoContent, nil)
		if err != nil && !errors.Is(err, errNotFound) {
			return upstream.CouldNotTell(err)
		}
	}
	left, err := a.standing(ctx, id, which)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("ending sessions: %w: some are left", upstream.ErrUnavailable)
	}
	return err
}
