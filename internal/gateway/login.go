package gateway

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// startLogin begins a login of our own, at the person's wish.
func (g *Gateway) startLogin(w http.ResponseWriter, r *http.Request) error {
	sent, err := readForm(r)
	if err != nil {
		return err
	}
	if !g.genuine(r, sent, formLogin, cookieValue(r, holderCookie)) {
		return errStaleForm
	}
	return g.startOwnLogin(w, r, false)
}

// startOwnLogin sends the browser to sign in at the identity provider, with us as the application: with the recovery that
// it is ready to end, or with the account's own credentials.
func (g *Gateway) startOwnLogin(w http.ResponseWriter, r *http.Request, recovery bool) error {
	login := upstream.Login{
		Recovery: recovery, RedirectURI: g.issuer + "/authenticators", State: newSecret(), Nonce: newSecret(), Verifier: newSecret(),
	}
	to, err := g.Adapter.LoginURL(r.Context(), login)
	if err != nil {
		return err
	}
	sealed, err := json.Marshal(login)
	if err != nil {
		return err
	}
	g.put(w, ownCookie, sealed)
	redirect(w, to, http.StatusSeeOther)
	return nil
}

// landing is where our own login ends: it lists the recovery methods of whoever signed in. The sign-in is used for this
// one answer and not kept.
func (g *Gateway) landing(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	form := g.form(formLogin, "authenticators", cookieValue(r, holderCookie))
	if r.Method == http.MethodHead || !query.Has("state") {
		return g.pages.Write(w, http.StatusOK, pages.SignIn(form))
	}
	if query.Has("code") {
		if err := g.count(r); err != nil {
			return err
		}
	}
	login, ok := g.ownLogin(r)
	// The state ties the answer to the browser that asked: a code of somebody else's login is not taken.
	if !ok || !hmac.Equal([]byte(query.Get("state")), []byte(login.State)) {
		return g.pages.Write(w, http.StatusOK, pages.SignInFailed(form))
	}
	drop(w, ownCookie)
	if query.Get("code") == "" {
		return g.pages.Write(w, http.StatusOK, pages.SignInFailed(form))
	}
	who, err := g.Adapter.LoginResult(r.Context(), query.Get("code"), login)
	if errors.Is(err, upstream.ErrRefused) {
		return &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, page: pageOf(pages.SignInFailed(form))}
	}
	if err != nil {
		return err
	}
	list, err := g.authenticatorsOf(r, who.AccountID)
	if err != nil {
		return err
	}
	return g.pages.Write(w, http.StatusOK, pages.Authenticators(list, g.Clock()))
}

func (g *Gateway) ownLogin(r *http.Request) (login upstream.Login, ok bool) {
	sealed, ok := g.take(r, ownCookie)
	if !ok || json.Unmarshal(sealed, &login) != nil {
		return upstream.Login{}, false
	}
	return login, true
}

// authenticatorsOf lists those that are not revoked.
func (g *Gateway) authenticatorsOf(r *http.Request, accountID string) (list []pages.Authenticator, err error) {
	var bound []account.Authenticator
	err = g.DB.View(r.Context(), func(rd storage.Reader) error {
		bound, err = g.Accounts.OfAccount(rd, accountID)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, a := range bound {
		if !a.RevokedAt.IsZero() {
			continue
		}
		label := a.Label
		if label == "" {
			label = a.DeviceID
		}
		list = append(list, pages.Authenticator{
			Label: label, Method: string(a.Method), BoundAt: a.BoundAt, EffectiveAt: a.EffectiveAt, UsedAt: a.LastUsedAt, ExpiresAt: a.NotAfter,
		})
	}
	return list, nil
}
