package gateway

import (
	"cmp"
	"errors"
	"net/http"
	"slices"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/wire"
)

// A recovery in a browser, by forms that need no JavaScript: begin is initiate, prove is attest, and both call the same functions
// as these. The holder is the browser's cookie.

// inBrowser are the methods that a form can bring, but for device certificates, for which a connection can stand.
var inBrowser = []attest.Method{
	attest.MethodPasskey, attest.MethodRecoveryCode, attest.MethodSSHKey, attest.MethodRecoveryKey, attest.MethodPassphrase,
}

// beginning is the start page for a browser that has secret, or none.
func (g *Gateway) beginning(secret string, cancel *pages.Form) pages.Page {
	b := pages.Beginning{Issuer: g.issuer, Cancel: cancel}
	for _, m := range g.Recovery.Verifier.Methods() {
		switch {
		case m == attest.MethodDeviceCertificate || m == attest.MethodTPM:
			b.Device = true
		case slices.Contains(inBrowser, m) && b.Begin == nil:
			form := g.form(formStart, "start", secret)
			b.Begin = &form
		}
	}
	for _, a := range []attest.Action{attest.ActionResetPassword, attest.ActionReplacePasskey, attest.ActionReplaceOTP, attest.ActionSignIn} {
		if slices.Contains(g.Adapter.Facts().Actions, a) {
			b.Lost = append(b.Lost, string(a))
		}
	}
	b.Lost = append(b.Lost, string(attest.ActionRehearse))
	return pages.Start(b)
}

// begin starts a recovery whose holder is this browser. Nothing is stored and nobody is asked.
func (g *Gateway) begin(w http.ResponseWriter, r *http.Request) error {
	network, err := g.network(r)
	if err != nil {
		return err
	}
	sent, err := readForm(r)
	if err != nil {
		return err
	}
	if !g.genuine(r, sent, formStart, cookieValue(r, holderCookie)) {
		return errStaleForm
	}
	req, err := g.wish(wire.InitiateRequest{AccountIdentifier: sent.Get("account"), Actions: actionsFor(sent.Get("lost"))})
	if err != nil {
		return err
	}
	var secret string
	req.Holder, secret = ensureHolder(w, r)
	req.ClientID, req.Network = grant.ClientBrowser, network
	begun, err := g.Recovery.Initiate(r.Context(), req)
	if err != nil {
		return err
	}
	return g.ask(w, r, firstOf(begun, secret))
}

// actionsFor is what a person who lost something asks for.
func actionsFor(lost string) []string {
	switch attest.Action(lost) {
	case attest.ActionSignIn, attest.ActionRehearse:
		return []string{lost}
	default:
		return []string{string(attest.ActionSignIn), lost}
	}
}

// prove brings one proof. A code with a typo is told so before anything is burnt: its check characters say nothing about anybody's
// account.
func (g *Gateway) prove(w http.ResponseWriter, r *http.Request) error {
	network, err := g.network(r)
	if err != nil {
		return err
	}
	sent, err := readUpload(r)
	if err != nil {
		return err
	}
	secret := cookieValue(r, holderCookie)
	holder, ok := browserHolder(secret)
	if !ok || !g.genuine(r, sent, formProve, secret) {
		return errStaleForm
	}
	evidence, err := evidenceOf(sent, r)
	if err != nil {
		return err
	}
	req := recovery.AttestRequest{RecoveryID: sent.Get("recovery_id"), Holder: holder, Evidence: evidence, Network: network, Connection: connection(r)}
	came, err := g.Recovery.Attest(r.Context(), req)
	switch {
	case errors.Is(err, recovery.ErrStale), errors.Is(err, recovery.ErrNoEvidence):
		return g.askAgain(w, r, req, secret)
	case err != nil:
		return later(err, g.proofForm(asked{id: req.RecoveryID, secret: secret}, ""), pages.Unjudged)
	}
	switch came.Outcome {
	case recovery.OutcomeMore:
		return g.ask(w, r, nextOf(came, secret))
	case recovery.OutcomeRehearsed:
		return g.pages.Write(w, http.StatusOK, pages.Rehearsed(came.Account, came.Reference))
	default:
		return g.proved(w, r, came, holder, secret)
	}
}

// proved consumes the token at once, on the press of the button that proved it. New codes are shown before the person goes on: what
// is left to do waits for that.
func (g *Gateway) proved(w http.ResponseWriter, r *http.Request, came recovery.Attested, holder recovery.Holder, secret string) error {
	again := g.form(formContinue, "continue", secret)
	if len(came.Replacements) > 0 {
		_, _ = g.Recovery.Continue(r.Context(), recovery.ContinueRequest{Browser: holder}) // what could not be done is done when the person goes on
		now := g.Clock()
		var sheets []pages.Sheet
		for _, code := range came.Replacements {
			sheets = append(sheets, pages.Sheet{Issuer: g.issuer, Account: came.Account, MadeAt: now, EffectiveAt: now.Add(came.Probation), Codes: []string{code}})
		}
		return g.pages.Write(w, http.StatusOK, pages.Proved(sheets, again))
	}
	ready, waiting, err := g.goOn(r, recovery.ContinueRequest{Browser: holder})
	return g.signIn(w, r, ready, waiting, err, again)
}

// askAgain shows the page anew with a fresh statement, to whoever read the other one for too long. Nothing else is asked again.
func (g *Gateway) askAgain(w http.ResponseWriter, r *http.Request, req recovery.AttestRequest, secret string) error {
	req.Evidence = nil
	came, err := g.Recovery.Attest(r.Context(), req) // if something was proved
	if err == nil {
		return g.ask(w, r, nextOf(came, secret).anew())
	}
	if !errors.Is(err, recovery.ErrNoEvidence) {
		return err
	}
	begun, err := g.Recovery.Again(r.Context(), req.RecoveryID, req.Holder, req.Network)
	if err != nil {
		return err
	}
	return g.ask(w, r, firstOf(begun, secret).anew())
}

// asked is what a claimant is asked to prove.
type asked struct {
	id, reference, secret string
	statement             attest.Statement
	offers                []recovery.Offer
	again                 bool // the page before was too old, or what came from it could not be judged
}

func firstOf(begun recovery.Initiated, secret string) asked {
	return asked{id: begun.RecoveryID, statement: begun.Statement, offers: begun.Methods, secret: secret}
}

func nextOf(came recovery.Attested, secret string) asked {
	return asked{id: came.RecoveryID, statement: came.Statement, offers: came.Methods, reference: came.Reference, secret: secret}
}

func (q asked) anew() asked {
	q.again = true
	return q
}

// ask shows the ways to prove.
func (g *Gateway) ask(w http.ResponseWriter, r *http.Request, q asked) error {
	page := pages.Asking{
		Account: q.statement.Account.String(), Reference: q.reference, Until: q.statement.Expires,
		Sessions: g.Adapter.Facts().Revokes && !slices.Contains(q.statement.Actions, attest.ActionRehearse),
	}
	for _, a := range q.statement.Actions {
		page.Actions = append(page.Actions, string(a))
	}
	program := false
	for _, o := range q.offers {
		switch way := g.way(r, q, o); {
		case way != nil:
			page.Ways = append(page.Ways, *way)
		case o.Method == attest.MethodDeviceCertificate || o.Method == attest.MethodTPM:
			program = true
		}
	}
	if program {
		page.Ways = append(page.Ways, pages.WithProgram(g.issuer))
	}
	again := g.proofForm(q, "")
	page.Again, page.Renewed = &again, q.again
	return g.pages.Write(w, http.StatusOK, pages.Prove(page))
}

// renewal stands for a method in the form that brings no proof and asks for a fresh statement.
const renewal = "none"

// proofForm is the form that brings a proof of a method.
func (g *Gateway) proofForm(q asked, m attest.Method) pages.Form {
	return g.form(formProve, "prove", q.secret, pages.Fact{Name: "recovery_id", Value: q.id}, pages.Fact{Name: "method", Value: cmp.Or(string(m), renewal)})
}
