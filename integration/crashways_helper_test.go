package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/internal/wire"
)

// keepTrying tries until it is done or an error says that it never will be.
func keepTrying(ctx context.Context, what string, try func() (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if done, err := try(); done || err != nil {
			return err
		}
		pause(ctx, 50*time.Millisecond)
	}
	return errors.New("never: " + what)
}

// comesInByBrowser recovers in a browser. Nothing is left of it then but one session.
func (p *person) comesInByBrowser(ctx context.Context, c *crowd) (left func(), err error) {
	token, _, page, err := p.isLetIn(ctx, c)
	if err == nil {
		err = p.isWelcome(page)
	}
	if err != nil {
		return nil, err
	}
	return func() {
		p.isDone(c, token, 1)
		p.hasOpened(1)
	}, nil
}

// isLetIn begins recoveries until one can be confirmed, and comes back to that one until it leads on to the identity provider.
func (p *person) isLetIn(ctx context.Context, c *crowd) (token string, b *browser.Browser, next *browser.Page, err error) {
	var page *browser.Page
	err = keepTrying(ctx, "a recovery begins", func() (bool, error) {
		var err error
		token, b, page, err = p.begins(ctx, c)
		return err == nil, nil
	})
	if err != nil {
		return "", nil, nil, err
	}
	next, failed := b.Submit(ctx, page, "/continue", nil)
	err = keepTrying(ctx, "it comes to its end", func() (bool, error) {
		if failed == nil && !waits(next) {
			return true, nil
		}
		if next, failed = b.Open(ctx, p.e.Issuer+"/continue"); failed == nil && asks(next) {
			next, failed = b.Submit(ctx, next, "/continue", nil)
		}
		return false, nil
	})
	return token, b, next, err
}

// isWelcome is nil if page is what p sees where he wanted to sign in.
func (p *person) isWelcome(page *browser.Page) error {
	if page.Status != http.StatusOK || !strings.Contains(page.Text(), p.e.Welcome(p.user)) {
		return fmt.Errorf("%d at %s, by way of %v: %q", page.Status, page.URL.Path, page.Via, page.Text())
	}
	return nil
}

// begins is a recovery as far as its confirmation.
func (p *person) begins(ctx context.Context, c *crowd) (token string, b *browser.Browser, page *browser.Page, err error) {
	if token, err = c.grant(ctx, p); err != nil {
		return "", nil, nil, err
	}
	out, a, err := p.Handoff(ctx, token)
	if err := answered("handoff", a, err); err != nil {
		return "", nil, nil, err
	}
	if b, err = waiting(ctx, p.e); err != nil {
		return "", nil, nil, err
	}
	page, err = confirmation(ctx, b, p.e, out.Code)
	if err == nil && !asks(page) {
		err = fmt.Errorf("nothing to confirm: %d %q", page.Status, page.Text())
	}
	return token, b, page, err
}

// asks tells whether a page has the button to go on.
func asks(page *browser.Page) bool {
	return slices.ContainsFunc(page.Forms, func(f browser.Form) bool { return strings.HasSuffix(f.Action, "/continue") })
}

// comesInByProgram begins recoveries until the token of one was consumed, and asks for the end of that one until it is answered, with
// what is good at the identity provider. Nothing else is left of it then.
func (p *person) comesInByProgram(ctx context.Context, c *crowd) (left func(), err error) {
	var token, access string
	err = keepTrying(ctx, "a recovery token is consumed", func() (bool, error) {
		var err error
		if token, err = c.grant(ctx, p); err == nil {
			access, err = c.redeem(ctx, p, token)
		}
		return err == nil, nil
	})
	if err != nil {
		return nil, err
	}
	var given wire.CompleteResponse
	err = keepTrying(ctx, "the program is answered", func() (bool, error) {
		out, a, err := p.Complete(ctx, access)
		if err != nil || a.Status >= http.StatusInternalServerError || a.Code() == "busy" {
			return false, nil
		}
		given = out
		return true, answered("complete", a, nil)
	})
	if err == nil {
		err = p.isGood(ctx, given)
	}
	if err != nil {
		return nil, err
	}
	return func() { p.isUsedUp(c, token, access, given) }, nil
}

// isUsedUp demands that nothing comes of a recovery a second time, whose program was given what it was given.
func (p *person) isUsedUp(c *crowd, token, access string, given wire.CompleteResponse) {
	p.t.Helper()
	sessions := 0
	if given.SessionToken != "" {
		sessions = 1
	}
	p.isDone(c, token, sessions)
	p.hasOpened(0)
	_, a, err := p.Complete(p.t.Context(), access)
	isRefused(p.t, a, err, "recovery-expired")
	_, a, err = p.Exchange(p.t.Context(), token)
	isRefused(p.t, a, err, "invalid_grant")
}

// isDone demands that the recovery of a token is done, and that nothing is left of it but so many sessions.
func (p *person) isDone(c *crowd, token string, sessions int) {
	p.t.Helper()
	ctx := p.t.Context()
	if state := c.stateOf(token); state != "done" {
		p.t.Errorf("the recovery of %s is in state %q", p.user, state)
	}
	links, err := p.e.Provider.Links(ctx, p.user)
	fatal(p.t, err)
	standing, err := p.e.Provider.Sessions(ctx, p.e.User(p.user))
	fatal(p.t, err)
	if links != 0 || standing != sessions {
		p.t.Errorf("%s: %d links are left, and %d sessions, want %d", p.user, links, standing, sessions)
	}
	if h, ok := p.e.Provider.(*env.HydraProvider); ok {
		trusts, err := h.Server.Trusts(ctx, "")
		fatal(p.t, err)
		if len(trusts) > 0 {
			p.t.Errorf("trusts are left: %+v", trusts)
		}
	}
}

// hasOpened demands that so many sign-ins are known at the Hydra whose login app Kratos is, if there is one.
func (p *person) hasOpened(n int) {
	p.t.Helper()
	k, ok := p.e.Provider.(*env.KratosProvider)
	if !ok || k.Hydra == nil {
		return
	}
	consents, err := k.Hydra.Consents(p.t.Context(), k.ID(p.account))
	fatal(p.t, err)
	if len(consents) != n {
		p.t.Errorf("%s: %d consents at Hydra, want %d", p.user, len(consents), n)
	}
}

// stateOf is where the recovery of a token stands.
func (c *crowd) stateOf(token string) string {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range recoveries(c.t, c.e) {
		if c.tokens[c.granted[r.Reference]].token == token {
			return r.State
		}
	}
	return ""
}

// isGood is nil if what a program was given is good at the identity provider, for p's account.
func (p *person) isGood(ctx context.Context, given wire.CompleteResponse) error {
	switch provider := p.e.Provider.(type) {
	case env.KeycloakProvider:
		id, err := provider.Server.UserID(ctx, p.user)
		if err != nil {
			return err
		}
		if whose, err := provider.Server.Whose(ctx, given.AccessToken); err != nil || whose != id {
			return fmt.Errorf("the token is %q's, want %s's: %w", whose, id, err)
		}
	case *env.HydraProvider:
		return p.isHydras(ctx, given)
	case *env.KratosProvider:
		session, err := provider.Server.Whoami(ctx, kratos.Token(given.SessionToken))
		if err != nil || !session.Active || session.Identity.Traits["email"] != p.account {
			return fmt.Errorf("the session is %+v: %w", session, err)
		}
	}
	return nil
}
