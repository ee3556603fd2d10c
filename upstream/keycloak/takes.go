package keycloak

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

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
	var said struct {
		Error string `json:"error"`
	}
	if answer.JSON && json.Unmarshal(answer.Body, &said) == nil {
		switch {
		case answer.Status == http.StatusUnauthorized && (said.Error == "unauthorized_client" || said.Error == "invalid_client"):
			return false, nil
		case answer.Status == http.StatusBadRequest && said.Error != "":
			return true, nil
		}
	}
	return false, fmt.Errorf("trying a secret: %w: status %d is not the answer expected", upstream.ErrUnavailable, answer.Status)
}
