package gateway

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

// signedIn is who has signed in for self-service in this browser, and the secret that says so.
func (g *Gateway) signedIn(r *http.Request) (who login.Session, secret string, err error) {
	secret = cookieValue(r, g.cookie(selfCookie))
	who, err = g.Login.Read(r.Context(), secret)
	return who, secret, err
}

func (g *Gateway) loginForm(r *http.Request) pages.Form {
	return g.form(formLogin, "login", cookieValue(r, holderCookie))
}

// startLogin begins a login of our own, at the person's wish.
func (g *Gateway) startLogin(w http.ResponseWriter, r *http.Request) error {
	sent, err := readForm(r)
	if err != nil {
		return err
	}
	if !g.genuine(r, sent, formLogin, cookieValue(r, holderCookie)) {
		return errStaleForm
	}
	need, err := needOf(sent)
	if err != nil {
		return err
	}
	return g.startOwnLogin(w, r, login.Wish{Need: need})
}

// needOf reads what a login is asked to prove: nothing in particular, or what a [login.Refusal] needs.
func needOf(sent url.Values) (need upstream.Assurance, err error) {
	levels := map[string]upstream.AAL{"": 0, "1": upstream.AAL1, "2": upstream.AAL2, "3": upstream.AAL3}
	level, known := levels[sent.Get("aal")]
	if resistant := sent.Get("phishing_resistant"); !known || resistant != "" && resistant != "true" {
		return upstream.Assurance{}, malformed("", "The form asks for a sign-in of an unknown kind.")
	}
	return upstream.Assurance{AAL: level, PhishingResistant: sent.Get("phishing_resistant") == "true"}, nil
}

// startOwnLogin sends the browser to sign in at the identity provider, with us as the application: with the recovery that
// it is ready to end, or with the account's own credentials.
func (g *Gateway) startOwnLogin(w http.ResponseWriter, r *http.Request, wish login.Wish) (err error) {
	if wish.Current, _, err = g.signedIn(r); err != nil && !errors.Is(err, login.ErrNone) {
		return err
	}
	to, sealed, err := g.Login.Start(r.Context(), wish)
	if err != nil {
		return err
	}
	setCookie(w, g.cookie(ownCookie), sealed, login.Pending)
	redirect(w, to, http.StatusSeeOther)
	return nil
}

// landing is where our own login comes back to. It is the one GET that acts, since browsers bring no cookie of ours along
// when another site has them POST.
func (g *Gateway) landing(w http.ResponseWriter, r *http.Request) error {
	failed := pages.SignInFailed(g.loginForm(r))
	if r.Method != http.MethodGet {
		return g.pages.Write(w, http.StatusOK, failed)
	}
	answer := r.URL.Query()
	if answer.Has("code") || g.Adapter.Facts().LoginByCookie {
		leave, err := g.enterByLink(r)
		if err != nil {
			return err
		}
		defer leave()
	}
	_, secret, err := g.Login.Callback(r.Context(), cookieValue(r, g.cookie(ownCookie)), answer, r.Cookies())
	switch {
	case errors.Is(err, login.ErrOver): // whatever login waits in this browser goes on waiting
		return g.pages.Write(w, http.StatusOK, failed)
	case errors.Is(err, login.ErrCancelled):
		drop(w, g.cookie(ownCookie))
		return g.pages.Write(w, http.StatusOK, failed)
	case errors.Is(err, login.ErrOther):
		drop(w, g.cookie(ownCookie))
		return &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, page: pageOf(pages.OtherAccount(g.prefix + "authenticators"))}
	case errors.Is(err, upstream.ErrRefused), errors.Is(err, upstream.ErrNoAccount):
		drop(w, g.cookie(ownCookie))
		return &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, page: &failed, cause: err}
	case err != nil:
		return err
	}
	drop(w, g.cookie(ownCookie))
	setStrictCookie(w, g.cookie(selfCookie), secret, login.Life)
	// A redirect would go on with what another site began, without the cookie. A page of ours begins anew.
	w.Header().Set("Refresh", "0; url="+g.prefix+"authenticators")
	return g.pages.Write(w, http.StatusOK, pages.SignedIn(g.prefix+"authenticators"))
}

// enterByLink takes the limits of a stranger's POST for a GET that is as costly. Whoever is let in calls leave.
func (g *Gateway) enterByLink(r *http.Request) (leave func(), err error) {
	if err := g.count(r); err != nil {
		return nil, err
	}
	leave, ok := g.Throttle.Strangers.Enter(throttle.Site(g.ClientIP(r)))
	if !ok {
		return nil, throttled(crowded)
	}
	return leave, nil
}

// logout ends a session of self-service. The one at the identity provider is not ours to end.
func (g *Gateway) logout(w http.ResponseWriter, r *http.Request) error {
	sent, err := readForm(r)
	if err != nil {
		return err
	}
	secret := cookieValue(r, g.cookie(selfCookie))
	if secret == "" || !g.genuine(r, sent, formLogout, secret) {
		return errStaleForm
	}
	if err := g.Login.End(r.Context(), secret); err != nil {
		return err
	}
	drop(w, g.cookie(selfCookie))
	return g.pages.Write(w, http.StatusOK, pages.SignedOut(g.loginForm(r)))
}
