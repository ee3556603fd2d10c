package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/trial"
	"github.com/regrant/regrant/internal/trial/person"
	"github.com/regrant/regrant/upstream"
)

// trialRequest asks for a trial.
type trialRequest struct {
	As string `json:"as"`
}

// trialBegun is what the person of a trial needs. It has secrets of an account that is nobody's.
type trialBegun struct {
	ID        string             `json:"id"`
	Upstream  string             `json:"upstream"`
	Issuer    string             `json:"issuer"`
	Account   string             `json:"account"`
	AccountID string             `json:"account_id"`
	Password  string             `json:"password"`
	Cookie    string             `json:"cookie"`
	Session   string             `json:"session"`
	Methods   []attest.Method    `json:"methods"`
	Programs  []attest.Method    `json:"programs"` // methods of a program without a browser
	Path      upstream.TrialPath `json:"path"`
	ExpiresAt time.Time          `json:"expires_at"`
}

func beginTrial(ctx context.Context, c adminCall) (any, error) {
	var in trialRequest
	if err := c.decodeChange(&in, &in.As); err != nil {
		return nil, err
	}
	name := c.adapter.Facts().Name
	if c.trials.Trials == nil {
		return nil, refuse(http.StatusNotImplemented, "no trial is possible with upstream %s, where the gateway makes no accounts: bind authenticators to an account "+
			"of your own at %s/authenticators, rehearse with them, and recover it", name, c.realm.issuer())
	}
	if len(c.trialMethods) == 0 {
		return nil, refuse(http.StatusNotImplemented, "no trial is possible with these methods, of which none that are enough can be held by a program: bind authenticators to an "+
			"account of your own at %s/authenticators, rehearse with them, and recover it", c.realm.issuer())
	}
	t, err := c.trials.Begin(ctx, in.As)
	if errors.Is(err, upstream.ErrUnsupported) {
		return nil, refuse(http.StatusNotImplemented, "no trial is possible with upstream %s, where the gateway's client may make no account, as with rights over the members of "+
			"one group alone: bind authenticators to an account of your own at %s/authenticators, rehearse with them, and recover it", name, c.realm.issuer())
	}
	if err != nil {
		return nil, trialError(err)
	}
	return trialBegun{
		ID: t.ID, Upstream: name, Issuer: c.realm.issuer(), Account: t.Account.Identifiers[0], AccountID: t.Account.ID, Password: t.Password, Cookie: c.gateway.SelfCookie(), Session: t.Session,
		Methods: c.trialMethods, Programs: c.trialProgram, Path: c.trials.Trials.TrialPath(), ExpiresAt: t.ExpiresAt,
	}, nil
}

// trialSeen is what [person.Seen] is, for the wire.
type trialSeen struct {
	Sessions       []upstream.TrialSession `json:"sessions"`
	Authenticators []string                `json:"authenticators"`
	Journal        []person.Entry          `json:"journal"`
	Notices        []string                `json:"notices"`
}

func observeTrial(ctx context.Context, c adminCall) (any, error) {
	seen, err := c.trials.Observe(ctx, c.name)
	if err != nil {
		return nil, trialError(err)
	}
	out := trialSeen{Sessions: seen.Sessions, Authenticators: seen.Authenticators, Notices: seen.Notices}
	for _, e := range seen.Journal {
		out.Journal = append(out.Journal, person.Entry{At: e.At, Kind: string(e.Kind), Reference: e.Reference})
	}
	return out, nil
}

func keepTrial(ctx context.Context, c adminCall) (any, error) {
	return struct{}{}, trialError(c.trials.Keep(ctx, c.name))
}

func endTrial(ctx context.Context, c adminCall) (any, error) {
	left, err := c.trials.End(ctx, c.name)
	return left, trialError(err)
}

// trialError gives the definite errors of trials their status.
func trialError(err error) error {
	switch {
	case errors.Is(err, trial.ErrOver):
		return refuse(http.StatusNotFound, "%v", err)
	case errors.Is(err, trial.ErrTooMany):
		return refuse(http.StatusTooManyRequests, "%v", err)
	case errors.Is(err, trial.ErrNotOrdinary):
		return refuse(http.StatusConflict, "%v", err)
	}
	return err
}
