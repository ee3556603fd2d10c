package hydra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/regrant/regrant/upstream"
)

const trusts = "/trust/grants/jwt-bearer/issuers"

// trustLife is what is said of a trust's end. Hydra does not hold it against an
// assertion whose key is named, so the end of a trust is its deletion.
const trustLife = 2 * time.Minute

// trust is an issuer whose assertions Hydra takes about one subject.
type trust struct {
	ID      string   `json:"id"`
	Issuer  string   `json:"issuer"`
	Subject string   `json:"subject"`
	Any     bool     `json:"allow_any_subject"`
	Scope   []string `json:"scope"`
}

// trusts lists those of an issuer.
func (a *Admin) trusts(ctx context.Context, issuer string) ([]trust, error) {
	all, err := list[trust](ctx, a, trusts, url.Values{"issuer": {issuer}})
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.Issuer != issuer || t.ID == "" {
			return nil, fmt.Errorf("listing trusts: %w: the answer is about somebody else", upstream.ErrUnavailable)
		}
	}
	return all, nil
}

// makeTrust makes Hydra trust issuer's assertions about subject, signed with key.
func (a *Admin) makeTrust(ctx context.Context, issuer, subject string, scope []string, key jose.JSONWebKey, now time.Time) error {
	var made trust
	err := a.ask(ctx, http.MethodPost, trusts, nil, map[string]any{
		"issuer": issuer, "subject": subject, "allow_any_subject": false, "scope": scope, "jwk": key,
		"expires_at": now.Add(trustLife).UTC().Format(time.RFC3339),
	}, http.StatusCreated, &made)
	if err == nil && (made.Issuer != issuer || made.Subject != subject || made.Any) {
		err = fmt.Errorf("making a trust: %w: it is another one", upstream.ErrUnavailable)
	}
	return err
}

// endTrusts deletes every trust of issuer, with its key, and reads back that none
// is left.
func (a *Admin) endTrusts(ctx context.Context, issuer string) error {
	standing, err := a.trusts(ctx, issuer)
	if err != nil || len(standing) == 0 {
		return err
	}
	for _, t := range standing {
		err := a.call(ctx, http.MethodDelete, trusts+"/"+url.PathEscape(t.ID), nil, nil, http.StatusNoContent, nil)
		if refused := refusal(0); err != nil && !(errors.As(err, &refused) && refused == http.StatusNotFound) {
			return upstream.CouldNotTell(err)
		}
	}
	left, err := a.trusts(ctx, issuer)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("ending trusts: %w: some are left", upstream.ErrUnavailable)
	}
	return err
}

// introspection is what Hydra says of a token (RFC 7662, section 2.2).
type introspection struct {
	Active  bool   `json:"active"`
	Subject string `json:"sub"`
	Client  string `json:"client_id"`
}

// introspect asks what a token is good for. It is a question, sent as a form.
func (a *Admin) introspect(ctx context.Context, token string) (told introspection, err error) {
	form := url.Values{"token": {token}}
	return told, a.askForm(ctx, a.address+"/admin/oauth2/introspect", nil, form, &told)
}
