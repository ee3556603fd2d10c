package hydra

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/internal/doctor"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
)

var errNoSignIn = errors.New("no application is known that signs people in by a code")

// begin begins a sign-in with which nobody goes on: one of the gateway's or, where it is no client of this Hydra, of an application's.
func begin(ctx context.Context, s *doctor.Server, ask func(context.Context, string, ...string) (doctor.Answer, error)) (doctor.Answer, error) {
	if s.Provider.ClientID != "" {
		return ask(ctx, hydra.IdleSignIn(s.Provider.ClientID, callback(s)))
	}
	clients, err := some[client](ctx, s, clientsPath)
	if err != nil {
		return doctor.Answer{}, err
	}
	for _, c := range clients {
		if to := c.lands(); to != "" {
			return ask(ctx, hydra.IdleSignIn(c.ID, to))
		}
	}
	return doctor.Answer{}, errNoSignIn
}

// lands is where a sign-in of a client may end that Hydra begins without more words. "": there is none.
func (c client) lands() string {
	if !slices.Contains(c.Grants, byCode) || !slices.Contains(c.Responses, "code") || !slices.Contains(strings.Fields(c.Scope), "openid") {
		return ""
	}
	for _, to := range c.Redirects {
		if u, err := url.Parse(to); err == nil && (u.Scheme == "https" || upstream.Loopback(u.Hostname())) {
			return to
		}
	}
	return ""
}
