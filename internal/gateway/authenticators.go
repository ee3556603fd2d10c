package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/wire"
)

// csrfHeader brings the token of a page's forms with a request that is no form.
const csrfHeader = "X-CSRF-Token"

// visitor is whoever changes something: signed in, and by a page of ours or a program that was given one. token is the form's.
func (g *Gateway) visitor(r *http.Request, token string) (enrolment.Visitor, error) {
	who, secret, err := g.signedIn(r)
	if err != nil {
		return enrolment.Visitor{}, err
	}
	if !g.vouched(r, token, formChange, secret) {
		return enrolment.Visitor{}, errStaleForm
	}
	network, err := g.network(r)
	holder, _ := browserHolder(cookieValue(r, holderCookie))
	return enrolment.Visitor{Session: who, Secret: secret, Holder: holder.Value, Network: network}, err
}

// changing is what a form of ours asks to change, and for whom.
func (g *Gateway) changing(r *http.Request, read func(*http.Request) (url.Values, error)) (url.Values, enrolment.Visitor, error) {
	sent, err := read(r)
	if err != nil {
		return nil, enrolment.Visitor{}, err
	}
	v, err := g.visitor(r, sent.Get("csrf"))
	if err != nil {
		return nil, v, g.explained(r, err)
	}
	return sent, v, nil
}

// authenticators lists the recovery methods of whoever has signed in.
func (g *Gateway) authenticators(w http.ResponseWriter, r *http.Request) error {
	who, secret, err := g.signedIn(r)
	if errors.Is(err, login.ErrNone) {
		return g.pages.Write(w, http.StatusOK, pages.SignIn(g.loginForm(r)))
	}
	if err != nil {
		return err
	}
	items, advice, err := g.Enrolment.List(r.Context(), who.AccountID())
	if err != nil {
		return err
	}
	owner := pages.Owner{Name: who.Name(), Until: who.EndsAt()}
	list, add := g.shown(items), g.offered(items, secret)
	return g.pages.Write(w, http.StatusOK, pages.Authenticators(owner, advised(advice), list, add, g.form(formLogout, "logout", secret)))
}

// advised is the advice as pages give it.
func advised(a enrolment.Advice) pages.Advice {
	out := pages.Advice{Kind: string(a.Kind), Later: a.Later, FewCodes: a.FewCodes}
	for _, m := range a.Add {
		out.Add = append(out.Add, string(m))
	}
	return out
}

// shown are the items as a page lists them.
func (g *Gateway) shown(items []enrolment.Item) (list []pages.Authenticator) {
	for _, i := range items {
		list = append(list, g.shownItem(i))
	}
	return list
}

func (g *Gateway) shownItem(i enrolment.Item) pages.Authenticator {
	a := pages.Authenticator{
		Label: i.Name, Method: string(i.Method), Standing: string(i.Standing), BoundAt: i.BoundAt, EffectiveAt: i.EffectiveAt,
		UsedAt: i.LastUsedAt, ProvenAt: i.LastProvenAt, NotAfter: i.NotAfter, Details: pages.Details(i.Model, i.Detail),
		Alone: i.Alone,
		URL:   g.prefix + "authenticators/" + i.ID,
	}
	if a.Label == a.Method {
		a.Label = pages.MethodWords(a.Method)
	}
	if i.Standing == enrolment.StandingAwaited {
		a.URL = g.prefix + devicePath
	}
	if i.Method == attest.MethodRecoveryCode {
		a.CodesLeft = strconv.Itoa(i.CodesLeft)
	}
	return a
}

// offered are the methods that can be added here by a form.
func (g *Gateway) offered(items []enrolment.Item, secret string) (add []pages.Section) {
	for _, m := range g.Enrolment.Methods() {
		if !formable[m] {
			continue
		}
		replaces := false
		for _, i := range items {
			replaces = replaces || enrolment.Replaces(m) && i.Method == m
		}
		add = append(add, pages.Add(string(m), replaces, g.form(formChange, "authenticators/"+string(m)+"/begin", secret)))
	}
	if methods := g.Enrolment.DeviceMethods(); len(methods) > 0 {
		add = append(add, pages.AddDevice(deviceKinds(methods), g.form(formChange, devicePath+"/begin", secret)))
	}
	return add
}

// authenticator shows one, with the ways to end it.
func (g *Gateway) authenticator(w http.ResponseWriter, r *http.Request) error {
	who, secret, err := g.signedIn(r)
	if errors.Is(err, login.ErrNone) {
		return g.pages.Write(w, http.StatusOK, pages.SignIn(g.loginForm(r)))
	}
	if err != nil {
		return err
	}
	a, err := g.owned(r, who, g.named(r))
	if err != nil {
		return err
	}
	remove := g.form(formChange, "authenticators/"+g.named(r), secret)
	lost := g.form(formChange, "report-lost", secret, pages.Fact{Name: "id", Value: g.named(r)})
	return g.pages.Write(w, http.StatusOK, pages.Manage(a, g.list(), remove, lost))
}

// owned is one that its owner still has.
func (g *Gateway) owned(r *http.Request, who login.Session, id string) (pages.Authenticator, error) {
	items, _, err := g.Enrolment.List(r.Context(), who.AccountID())
	if err != nil {
		return pages.Authenticator{}, err
	}
	for _, i := range items {
		if i.ID == id {
			return g.shownItem(i), nil
		}
	}
	return pages.Authenticator{}, enrolment.ErrUnknown
}

// remove ends one, for a program.
func (g *Gateway) remove(w http.ResponseWriter, r *http.Request) error {
	v, err := g.visitor(r, r.Header.Get(csrfHeader))
	if err != nil {
		return err
	}
	return g.gone(w, g.Enrolment.Remove(r.Context(), v, g.named(r)))
}

// removeByForm ends one, for a person.
func (g *Gateway) removeByForm(w http.ResponseWriter, r *http.Request) error {
	_, v, err := g.changing(r, readForm)
	if err != nil {
		return err
	}
	return g.ended(w, r, v, g.named(r), false)
}

// reportLost ends one that is lost.
func (g *Gateway) reportLost(w http.ResponseWriter, r *http.Request) error {
	if spokenInJSON(r) {
		return g.reportLostByProgram(w, r)
	}
	sent, v, err := g.changing(r, readForm)
	if err != nil {
		return err
	}
	return g.ended(w, r, v, sent.Get("id"), true)
}

func (g *Gateway) reportLostByProgram(w http.ResponseWriter, r *http.Request) error {
	v, err := g.visitor(r, r.Header.Get(csrfHeader))
	if err != nil {
		return err
	}
	var in wire.ReportLostRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := required("/id", in.ID); err != nil {
		return err
	}
	return g.gone(w, g.Enrolment.ReportLost(r.Context(), v, in.ID))
}

// gone answers a program whose session is over now.
func (g *Gateway) gone(w http.ResponseWriter, err error) error {
	if err != nil {
		return err
	}
	drop(w, g.cookie(selfCookie))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ended ends one and says so to a person, whose session is over then.
func (g *Gateway) ended(w http.ResponseWriter, r *http.Request, v enrolment.Visitor, id string, lost bool) error {
	a, err := g.owned(r, v.Session, id)
	if err != nil {
		return g.explained(r, err)
	}
	if lost {
		err = g.Enrolment.ReportLost(r.Context(), v, id)
	} else {
		err = g.Enrolment.Remove(r.Context(), v, id)
	}
	if err != nil {
		return g.explained(r, err)
	}
	drop(w, g.cookie(selfCookie))
	return g.pages.Write(w, http.StatusOK, pages.Removed(a.Label, lost, g.loginForm(r)))
}

// list leads back to the list.
func (g *Gateway) list() pages.Link {
	return pages.Link{Text: "Your recovery methods", URL: g.prefix + "authenticators"}
}

// explained is err with the page that tells a person what to do about it.
func (g *Gateway) explained(r *http.Request, err error) error {
	p := *translate(err)
	refusal, weak := errors.AsType[*login.Refusal](err)
	switch {
	case weak:
		form := g.loginForm(r)
		form.Hidden = append(form.Hidden, pages.Fact{Name: "aal", Value: strconv.Itoa(int(refusal.Need.AAL))})
		if refusal.Need.PhishingResistant {
			form.Hidden = append(form.Hidden, pages.Fact{Name: "phishing_resistant", Value: "true"})
		}
		p.page = pageOf(pages.SignInAgain(refusal.Error(), form))
	case p.code == wire.ProblemSignIn:
		p.page = pageOf(pages.SessionOver(g.loginForm(r)))
	case p.code == wire.ProblemQuarantine:
		p.page = pageOf(pages.Quarantined(g.list()))
	case p.code == wire.ProblemEnrolmentOver:
		p.page = pageOf(pages.EnrolmentOver(g.list()))
	case p.code == wire.ProblemBound:
		p.page = pageOf(pages.BoundBefore(g.list()))
	case errors.Is(err, enrolment.ErrFull):
		p.page = pageOf(pages.AccountFull(g.list()))
	case errors.Is(err, enrolment.ErrTooOften):
		p.page = pageOf(pages.TooOften(g.list()))
	}
	return &p
}
