package gateway

import (
	"context"
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
	again := g.form(formContinue, "continue", secret)
	ready, err := g.Recovery.Continue(r.Context(), recovery.ContinueRequest{Code: code, Browser: browser})
	switch {
	case err != nil && ready.Txn == "" && code != "":
		return kept(err, g.handoffForm(code)) // the code is not consumed
	case err != nil:
		return kept(err, again)
	case !ready.SignIn:
		return g.pages.Write(w, http.StatusOK, pages.Done())
	default:
		return kept(g.signIn(w, r, ready.Txn, browser), again)
	}
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
// or into one of our own.
func (g *Gateway) signIn(w http.ResponseWriter, r *http.Request, txn string, browser recovery.Holder) error {
	if g.Adapter.Facts().Direct {
		return g.answerDirectly(w, r, txn, browser)
	}
	waiting := g.waitingLogin(r)
	if waiting == nil {
		return g.startOwnLogin(w, r, login.Wish{Recovery: true})
	}
	to, err := g.letIn(r.Context(), waiting, txn, browser)
	if err != nil {
		return err
	}
	drop(w, g.cookie(loginCookie))
	redirect(w, to, http.StatusSeeOther)
	return nil
}

// answerDirectly hands on the identity provider's answer to the browser that it has signed in.
func (g *Gateway) answerDirectly(w http.ResponseWriter, r *http.Request, txn string, browser recovery.Holder) error {
	entry, _ := g.take(r)
	way, err := g.Recovery.Session(r.Context(), txn, browser, entry)
	if errors.Is(err, recovery.ErrNoLogin) {
		drop(w, loginCookie)
		return g.pages.Write(w, http.StatusOK, pages.StartAtApplication())
	}
	if err != nil {
		return err
	}
	drop(w, g.cookie(loginCookie))
	for _, cookie := range way.Direct.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	redirect(w, way.Direct.Location, http.StatusSeeOther)
	return nil
}

// letIn makes the way in and answers the identity provider's authorization request with it.
func (g *Gateway) letIn(ctx context.Context, waiting *broker.AuthorizeRequest, txn string, browser recovery.Holder) (string, error) {
	way, err := g.Recovery.Session(ctx, txn, browser, "")
	if err != nil {
		return "", err
	}
	return g.Broker.Answer(ctx, waiting, *way.Login)
}

// redirect leads on without a body, which would repeat an address that has a code in it.
func redirect(w http.ResponseWriter, to string, status int) {
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}
