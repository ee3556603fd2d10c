package hydra

import (
	"context"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/upstream"
)

// Takes tells whether the public API at an address takes a secret for that of a
// client. It brings a code that was never given, which makes nothing.
func Takes(ctx context.Context, client *http.Client, address, id, secret string) (bool, error) {
	form := url.Values{"grant_type": {"authorization_code"}, "code": {"none"}}
	answer, err := postForm(ctx, client, address+"/oauth2/token", &credentials{id, secret}, form)
	if err != nil {
		return false, err
	}
	return upstream.TakesSecret(answer)
}

// Untaken are the ids of the gateway's clients whose secrets Hydra does not take.
func (a *Adapter) Untaken(ctx context.Context) (ids []string, err error) {
	for _, c := range []credentials{{a.cfg.ClientID, a.cfg.ClientSecret}, {a.cfg.GrantClientID, a.cfg.GrantClientSecret}} {
		if c.id == "" {
			continue
		}
		takes, err := Takes(ctx, a.admin.http, a.cfg.URL, c.id, c.secret)
		if err != nil {
			return nil, err
		}
		if !takes {
			ids = append(ids, c.id)
		}
	}
	return ids, nil
}
