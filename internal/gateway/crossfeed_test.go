package gateway

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/wire"
)

// every kind of token is good at its own place and at no other. Each is real and fresh, each place is asked by
// the holder with everything else in order.
func TestEveryTokenIsRefusedWhereAnotherBelongs(t *testing.T) {
	app := application{"app", attesttest.NewKey(t)}
	h := open(t, func(h *house) { h.clients = []grant.Client{app.client(t)} })
	p := h.enrolled()
	tokens := p.everyKindOfToken(app)
	for place, try := range p.everyPlace(app) {
		for kind, token := range tokens {
			t.Run(kind+" at "+place.name, func(t *testing.T) {
				if kind == place.takes || strings.Contains(place.alsoTakes, kind) {
					return
				}
				if w := try(token); !place.refuses(w) {
					t.Errorf("taken: %d %s", w.Code, w.Body)
				}
			})
		}
	}
	for place, try := range p.everyPlace(app) { // the tokens were good all along
		if token, ok := tokens[place.takes]; ok && place.last {
			if w := try(token); place.refuses(w) {
				t.Errorf("%s is not taken at %s: %d %s", place.takes, place.name, w.Code, w.Body)
			}
		}
	}
}

// everyKindOfToken makes one of each. The recoveries are of one account, and whatever redeems one
// ends those before.
func (p *program) everyKindOfToken(app application) map[string]string {
	p.h.t.Helper()
	h := p.h
	idToken, brokerAccess := p.signedIn(p.authorizationCode())
	code := p.authorizationCode()
	_, access := p.redeemed(app, "revoke-sessions")
	tokens := map[string]string{
		"ID token":         idToken,
		"broker's token":   brokerAccess,
		"code":             code,
		"access token":     access,
		"recovery token":   p.grantedTo(app.id, "revoke-sessions"),
		"client assertion": app.assertion(h.t),
		"DPoP proof":       p.proof("/recovery/token", ""),
		"DPoP nonce":       h.nonce(),
		"recovery_id":      p.initiate("sign-in").RecoveryID,
		"handoff code":     p.handoffCode("sign-in"),
	}
	b := h.browser()
	b.get(authorization(), "same-origin")
	tokens["login cookie"], tokens["holder cookie"] = b.cookies[loginCookie], b.cookies[holderCookie]
	return tokens
}

// place is where a token is presented.
type place struct {
	name      string
	takes     string // the kind of token that belongs there
	alsoTakes string // more kinds
	last      bool   // the good token is tried there at the end
	refuses   func(*httptest.ResponseRecorder) bool
}

func refused(w *httptest.ResponseRecorder) bool { return w.Code >= 400 && w.Code < 500 }

func inactive(w *httptest.ResponseRecorder) bool {
	return bytes.Equal(w.Body.Bytes(), []byte(`{"active":false}`))
}

func (p *program) everyPlace(app application) map[*place]func(string) *httptest.ResponseRecorder {
	h := p.h
	exchange := func(change func(f *forgery, token string)) func(string) *httptest.ResponseRecorder {
		return func(token string) *httptest.ResponseRecorder {
			f := p.forgeryOf("x")
			f.as(app, app.assertion(h.t))
			change(f, token)
			return f.send()
		}
	}
	return map[*place]func(string) *httptest.ResponseRecorder{
		{name: "the assertion of /token", takes: "recovery token", refuses: refused}: exchange(
			func(f *forgery, token string) { f.form.Set("assertion", token) }),
		{name: "the client assertion of /token", takes: "client assertion", refuses: refused}: exchange(
			func(f *forgery, token string) { f.form.Set("client_assertion", token) }),
		{name: "the DPoP header of /token", takes: "DPoP proof", refuses: refused}: exchange(
			func(f *forgery, token string) { f.proof = func() string { return token } }),
		{name: "/complete", takes: "access token", last: true, refuses: refused}: p.complete,
		{name: "/introspect", takes: "access token", alsoTakes: "recovery token", refuses: inactive}: func(token string) *httptest.ResponseRecorder {
			return p.introspect(app, token)
		},
		{name: "/handoff", takes: "recovery token", refuses: refused}: func(token string) *httptest.ResponseRecorder {
			return p.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: token})
		},
		{name: "the recovery_id of /attest", takes: "recovery_id", refuses: refused}: func(token string) *httptest.ResponseRecorder {
			return p.post("/recovery/attest", p.evidence(wire.InitiateResponse{RecoveryID: token, Statement: p.initiate("sign-in").Statement}))
		},
		{name: "the recovery_id of /status", takes: "recovery_id", last: true, refuses: refused}: func(token string) *httptest.ResponseRecorder {
			return p.post("/recovery/status", wire.StatusRequest{RecoveryID: token})
		},
		{name: "the nonce of a proof", takes: "DPoP nonce", refuses: refused}: func(token string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			if !h.lives(token) {
				w.WriteHeader(http.StatusUnauthorized)
			}
			return w
		},
		{name: "the code of the broker's /token", takes: "code", refuses: refused}: p.brokerCode,
		{name: "the broker's login cookie", takes: "login cookie", refuses: refused}: func(token string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r := request(h.t, http.MethodGet, "/recovery/oidc/authorize", nil)
			r.AddCookie(&http.Cookie{Name: loginCookie, Value: token})
			if h.waitingLogin(r) == nil {
				w.WriteHeader(http.StatusForbidden)
			}
			return w
		},
	}
}

func (p *program) brokerCode(code string) *httptest.ResponseRecorder {
	return p.ask("oidc/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {brokerRedirect}, "code_verifier": {verifier},
	}, basicOf("keycloak", brokerSecret)...)
}

// authorizationCode is what the identity provider gets for a login that is a recovery.
func (p *program) authorizationCode() string {
	b := p.h.browser()
	b.get(authorization(), "same-origin")
	return location(p.h.t, b.press(b.confirmed(p.handoffCode("sign-in"))), http.StatusSeeOther, brokerRedirect+"?").Get("code")
}

// signedIn is what it redeems the code for.
func (p *program) signedIn(code string) (idToken, access string) {
	p.h.t.Helper()
	out := answer[struct {
		IDToken string `json:"id_token"`
		Access  string `json:"access_token"`
	}](p.h.t, p.brokerCode(code))
	return out.IDToken, out.Access
}
