package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/observe"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

// problemError is a refusal in our own words. Its texts are fixed here: nothing that a dependency says ever leaves.
type problemError struct {
	status int
	code   wire.ProblemCode // "" only where the gateway itself failed
	detail string
	member string // JSON Pointer to the member at fault, as its sender named it
	oauth  string // RFC 6749 error code; "" is invalid_request

	retry     time.Duration // when to come again; 429 and 503 always say
	allow     string        // 405
	challenge string        // 401
	redirect  string        // RFC 6749 section 4.1.2.1: the client is told through the browser

	page  *pages.Page // what a person sees; nil is pages.Problem(status)
	cause error       // for the log
}

func (p *problemError) Error() string { return string(p.code) }

// busy is when to come again while something is down: soon enough for a person, and no load for whoever comes back.
const busy = 5 * time.Second

var (
	errNotCanonical = &problemError{status: http.StatusBadRequest, code: wire.ProblemMalformed, detail: "The path is not in its normal form."}
	errNotFound     = &problemError{status: http.StatusNotFound, code: wire.ProblemNotFound, detail: "There is nothing here."}
	errTooLarge     = &problemError{status: http.StatusRequestEntityTooLarge, code: wire.ProblemTooLarge, detail: "The body is larger than this endpoint takes."}
	errFileTooLarge = &problemError{status: http.StatusRequestEntityTooLarge, code: wire.ProblemTooLarge, detail: "The file is larger than 8 KiB."}
	errTooSlow      = &problemError{status: http.StatusRequestTimeout, code: wire.ProblemMalformed, detail: "The body did not arrive in time."}
	errMediaType    = &problemError{status: http.StatusUnsupportedMediaType, code: wire.ProblemUnsupportedMediaType, detail: "The body has another media type than this endpoint takes."}

	// errRefused is every refusal of a recovery, whatever the reason: the reason is in the journal.
	errRefused = &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, oauth: "access_denied", detail: "The recovery was refused."}
	errExpired = &problemError{status: http.StatusBadRequest, code: wire.ProblemRecoveryExpired, oauth: "invalid_grant", detail: "The recovery is over, or was never begun. Begin a new one.", page: pageOf(pages.Over())}
	errFull    = &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, detail: "The account has as many authenticators as it can have. Remove one to make room."}

	errHolder     = &problemError{status: http.StatusBadRequest, code: wire.ProblemHolder, oauth: "invalid_dpop_proof", detail: "The proof of possession is missing, wrong, or somebody else's."}
	errTwoHolders = &problemError{status: http.StatusBadRequest, code: wire.ProblemHolder, oauth: "invalid_dpop_proof", detail: "A request comes from a browser or from a program, not from both."}
	// errUseNonce and errUseNonceOAuth ask for the proof with a nonce (RFC 9449 sections 9 and 8).
	errUseNonce = &problemError{
		status: http.StatusUnauthorized, code: wire.ProblemUseDPoPNonce, detail: "Make the proof again with the nonce of this answer.",
		challenge: `DPoP error="use_dpop_nonce", algs="ES256"`,
	}
	errUseNonceOAuth = &problemError{
		status: http.StatusBadRequest, code: wire.ProblemUseDPoPNonce, oauth: "use_dpop_nonce", detail: "Make the proof again with the nonce of this answer.",
	}
	errStaleForm = &problemError{status: http.StatusForbidden, code: wire.ProblemRefused, page: pageOf(pages.Stale())}
	errLoginSize = &problemError{status: http.StatusBadRequest, code: wire.ProblemMalformed, page: pageOf(pages.LoginTooLarge())}

	errBusy = &problemError{status: http.StatusBadRequest, code: wire.ProblemBusy, retry: 2 * time.Second, detail: "The same is being done at this moment. Nothing is lost; ask again."}

	// errBadToken answers a wrong access token (RFC 9449 section 7.1).
	errBadToken = &problemError{
		status: http.StatusUnauthorized, code: wire.ProblemHolder, detail: "The access token is missing, wrong, or used.",
		challenge: `DPoP error="invalid_token", algs="ES256"`,
	}
)

func pageOf(p pages.Page) *pages.Page { return &p }

func malformed(member, detail string) *problemError {
	return &problemError{status: http.StatusBadRequest, code: wire.ProblemMalformed, member: member, detail: detail}
}

// badProof says on a page what is wrong with a proof that cannot even be read. Nothing is burnt, and nothing about an account is in it.
func badProof(words string) *problemError {
	return &problemError{status: http.StatusBadRequest, code: wire.ProblemMalformed, detail: words, page: pageOf(pages.BadProof(words))}
}

func methodNotAllowed(allow string) *problemError {
	return &problemError{status: http.StatusMethodNotAllowed, code: wire.ProblemMethodNotAllowed, allow: allow, detail: "The method is not one of " + allow + "."}
}

func throttled(retry time.Duration) *problemError {
	return &problemError{status: http.StatusTooManyRequests, code: wire.ProblemTooManyRequests, oauth: "temporarily_unavailable", retry: max(retry, time.Second), detail: "Too many requests. Come again later."}
}

func unavailable(cause error) *problemError {
	return &problemError{status: http.StatusServiceUnavailable, code: wire.ProblemUnavailable, oauth: "temporarily_unavailable", retry: busy, detail: "A service that is needed cannot be reached. Nothing was refused; try again.", cause: cause}
}

// translate gives every error of the rooms below its answer. What is not known to be a refusal could not be told.
func translate(err error) *problemError {
	var own *problemError
	var text *strictjson.Error
	var protocol *grant.Error // broker.Error is the same type
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &text):
		return malformed(text.Member, "The body is not the JSON that was expected: "+text.Problem+".")
	case errors.As(err, &protocol):
		return oauthProblem(protocol)
	case errors.Is(err, recovery.ErrHolder), errors.Is(err, recovery.ErrReplay):
		return errHolder
	case errors.Is(err, recovery.ErrRefused), errors.Is(err, upstream.ErrRefused), errors.Is(err, upstream.ErrNoAccount),
		errors.Is(err, upstream.ErrAmbiguous), errors.Is(err, upstream.ErrUnsupported):
		return errRefused
	case errors.Is(err, recovery.ErrNoEvidence):
		return malformedEvidence()
	case errors.Is(err, recovery.ErrBusy):
		return errBusy
	case errors.Is(err, recovery.ErrExpired), errors.Is(err, recovery.ErrStale), errors.Is(err, recovery.ErrSpent), errors.Is(err, grant.ErrSpent):
		return errExpired
	default:
		return translateDevice(err)
	}
}

// oauthProblem is an error of one of the authorization servers. Its code and description are fixed texts; its cause is not
// for the client.
func oauthProblem(e *grant.Error) *problemError {
	p := &problemError{status: e.Status, code: wire.ProblemMalformed, oauth: e.Code, detail: e.Description, redirect: e.Redirect}
	// RFC 6749 section 5.2 wants the scheme that the client used, if it used one; RFC 9110 section 15.5.2 wants a challenge
	// in every 401. Basic is the only scheme.
	if e.Status == http.StatusUnauthorized {
		p.challenge = `Basic realm="recovery"`
	}
	return p
}

// answerError is where an error becomes an answer.
func (g *Gateway) answerError(w *visit, rt *route, err error) {
	p := translate(err)
	w.problem = p
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retry.Seconds()))))
	}
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.challenge != "" {
		h.Set("WWW-Authenticate", p.challenge)
	}
	switch kind := speaks(w.r, rt); {
	case p.redirect != "":
		redirect(w, p.redirect, http.StatusSeeOther)
	case kind == oauth:
		g.writeOAuth(w, p)
	case kind == page:
		g.writePage(w, p)
	default:
		g.writeProblem(w, p)
	}
}

// speaks is how to refuse on a route; where there is none, a browser gets a page.
func speaks(r *http.Request, rt *route) kind {
	switch {
	case rt != nil && rt.kind == either && spokenInJSON(r):
		return api
	case rt != nil && rt.kind == either:
		return page
	case rt != nil:
		return rt.kind
	case strings.Contains(r.Header.Get("Accept"), "text/html"):
		return page
	default:
		return api
	}
}

// address is a URL in an error's text, but for its scheme and host.
var address = regexp.MustCompile(`(https?://[^/\s"]+)[^\s"]*`)

// causeText is an error for the operator. HTTP clients quote the address they asked, and with it the account that was
// asked for: of that, only the host is kept.
func causeText(err error) string { return address.ReplaceAllString(err.Error(), "$1/…") }

func (g *Gateway) writeProblem(w http.ResponseWriter, p *problemError) {
	out := wire.Problem{Type: p.code.Type(), Title: http.StatusText(p.status), Status: p.status, Detail: p.detail, Member: p.member}
	if p.code == "" {
		out.Type = "about:blank" // RFC 9457 section 4.2.1: the status says it all
	}
	writeBody(w, p.status, wire.ProblemMediaType, out)
}

func (g *Gateway) writeOAuth(w http.ResponseWriter, p *problemError) {
	code := p.oauth
	if code == "" {
		code = "invalid_request"
	}
	writeBody(w, p.status, "application/json", struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitzero"`
	}{code, p.detail})
}

func (g *Gateway) writePage(w http.ResponseWriter, p *problemError) {
	content := pages.Problem(p.status)
	if p.page != nil {
		content = *p.page
	}
	if err := g.pages.Write(w, p.status, content); err != nil {
		g.Logger.Error("page not rendered", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// turnAway answers a request for a guarded route of the identity provider.
func (g *Gateway) turnAway(w http.ResponseWriter, r *http.Request, v upstream.Verdict) {
	p := &problemError{code: wire.ProblemUnavailable, status: http.StatusServiceUnavailable, retry: busy}
	switch v.Kind {
	case upstream.NotCanonical:
		p = &problemError{code: wire.ProblemMalformed, status: http.StatusBadRequest}
	case upstream.Blocked:
		p = &problemError{code: wire.ProblemNotFound, status: http.StatusNotFound}
	case upstream.Recovery, upstream.Entrance:
		p = &problemError{code: wire.ProblemRefused, status: http.StatusForbidden, page: pageOf(pages.LeadHere(g.issuer))}
	}
	rt := &route{path: guarded, kind: page}
	visit := g.visit(w, r, rt)
	defer g.over(visit)
	switch {
	case v.JSON != nil && asksForJSON(r):
		visit.problem = p
		writeReply(visit, v.JSON)
	case v.Kind == upstream.Entrance:
		g.enter(visit, r, v.Entry)
	default:
		g.answerError(visit, rt, p)
	}
}

// asksForJSON reports whether r is from a program and not from a person's browser that goes somewhere.
func asksForJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html") ||
		strings.HasPrefix(r.Header.Get("Content-Type"), jsonType)
}

// writeReply answers in the words of the identity provider.
func writeReply(w http.ResponseWriter, reply *upstream.Reply) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // a client that left is nobody's error
}

// answerPanic keeps a mistake of ours from being more than one failed request.
func (g *Gateway) answerPanic(v *visit, rt *route) {
	reason := recover()
	if reason == nil {
		return
	}
	if reason == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so, too
		panic(reason)
	}
	observe.Panicked()
	v.stack = string(debug.Stack())
	g.answerError(v, rt, &problemError{status: http.StatusInternalServerError, oauth: "server_error", detail: "Something went wrong.", cause: fmt.Errorf("panic of type %T", reason)})
}

// writeJSON answers 200 with v.
func writeJSON(w http.ResponseWriter, v any) error {
	writeBody(w, http.StatusOK, "application/json", v)
	return nil
}

func writeBody(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only for a type of ours that has no JSON
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left is nobody's error
}
