package kratos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Prepare implements [upstream.Adapter]. Kratos locks nobody out, and demands
// nothing before a sign-in.
func (a *Adapter) Prepare(ctx context.Context, id string, wanted []attest.Action) error {
	for _, action := range wanted {
		if !slices.Contains(actions, action) {
			return fmt.Errorf("preparing %s: %w", action, upstream.ErrUnsupported)
		}
	}
	_, err := a.identity(ctx, id)
	return err
}

// Session implements [upstream.Adapter]. A session that a recovery has made
// before, this one too, ends first: there is one way in at a time. So does what was
// opened at Hydra since Revoke, whose session may have been ended to hide it.
func (a *Adapter) Session(ctx context.Context, s upstream.Session) (upstream.Outcome, error) {
	i, err := a.identity(ctx, s.AccountID, "password")
	if err != nil {
		return upstream.Outcome{}, err
	}
	if !i.active() {
		return upstream.Outcome{}, fmt.Errorf("%w: the identity is inactive", upstream.ErrRefused)
	}
	if s.Subject == "" {
		return upstream.Outcome{}, fmt.Errorf("%w: no subject was chosen", upstream.ErrRefused)
	}
	t := tagOf(s.Subject)
	ours := func(s session) bool { return s.of(t) }
	if err := a.endAtHydra(ctx, i.ID); err != nil {
		return upstream.Outcome{}, err
	}
	if err := a.end(ctx, i.ID, session.recovered); err != nil {
		return upstream.Outcome{}, err
	}
	to, err := a.recoveryFlow(ctx, i.ID, s)
	if err != nil {
		return upstream.Outcome{}, err
	}
	got, err := a.redeem(ctx, to, t.userAgent(i.password()))
	if err != nil {
		return upstream.Outcome{}, err
	}
	if slices.Contains(s.Actions, attest.ActionReplaceOTP) {
		if err := a.removeOTP(ctx, i); err != nil {
			return upstream.Outcome{}, err
		}
	}
	if err := a.check(ctx, i.ID, got, ours); err != nil {
		return upstream.Outcome{}, err
	}
	if s.Program {
		return upstream.Outcome{Token: &upstream.Token{Kind: upstream.TokenSession, Value: got.token, ExpiresIn: got.lasts}}, nil
	}
	next, err := a.leads(ctx, to, got, s)
	if err != nil {
		return upstream.Outcome{}, err
	}
	return upstream.Outcome{Direct: &upstream.Direct{Location: next, Cookies: got.cookies}}, nil
}

// check reads back that there is one session of this recovery, and that what was
// got leads to it and to nobody else's.
func (a *Adapter) check(ctx context.Context, id string, got *redeemed, ours func(session) bool) error {
	standing, err := a.standing(ctx, id, ours)
	if err != nil {
		return err
	}
	if len(standing) != 1 {
		return fmt.Errorf("making a session: %w: %d sessions show", upstream.ErrUnavailable, len(standing))
	}
	got.lasts = standing[0].ExpiresAt.Sub(standing[0].IssuedAt)
	who, _, err := a.api.whoami(ctx, got.credentials())
	if wall := (*refusal)(nil); errors.As(err, &wall) && wall.status == http.StatusForbidden && wall.id == needsAAL2 {
		got.wall = true
		return nil
	}
	if err != nil {
		return upstream.CouldNotTell(err)
	}
	if who.ID != standing[0].ID {
		return fmt.Errorf("making a session: %w: it is another one", upstream.ErrUnavailable)
	}
	return nil
}

// removeOTP removes the device for one-time codes and the look-up codes that
// stand in for it, and reads back that they are gone. It comes after the session:
// until then the account keeps its second factor.
func (a *Adapter) removeOTP(ctx context.Context, i identity) error {
	for _, kind := range otp {
		if _, has := i.Credentials[kind]; !has {
			continue
		}
		err := a.api.call(ctx, http.MethodDelete, "/identities/"+i.ID+"/credentials/"+kind, nil, http.StatusNoContent, nil)
		if err != nil && !errors.Is(err, errNotFound) {
			return upstream.CouldNotTell(err)
		}
	}
	now, err := a.identity(ctx, i.ID)
	if err != nil {
		return err
	}
	if now.hasOTP() {
		return fmt.Errorf("removing one-time codes: %w: some are left", upstream.ErrUnavailable)
	}
	return nil
}
