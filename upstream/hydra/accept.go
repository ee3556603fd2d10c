package hydra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/regrant/regrant/upstream"
)

const loginRequests = "/oauth2/auth/requests/login"

// Accept accepts the login that s.Entry names and returns where the browser goes
// on, which is to Hydra's public API. The error is [upstream.ErrNoLogin] if none
// waits.
func (a *Admin) Accept(ctx context.Context, s upstream.Session) (string, error) {
	challenge, err := a.waiting(ctx, s.Entry)
	if err != nil {
		return "", err
	}
	return a.accept(ctx, challenge, s)
}

// waiting is the challenge of an entry, if its login still waits. A login in which
// Hydra remembers somebody would go on as his older one.
func (a *Admin) waiting(ctx context.Context, entry string) (string, error) {
	came, err := url.ParseQuery(entry)
	challenge := came.Get(loginChallenge)
	if err != nil || challenge == "" {
		return "", upstream.ErrNoLogin
	}
	var request struct {
		Challenge string `json:"challenge"`
		Skip      *bool  `json:"skip"`
	}
	err = a.call(ctx, http.MethodGet, loginRequests, url.Values{loginChallenge: {challenge}}, nil, http.StatusOK, &request)
	switch refused := refusal(0); {
	case errors.As(err, &refused): // unknown, handled or too old
		return "", upstream.ErrNoLogin
	case err != nil:
		return "", err
	case request.Skip == nil || request.Challenge != challenge:
		return "", fmt.Errorf("reading a login: %w: it is another one", upstream.ErrUnavailable)
	case *request.Skip:
		return "", upstream.ErrNoLogin
	}
	return challenge, nil
}

// accept accepts a login. Applications and the consent app can see which recovery
// it was: acr and amr are in the ID token, txn is in the context. It is not
// remembered: the next login asks again.
func (a *Admin) accept(ctx context.Context, challenge string, s upstream.Session) (string, error) {
	var next struct {
		To string `json:"redirect_to"`
	}
	err := a.call(ctx, http.MethodPut, loginRequests+"/accept", url.Values{loginChallenge: {challenge}}, map[string]any{
		"subject": s.AccountID, "remember": false, "acr": s.ACR, "amr": slices.Concat([]string{}, s.AMR), "context": map[string]string{"txn": s.Txn},
	}, http.StatusOK, &next)
	if refused := refusal(0); errors.As(err, &refused) {
		return "", upstream.ErrNoLogin // over since it was looked at
	}
	if err != nil {
		return "", err
	}
	to, err := url.Parse(next.To)
	if err != nil || to.Query().Get("login_verifier") == "" {
		return "", fmt.Errorf("accepting a login: %w: it leads back to nothing", upstream.ErrUnavailable)
	}
	return next.To, nil
}
