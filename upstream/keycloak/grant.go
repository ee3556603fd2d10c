package keycloak

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// grantable are the actions of recoveries that need no browser: they have the
// person set nothing up.
var grantable = []attest.Action{attest.ActionSignIn, attest.ActionRevokeSessions}

// byAssertion is the grant type of RFC 7523.
const byAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// clientCredentials are those of a confidential client.
type clientCredentials struct{ id, secret string }

// unlinkTime is within what the caller's lease leaves after a step.
const unlinkTime = 5 * time.Second

// grant gets an access token of the account for a program, by Keycloak's JWT
// authorization grant (RFC 7523, section 2.1). Keycloak checks of the account
// that it is enabled and that nothing is left to set up, and nothing else. The
// link serves this one exchange and goes whatever comes of it.
func (a *Adapter) grant(ctx context.Context, u user, s upstream.Session) (out upstream.Outcome, err error) {
	if err := a.mayGrant(ctx, u, s); err != nil {
		return upstream.Outcome{}, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlinkTime)
		defer cancel()
		if left := a.unlink(ctx, s.AccountID, s.Subject); left != nil {
			out, err = upstream.Outcome{}, fmt.Errorf("%w (before it: %v)", left, err)
		}
	}()
	if err := a.link(ctx, s); err != nil {
		return upstream.Outcome{}, err
	}
	token, err := a.exchange(ctx, s)
	return upstream.Outcome{Token: token}, err
}

// mayGrant is nil if a program may have a token of u. What a person has to do
// first, a browser leads him to.
func (a *Adapter) mayGrant(ctx context.Context, u user, s upstream.Session) error {
	if a.grantClient.id == "" || s.Assert == nil {
		return fmt.Errorf("granting a token: %w", upstream.ErrUnsupported)
	}
	for _, action := range s.Actions {
		if !slices.Contains(grantable, action) {
			return fmt.Errorf("granting a token for %s: %w", action, upstream.ErrUnsupported)
		}
	}
	if len(u.RequiredActions) > 0 {
		return fmt.Errorf("granting a token: %w: the realm demands %v first", upstream.ErrUnsupported, u.RequiredActions)
	}
	privilege, err := a.privilege(ctx, u.ID)
	if err == nil && privilege != upstream.PrivilegeOrdinary {
		err = fmt.Errorf("%w: the account is privileged, or its roles cannot be told", upstream.ErrRefused)
	}
	return err
}

// exchange trades an assertion about s.Subject for the token. Each call makes
// another one, since one that was refused may be used up. With openid the token
// is good at userinfo too; what else it is for, the client's default scopes say.
func (a *Adapter) exchange(ctx context.Context, s upstream.Session) (*upstream.Token, error) {
	assertion, err := s.Assert()
	if err != nil {
		return nil, fmt.Errorf("making an assertion: %w: %v", upstream.ErrUnavailable, err)
	}
	got, c, err := a.api.requestToken(ctx, a.grantClient.id, a.grantClient.secret, url.Values{
		"grant_type": {byAssertion}, "assertion": {assertion}, "scope": {"openid"},
	})
	if err != nil {
		return nil, err
	}
	if c.Subject != s.AccountID {
		return nil, fmt.Errorf("granting a token: %w: it does not name this account as its subject", upstream.ErrUnavailable)
	}
	return &upstream.Token{Kind: upstream.TokenAccess, Value: got.AccessToken, Type: "Bearer", Scope: got.Scope, ExpiresIn: got.lasts()}, nil
}

// finishGrant ends what was opened before the token was granted, perhaps with the
// lost password. The token is in no session, so it stays good.
func (a *Adapter) finishGrant(ctx context.Context, s upstream.Session, since time.Time) (bool, error) {
	if err := a.unlink(ctx, s.AccountID, s.Subject); err != nil {
		return false, err
	}
	if err := a.endOlder(ctx, s.AccountID, since); err != nil {
		return false, err
	}
	return !s.Now.Before(s.RedeemedAt.Add(upstream.AnswerLife)), nil
}
