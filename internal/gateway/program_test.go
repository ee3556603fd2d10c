package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest/attesttest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/wire"
)

func (p *program) exchange(token string, change ...func(url.Values)) *httptest.ResponseRecorder {
	p.h.t.Helper()
	form := url.Values{"grant_type": {grant.GrantType}, "assertion": {token}, "client_id": {grant.ClientDevice}}
	for _, c := range change {
		c(form)
	}
	return p.h.serve(request(p.h.t, http.MethodPost, "/recovery/token", strings.NewReader(form.Encode()),
		"Content-Type", formType, "DPoP", p.proof("/recovery/token", "")))
}

func (p *program) complete(access string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	return p.h.serve(request(p.h.t, http.MethodPost, "/recovery/complete", nil, "Authorization", "DPoP "+access,
		"DPoP", p.proof("/recovery/complete", wire.AccessTokenHash(access))))
}

func wantOAuth(t testing.TB, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	var e struct{ Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != status || e.Error != code || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %v %s, want %d %s", w.Code, w.Header(), w.Body, status, code)
	}
}

func TestProgramRecoversThroughTheTokenEndpoint(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	token := p.granted("revoke-sessions")
	out := answer[wire.TokenResponse](t, p.exchange(token))
	if out.TokenType != "DPoP" || out.Scope != "recovery:complete" || out.ExpiresIn != 300 {
		t.Errorf("%+v", out)
	}
	wantOAuth(t, p.exchange(token), http.StatusBadRequest, "invalid_grant") // once
	if done := answer[wire.CompleteResponse](t, p.complete(out.AccessToken)); done.Outcome != wire.OutcomeDone {
		t.Errorf("%+v", done)
	}
}

func TestProgramThatAsksForASessionIsHandedToTheBrowser(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	access := answer[wire.TokenResponse](t, p.exchange(p.granted("sign-in"))).AccessToken
	done := answer[wire.CompleteResponse](t, p.complete(access))
	if done.Outcome != wire.OutcomeHandoff || done.Code == "" || done.ExpiresIn != 60 || done.ContinueURI != issuer+"/continue" {
		t.Errorf("%+v", done)
	}
	if again := answer[wire.CompleteResponse](t, p.complete(access)); again.Code == done.Code { // the answer may have got lost
		t.Error("the same code twice")
	}
}

func TestTokenEndpointSpeaksOAuth(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	token := p.granted("sign-in")
	post := func(body string, headers ...string) *httptest.ResponseRecorder {
		return h.serve(request(t, http.MethodPost, "/recovery/token", strings.NewReader(body), headers...))
	}
	wantOAuth(t, post("{}", "Content-Type", "application/json"), http.StatusUnsupportedMediaType, "invalid_request")
	wantOAuth(t, post("--x--", "Content-Type", "multipart/form-data; boundary=x"), http.StatusUnsupportedMediaType, "invalid_request")
	wantOAuth(t, post(strings.Repeat("a", wire.MaxBody+1), "Content-Type", formType), http.StatusRequestEntityTooLarge, "invalid_request")
	wantOAuth(t, post("grant_type=password", "Content-Type", formType, "DPoP", "x"), http.StatusBadRequest, "invalid_dpop_proof")
	wantOAuth(t, h.get("/recovery/token"), http.StatusMethodNotAllowed, "invalid_request")
	wantOAuth(t, p.exchange(token, func(f url.Values) { f.Set("grant_type", "password") }), http.StatusBadRequest, "unsupported_grant_type")
	wantOAuth(t, p.exchange(token, func(f url.Values) { f.Set("client_id", "nobody") }), http.StatusUnauthorized, "invalid_client")
	wantOAuth(t, p.exchange(token, func(f url.Values) { f.Set("client_id", grant.ClientBrowser) }), http.StatusBadRequest, "unauthorized_client")
	wantOAuth(t, p.exchange(token+"x"), http.StatusBadRequest, "invalid_grant")
	thief := &program{h: h, key: attesttest.NewKey(t)}
	wantOAuth(t, thief.exchange(token), http.StatusBadRequest, "invalid_grant")
	h.db.down.Store(true)
	w := p.exchange(token)
	wantOAuth(t, w, http.StatusServiceUnavailable, "temporarily_unavailable")
	if w.Header().Get("Retry-After") == "" {
		t.Error("does not say when to come again")
	}
	h.db.down.Store(false)
	answer[wire.TokenResponse](t, p.exchange(token)) // none of it has spent the token
}

func TestCompleteNeedsTokenAndProofTogether(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	access := answer[wire.TokenResponse](t, p.exchange(p.granted("revoke-sessions"))).AccessToken
	path := "/recovery/complete"
	for name, c := range map[string]struct {
		status  int
		headers []string
	}{
		"no token":               {401, []string{"DPoP", p.proof(path, "")}},
		"bearer":                 {401, []string{"Authorization", "Bearer " + access, "DPoP", p.proof(path, wire.AccessTokenHash(access))}},
		"no proof":               {400, []string{"Authorization", "DPoP " + access}},
		"proof without token":    {400, []string{"Authorization", "DPoP " + access, "DPoP", p.proof(path, "")}},
		"proof of another token": {400, []string{"Authorization", "DPoP " + access, "DPoP", p.proof(path, wire.AccessTokenHash("x"))}},
		"unknown token":          {401, []string{"Authorization", "DPoP x", "DPoP", p.proof(path, wire.AccessTokenHash("x"))}},
	} {
		w := h.serve(request(t, http.MethodPost, path, nil, c.headers...))
		wantProblem(t, w, c.status, wire.ProblemHolder, "")
		if got := w.Header().Get("WWW-Authenticate"); (got == "") == (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate is %q", name, got)
		}
	}
	thief := &program{h: h, key: attesttest.NewKey(t)}
	wantProblem(t, thief.complete(access), http.StatusUnauthorized, wire.ProblemHolder, "")
	answer[wire.CompleteResponse](t, p.complete(access)) // none of it has spent the token
}

// A request that was seen on its way and is sent again would be answered with a code for whoever sends it.
func TestHandoffProofIsGoodOnce(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	ask := wire.HandoffRequest{RecoveryToken: p.granted("sign-in")}
	proof := p.proof("/recovery/handoff", "")
	out := answer[wire.HandoffResponse](t, h.postJSON("/recovery/handoff", ask, "DPoP", proof))
	if out.Code == "" || out.ExpiresIn != 60 || out.ContinueURI != issuer+"/continue" {
		t.Errorf("%+v", out)
	}
	wantProblem(t, h.postJSON("/recovery/handoff", ask, "DPoP", proof), http.StatusBadRequest, wire.ProblemHolder, "")
}

func TestHandoffIsForTheHolder(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	token := p.granted("sign-in")
	thief := &program{h: h, key: attesttest.NewKey(t)}
	wantProblem(t, thief.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: token}), http.StatusBadRequest, wire.ProblemHolder, "")
	wantProblem(t, p.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: "x"}), http.StatusBadRequest, wire.ProblemRecoveryExpired, "")
	wantProblem(t, p.post("/recovery/handoff", wire.HandoffRequest{}), http.StatusBadRequest, wire.ProblemMalformed, "/recovery_token")
	wantProblem(t, h.postJSON("/recovery/handoff", wire.HandoffRequest{RecoveryToken: token}), http.StatusBadRequest, wire.ProblemHolder, "")
	writes := h.db.writes.Load()
	p.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: "x"})
	if h.db.writes.Load() != writes {
		t.Error("somebody without a token made us write")
	}
}

func TestActivationCodeIsGoodOnceAndRefusalsAreTheSameBytes(t *testing.T) {
	h := open(t)
	code, err := h.Authority.NewCode(t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(t, err)
	enroll := func(code, csr string) *httptest.ResponseRecorder {
		return h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{ActivationCode: code, CSR: csr})
	}
	wantProblem(t, enroll(code.Text, "x"), http.StatusBadRequest, wire.ProblemMalformed, "/csr")
	wantProblem(t, enroll("", "x"), http.StatusBadRequest, wire.ProblemMalformed, "/activation_code")
	wantProblem(t, enroll(code.Text, ""), http.StatusBadRequest, wire.ProblemMalformed, "/csr")
	out := answer[wire.EnrollResponse](t, enroll(code.Text, csr(t, attesttest.NewKey(t))))
	if out.Account != alice || out.Issuer != issuer || len(out.CertificateChain) == 0 || out.NotAfter.Before(time.Now()) {
		t.Errorf("%+v", out)
	}
	spent := enroll(code.Text, csr(t, attesttest.NewKey(t)))
	wantProblem(t, spent, http.StatusForbidden, wire.ProblemInvalidCode, "")
	other, err := h.Authority.NewCode(t.Context(), authority.CodeRequest{Identifier: alice, As: "admin"})
	must(t, err)
	last := "0"
	if strings.HasSuffix(other.Text, last) {
		last = "1"
	}
	for name, bad := range map[string]string{"nonsense": "x", "wrong": other.Text[:len(other.Text)-1] + last} {
		if w := enroll(bad, csr(t, attesttest.NewKey(t))); w.Code != spent.Code || w.Body.String() != spent.Body.String() {
			t.Errorf("%s is told apart: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestBrowsersEnrollNoDevices(t *testing.T) {
	h := open(t)
	w := h.postJSON("/recovery/devices/enroll", wire.EnrollRequest{ActivationCode: "x", CSR: "x"}, "Origin", origin)
	wantProblem(t, w, http.StatusForbidden, wire.ProblemRefused, "")
}
