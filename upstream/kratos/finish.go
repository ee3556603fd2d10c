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
// second factor if that was lost: so all others end then.
func (a *Adapter) Finish(ctx context.Context, s upstream.Session) (bool, error) {
	if s.RedeemedAt.IsZero() {
		return false, nil
	}
	i, err := a.identity(ctx, s.AccountID, "password")
	if err != nil {
		return false, err
	}
	t := tagOf(s.Subject)
	ours, signedIn, err := a.made(ctx, i.ID, t)
	if err != nil || ours.ID == "" {
		return false, err // ended by an operator, who may have ended the others too: nothing is known of what was to be done
	}
	resets := slices.Contains(s.Actions, attest.ActionResetPassword)
	replaces := slices.Contains(s.Actions, attest.ActionReplaceOTP)
	set := (!resets || isNewPassword(t.passwordThen(ours), i.password(), signedIn)) && (!replaces || i.hasOTP())
	others := func(other session) bool { return other.IssuedAt.Before(ours.IssuedAt) }
	if set && (resets || replaces) {
		others = func(other session) bool { return other.ID != ours.ID }
	}
	if err := a.end(ctx, i.ID, others); err != nil || !set {
		return false, err
	}
	return !s.Now.Before(s.RedeemedAt.Add(upstream.AnswerLife)), nil
}

// made finds the session that the recovery made last, which may have ended, and
// tells whether somebody has typed a password since then. The zero value: there
// is none.
func (a *Adapter) made(ctx context.Context, id string, t tag) (ours session, signedIn bool, err error) {
	var later []session
	for s, err := range a.sessions(ctx, id, true) {
		if err != nil {
			return session{}, false, err
		}
		if ours.ID != "" && s.AuthenticatedAt.Before(ours.IssuedAt) {
			break
		}
		if ours.ID == "" && s.of(t) {
			ours = s
		}
		later = append(later, s)
	}
	typed := func(s session) bool { return s.passwordSince(ours.IssuedAt) }
	return ours, slices.ContainsFunc(later, typed), nil
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
