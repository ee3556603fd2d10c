package gateway

import (
	"errors"
	"net/http"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/recovery"
)

// showContinue names the recovery that this browser may go on with. Going on is a POST.
func (g *Gateway) showContinue(w http.ResponseWriter, r *http.Request) error {
	secret := cookieValue(r, holderCookie)
	browser, _ := browserHolder(secret)
	d, err := g.Recovery.Pending(r.Context(), browser)
	switch {
	case errors.Is(err, recovery.ErrSpent):
		return g.pages.Write(w, http.StatusOK, pages.NothingToContinue())
	case err != nil:
		return err
	}
	return g.pages.Write(w, http.StatusOK, pages.Resume(d.Account, d.Device, d.Reference, g.form(formContinue, "continue", secret)))
}

// resume goes on with a recovery in this browser: with the code of a handoff, or with what the browser holds already.
//
// A code may come from anywhere: from the loopback page of the program that proved itself, and from a page that wants
// the visitor to end up in somebody else's account. So a code alone only shows whose recovery it is; our own form,
// pressed by a person, is what continues.
func (g *Gateway) resume(w http.ResponseWriter, r *http.Request) error {
	sent, err := readForm(r)
	if err != nil {
		return err
	}
	code := sent.Get("code")
	if code == "" {
		secret := cookieValue(r, holderCookie)
		if secret == "" || !g.genuine(r, sent, formContinue, secret) {
			return errStaleForm
		}
	} else if !g.genuine(r, sent, formHandoff, code) {
		return g.confirm(w, r, code)
	}
	browser, secret := ensureHolder(w, r)
	ready, at, err := g.goOn(r, recovery.ContinueRequest{Code: code, Browser: browser})
	if err != nil && ready.Txn == "" && code != "" {
		return kept(err, g.handoffForm(code)) // the code is not consumed
	}
	return g.signIn(w, r, ready, at, err, g.form(formContinue, "continue", secret))
}

// goOn goes on with a recovery, as far as into the session if the browser came with what the session answers: with a login
// that waits, which is returned, or to an identity provider that answers whoever comes.
func (g *Gateway) goOn(r *http.Request, req recovery.ContinueRequest) (recovery.Ready, *broker.AuthorizeRequest, error) {
	var waiting *broker.AuthorizeRequest
	if req.Enter = g.Adapter.Facts().Direct; req.Enter {
		req.Entry, _ = g.take(r)
	} else {
		waiting = g.waitingLogin(r)
		req.Enter = waiting != nil
	}
	ready, err := g.Recovery.Continue(r.Context(), req)
	return ready, waiting, err
}

// confirm asks whether the visitor means this recovery. It consumes nothing.
func (g *Gateway) confirm(w http.ResponseWriter, r *http.Request, code string) error {
	d, err := g.Recovery.Describe(r.Context(), code)
	if err != nil {
		return err
	}
	actions := make([]string, len(d.Actions))
	for i, a := range d.Actions {
		actions[i] = string(a)
	}
	page := pages.Confirmation(d.Account, d.Device, d.Reference, actions, g.handoffForm(code))
	if g.Adapter.Facts().Revokes {
		page.Notice = pages.SessionsEnd
	}
	return g.pages.Write(w, http.StatusOK, page)
}

func (g *Gateway) handoffForm(code string) pages.Form {
	return g.form(formHandoff, "continue", code, pages.Fact{Name: "code", Value: code})
}

// kept turns "could not tell" and "busy" into pages that say so and hold the button to go on. Refusals stay what they are.
func kept(err error, form pages.Form) error { return later(err, form, pages.Kept) }

// later is kept with a page of its own for "could not tell".
func later(err error, form pages.Form, untold func(pages.Form) pages.Page) error {
	if err == nil {
		return nil
	}
	p := *translate(err)
	switch {
	case errors.Is(err, recovery.ErrBusy):
		p.page = pageOf(pages.Busy(form))
	case p.status == http.StatusServiceUnavailable:
		p.page = pageOf(untold(form))
	}
	return &p
}

// signIn leads the browser to the identity provider: with the session that it made itself, into the login that waits for it,
// or into one of our own. Where something could not be done, again is the button to go on.
func (g *Gateway) signIn(w http.ResponseWriter, r *http.Request, ready recovery.Ready, waiting *broker.AuthorizeRequest, err error, again pages.Form) error {
	switch {
	case errors.Is(err, recovery.ErrNoLogin):
		drop(w, g.cookie(loginCookie))
		return g.pages.Write(w, http.StatusOK, pages.StartAtApplication())
	case err != nil:
		return kept(err, again)
	case !ready.SignIn:
		return g.pages.Write(w, http.StatusOK, pages.Done())
	case ready.Way == nil:
		return kept(g.startOwnLogin(w, r, login.Wish{Recovery: true}), again)
	}
	var to string
	if direct := ready.Way.Direct; direct != nil {
		to = direct.Location
		for _, cookie := range direct.Cookies {
			w.Header().Add("Set-Cookie", cookie)
		}
	} else if to, err = g.answerLogin(r.Context(), waiting, ready.Way.Login); err != nil {
		return kept(err, again)
	}
	drop(w, g.cookie(loginCookie))
	redirect(w, to, http.StatusSeeOther)
	return nil
}

// redirect leads on without a body, which would repeat an address that has a code in it.
func redirect(w http.ResponseWriter, to string, status int) {
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}
