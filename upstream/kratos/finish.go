package kratos

import (
	"context"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Finish implements [upstream.Adapter]: the sessions end that began before the
// recovery's own, which may have been opened with the lost password after
// everything else was revoked. Then it waits for the new credentials, if some
// were to be set. Until they were, the old password opened sessions, without a
// second factor if that was lost: so all others end then. Whoever has ended such
// a session himself keeps nothing of what he went on to with it, see endAtHydra.
func (a *Adapter) Finish(ctx context.Context, s upstream.Session) (bool, error) {
	if s.RedeemedAt.IsZero() {
		return false, nil
	}
	i, err := a.identity(ctx, s.AccountID, "password")
	if err != nil {
		return false, err
	}
	t := tagOf(s.Subject)
	ours, later, err := a.made(ctx, i.ID, t)
	if err != nil || ours.ID == "" {
		return false, err // ended by an operator, who may have ended the others too: nothing is known of what was to be done
	}
	resets := slices.Contains(s.Actions, attest.ActionResetPassword)
	replaces := slices.Contains(s.Actions, attest.ActionReplaceOTP)
	typed := slices.ContainsFunc(later, func(s session) bool { return s.passwordSince(ours.IssuedAt) })
	set := (!resets || isNewPassword(t.passwordThen(ours), i.password(), typed)) && (!replaces || i.hasOTP())
	others := func(other session) bool { return other.IssuedAt.Before(ours.IssuedAt) }
	if set && (resets || replaces) {
		others = func(other session) bool { return other.ID != ours.ID }
	}
	if err := a.end(ctx, i.ID, others); err != nil || !set || s.Now.Before(s.RedeemedAt.Add(upstream.AnswerLife)) {
		return false, err
	}
	if slices.ContainsFunc(later, others) {
		err = a.endAtHydra(ctx, i.ID)
	}
	return err == nil, err
}

// made finds the session that the recovery made last, and those in which somebody
// has signed in since then; any of them may have ended. The zero value: there is
// none.
func (a *Adapter) made(ctx context.Context, id string, t tag) (ours session, later []session, err error) {
	for s, err := range a.sessions(ctx, id, true) {
		if err != nil {
			return session{}, nil, err
		}
		if ours.ID != "" && s.AuthenticatedAt.Before(ours.IssuedAt) {
			break
		}
		if ours.ID == "" && s.of(t) {
			ours = s
		}
		later = append(later, s)
	}
	return ours, later, nil
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
