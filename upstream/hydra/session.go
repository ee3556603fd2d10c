package hydra

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Resolve implements [upstream.Adapter]: [upstream.ErrUnsupported].
func (a *Adapter) Resolve(context.Context, string) (upstream.Account, error) {
	return upstream.Account{}, upstream.ErrUnsupported
}

// State implements [upstream.Adapter] with what the operator declared: only the
// login app knows its accounts. In front of a Hydra that is too old nothing is
// granted that it could not end.
func (a *Adapter) State(ctx context.Context, id string) (upstream.State, error) {
	if err := a.admin.CheckVersion(ctx); err != nil {
		return upstream.State{}, err
	}
	state := upstream.State{Account: upstream.Account{ID: id}, Enabled: true}
	if a.cfg.AssumeUnprivileged {
		state.Privilege = upstream.PrivilegeOrdinary
	}
	return state, nil
}

// Revoke implements [upstream.Adapter].
func (a *Adapter) Revoke(ctx context.Context, id string) error { return a.admin.Revoke(ctx, id) }

// Prepare implements [upstream.Adapter]. There is nothing to prepare.
func (a *Adapter) Prepare(_ context.Context, _ string, wanted []attest.Action) error {
	for _, action := range wanted {
		if !slices.Contains(actions, action) {
			return fmt.Errorf("preparing %s: %w", action, upstream.ErrUnsupported)
		}
	}
	return nil
}

// Session implements [upstream.Adapter]: it accepts the login that the person came
// from. What was opened since Revoke ends right before, also the session of an
// answer that got lost.
//
// Hydra keeps nothing of a login until its consent was given: challenge and
// answer hold all of it, encrypted. So accepting a challenge again gives another
// answer to the same login, and whichever is used first makes its one session.
// The answer is worth nothing in any browser but the one in which the login
// began: Hydra compares it with a cookie of its own.
func (a *Adapter) Session(ctx context.Context, s upstream.Session) (upstream.Outcome, error) {
	if s.AccountID == "" {
		return upstream.Outcome{}, upstream.ErrNoAccount
	}
	if s.Program {
		return a.grant(ctx, s)
	}
	if s.Txn == "" {
		return upstream.Outcome{}, fmt.Errorf("%w: the recovery has no name", upstream.ErrRefused)
	}
	challenge, err := a.admin.waiting(ctx, s.Entry)
	if err != nil {
		return upstream.Outcome{}, err
	}
	if err := a.Revoke(ctx, s.AccountID); err != nil {
		return upstream.Outcome{}, err
	}
	to, err := a.admin.accept(ctx, challenge, s)
	if err != nil {
		return upstream.Outcome{}, err
	}
	if !strings.HasPrefix(to, a.cfg.PublicURL+"/oauth2/auth?") {
		return upstream.Outcome{}, fmt.Errorf("accepting a login: %w: it leads elsewhere than to %s", upstream.ErrUnavailable, a.cfg.PublicURL)
	}
	return upstream.Outcome{Direct: &upstream.Direct{Location: to}}, nil
}

// Finish implements [upstream.Adapter]. The session shows once the person has
// consented to it, or the consent app in his place.
func (a *Adapter) Finish(ctx context.Context, s upstream.Session) (bool, error) {
	if s.RedeemedAt.IsZero() {
		return false, nil
	}
	if s.Program {
		err := a.admin.endTrusts(ctx, a.issuerOf(s))
		return err == nil && !s.Now.Before(s.RedeemedAt.Add(upstream.AnswerLife)), err
	}
	all, err := a.admin.consents(ctx, s.AccountID)
	if err != nil || !slices.ContainsFunc(all, of(s)) {
		return false, err
	}
	return !s.Now.Before(s.RedeemedAt.Add(upstream.AnswerLife)), nil
}

// Abandon implements [upstream.Adapter]. It ends the account's consents at the
// application of the session, since Hydra can end no single one.
func (a *Adapter) Abandon(ctx context.Context, s upstream.Session) error {
	if a.cfg.GrantClientID != "" && s.Txn != "" { // of a program that crashed here
		if err := a.admin.endTrusts(ctx, a.issuerOf(s)); err != nil {
			return err
		}
	}
	all, err := a.admin.consents(ctx, s.AccountID)
	if err != nil {
		return err
	}
	for _, c := range all {
		if !of(s)(c) {
			continue
		}
		if err := a.admin.endConsents(ctx, s.AccountID, url.Values{"client": {c.Request.Client.ID}}, of(s)); err != nil {
			return err
		}
	}
	return nil
}

// of picks the consents of one recovery.
func of(s upstream.Session) func(consent) bool {
	return func(c consent) bool { return s.Txn != "" && c.Request.Context.Txn == s.Txn }
}
