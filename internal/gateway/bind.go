package gateway

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/wire"
)

// beginBinding starts binding an authenticator: JSON for a program, a page with a form for a person.
func (g *Gateway) beginBinding(w http.ResponseWriter, r *http.Request) error {
	m := attest.Method(g.named(r))
	if spokenInJSON(r) {
		return g.beginBindingJSON(w, r, m)
	}
	_, v, err := g.changing(r, readForm)
	if err != nil {
		return err
	}
	page, err := g.bindPage(r, v, m, "")
	if err != nil {
		return g.explained(r, err)
	}
	return g.pages.Write(w, http.StatusOK, page)
}

func (g *Gateway) beginBindingJSON(w http.ResponseWriter, r *http.Request, m attest.Method) error {
	v, err := g.visitor(r, r.Header.Get(csrfHeader))
	if err != nil {
		return err
	}
	var in jsontext.Value
	if err := readJSON(r, &in); err != nil {
		return err
	}
	begun, err := g.Enrolment.Begin(r.Context(), v, m, in)
	if p := notAccepted(m, err); p != nil {
		return p
	}
	if err != nil {
		return err
	}
	return writeJSON(w, wire.BeginResponse{Options: begun.Options, State: begun.State, Text: begun.Text, ExpiresIn: seconds(enrolment.Life)})
}

// bindPage begins anew and asks for what is needed; wrong says what was wrong the time before.
func (g *Gateway) bindPage(r *http.Request, v enrolment.Visitor, m attest.Method, wrong string) (pages.Page, error) {
	if !formable[m] {
		return pages.Page{}, enrolment.ErrMethod
	}
	begun, err := g.Enrolment.Begin(r.Context(), v, m, []byte("{}"))
	if err != nil {
		return pages.Page{}, err
	}
	var options struct {
		Namespace string `json:"namespace"`
		MinLength int    `json:"min_length"`
		MaxLength int    `json:"max_length"`
		Selection struct {
			ResidentKey string `json:"residentKey"`
		} `json:"authenticatorSelection"`
	}
	if err := json.Unmarshal(begun.Options, &options); err != nil {
		return pages.Page{}, unavailable(err)
	}
	return pages.Bind(pages.Binding{
		Method: string(m), Account: v.Session.Name(), Until: g.Clock().Add(enrolment.Life), Text: begun.Text, Options: string(begun.Options), Error: wrong,
		Namespace: options.Namespace, MinLength: options.MinLength, MaxLength: options.MaxLength, Named: options.Selection.ResidentKey == "preferred",
		Form: g.form(formChange, "authenticators/"+string(m)+"/finish", v.Secret, pages.Fact{Name: "state", Value: begun.State}),
	}), nil
}

// finishBinding takes what the client answers, and binds.
func (g *Gateway) finishBinding(w http.ResponseWriter, r *http.Request) error {
	m := attest.Method(g.named(r))
	if spokenInJSON(r) {
		return g.finishBindingJSON(w, r, m)
	}
	sent, v, err := g.changing(r, readUpload)
	if err != nil {
		return err
	}
	body, wrong := enrolmentOf(m, sent)
	if wrong != "" {
		return g.again(r, v, m, malformed("", wrong))
	}
	bound, err := g.Enrolment.Finish(r.Context(), v, m, enrolment.Answer{State: sent.Get("state"), Label: sent.Get("label"), Body: body})
	if p := notAccepted(m, err); p != nil {
		return g.again(r, v, m, p)
	}
	if errors.Is(err, enrolment.ErrLabel) {
		return g.again(r, v, m, malformed("/label", pages.LabelUnusable))
	}
	if err != nil {
		return g.explained(r, err)
	}
	return g.showBound(w, r, v, bound)
}

// again is a refusal that asks a person once more.
func (g *Gateway) again(r *http.Request, v enrolment.Visitor, m attest.Method, p *problemError) error {
	page, err := g.bindPage(r, v, m, p.detail)
	if err != nil {
		return g.explained(r, err)
	}
	p.page = &page
	return p
}

func (g *Gateway) finishBindingJSON(w http.ResponseWriter, r *http.Request, m attest.Method) error {
	v, err := g.visitor(r, r.Header.Get(csrfHeader))
	if err != nil {
		return err
	}
	a, err := readAnswer(r)
	if err != nil {
		return err
	}
	bound, err := g.Enrolment.Finish(r.Context(), v, m, a)
	if p := notAccepted(m, err); p != nil {
		return p
	}
	if err != nil {
		return err
	}
	return writeJSON(w, wire.FinishResponse{
		ID: bound.ID, Method: string(bound.Method), Label: bound.Label, EffectiveAt: bound.EffectiveAt, Detail: bound.Detail, Codes: bound.Shown, Only: bound.Only,
	})
}

// readAnswer takes the gateway's own members out of the body of a finish; the rest is the format's.
func readAnswer(r *http.Request) (a enrolment.Answer, err error) {
	var members map[string]jsontext.Value
	if err := readJSON(r, &members); err != nil {
		return a, err
	}
	for name, into := range map[string]*string{"state": &a.State, "label": &a.Label} {
		if v, there := members[name]; there && json.Unmarshal(v, into) != nil {
			return a, malformed("/"+name, "/"+name+" is no text.")
		}
		delete(members, name)
	}
	if err := required("/state", a.State); err != nil {
		return a, err
	}
	rest := make(map[string]json.RawMessage, len(members))
	for name, v := range members {
		rest[name] = json.RawMessage(v)
	}
	a.Body, err = json.Marshal(rest)
	return a, err
}

// showBound says what came of it. It is bound already: nothing that fails from here on may keep a person from the codes.
func (g *Gateway) showBound(w http.ResponseWriter, r *http.Request, v enrolment.Visitor, bound enrolment.Bound) error {
	now := g.Clock()
	b := pages.Bound{
		Method: string(bound.Method), Label: bound.Label, At: now, EffectiveAt: bound.EffectiveAt, Details: pages.Details("", bound.Detail),
		List: g.list(),
	}
	if _, advice, err := g.Enrolment.List(r.Context(), v.Session.AccountID()); err == nil {
		b.Advice = advised(advice)
	}
	if _, err := g.Login.Read(r.Context(), v.Secret); errors.Is(err, login.ErrNone) { // it took the place of another one
		drop(w, g.cookie(selfCookie))
		b.SignedOut = true
	}
	if bound.Method == attest.MethodRecoveryCode {
		return g.pages.Write(w, http.StatusOK, pages.AddedCodes(pages.Sheet{
			Issuer: g.issuer, Account: v.Session.Name(), MadeAt: now, EffectiveAt: bound.EffectiveAt, Codes: bound.Shown,
		}, b))
	}
	return g.pages.Write(w, http.StatusOK, pages.Added(b))
}
