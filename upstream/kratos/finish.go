package kratos

import (
	"context"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Finish implements [upstream.Adapter]: the sessions end that began before the
// recovery's own, which may have been opened with the lost password after
// everything else was revoked. Then it waits for the new password, if one was to
// be set.
func (a *Adapter) Finish(ctx context.Context, s upstream.Session) (bool, error) {
	if s.RedeemedAt.IsZero() {
		return false, nil
	}
	i, err := a.identity(ctx, s.AccountID, "password")
	if err != nil {
		return false, err
	}
	all, err := a.sessions(ctx, i.ID, true)
	if err != nil {
		return false, err
	}
	t := tagOf(s.Subject)
	at := slices.IndexFunc(all, func(s session) bool { return s.of(t) })
	if at < 0 {
		return false, nil // ended by an operator, who may have ended the others too: nothing is known of what was to be done
	}
	ours := all[at]
	resets := slices.Contains(s.Actions, attest.ActionResetPassword)
	set := resets && i.password() != noPassword && i.password() != t.passwordThen(ours)
	others := func(other session) bool { return other.IssuedAt.Before(ours.IssuedAt) }
	if set { // until then, the old password opened sessions
		others = func(other session) bool { return other.ID != ours.ID }
	}
	if err := a.end(ctx, i.ID, others); err != nil || resets && !set {
		return false, err
	}
	return !s.Now.Before(s.RedeemedAt.Add(upstream.AnswerLife)), nil
}

// Abandon implements [upstream.Adapter].
func (a *Adapter) Abandon(ctx context.Context, s upstream.Session) error {
	i, err := a.identity(ctx, s.AccountID)
	if err != nil {
		return err
	}
	t := tagOf(s.Subject)
	return a.end(ctx, i.ID, func(s session) bool { return s.of(t) })
}
