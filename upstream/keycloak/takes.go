package keycloak

import (
	"context"
	"net/url"

	"github.com/regrant/regrant/upstream"
)

// Programs are the client to which access tokens of programs are issued, "" if
// they are given none, and the alias of the identity provider whose assertions it
// takes for that.
func (a *Adapter) Programs() (clientID, alias string) { return a.grantClient.id, a.alias }

// TakesGrantSecret tells whether Keycloak takes the secret of the client for
// programs. It brings no assertion, which makes nothing.
func (a *Adapter) TakesGrantSecret(ctx context.Context) (bool, error) {
	answer, err := a.api.askToken(ctx, a.grantClient.id, a.grantClient.secret, url.Values{"grant_type": {byAssertion}})
	if err != nil {
		return false, err
	}
	return upstream.TakesSecret(answer)
}
