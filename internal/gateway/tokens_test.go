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
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/storage"
)

// about asks introspect or revoke about a token, as an application.
func (p *program) about(endpoint string, a application, assertion, token string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	f := &forgery{t: p.h.t, p: p, form: url.Values{"token": {token}}}
	f.as(a, assertion)
	return p.ask(endpoint, f.form)
}

func (p *program) ask(endpoint string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	return p.h.serve(request(p.h.t, http.MethodPost, "/recovery/"+endpoint, strings.NewReader(form.Encode()),
		append([]string{"Content-Type", formType}, headers...)...))
}

func (p *program) introspect(a application, token string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	return p.about("introspect", a, a.assertion(p.h.t), token)
}

func (p *program) revoke(a application, token string) *httptest.ResponseRecorder {
	p.h.t.Helper()
	return p.about("revoke", a, a.assertion(p.h.t), token)
}

// redeemed is an access token of an application.
func (p *program) redeemed(a application, actions ...string) (recoveryToken, access string) {
	p.h.t.Helper()
	f := p.forgeryOf(p.grantedTo(a.id, actions...))
	f.as(a, a.assertion(p.h.t))
	return f.good, answer[wire.TokenResponse](p.h.t, f.send()).AccessToken
}

func wantInactive(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != http.StatusOK || w.Body.String() != `{"active":false}` || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
}

// a client learns about its own living tokens.
func TestIntrospectionDescribesBothTokens(t *testing.T) {
	p, app, _ := staffed(t)
	recoveryToken := p.grantedTo(app.id, "revoke-sessions")
	got := answer[wire.IntrospectionResponse](t, p.introspect(app, recoveryToken))
	if !got.Active || got.TokenType != "N_A" || got.ClientID != app.id || got.Subject != aliceID || got.Txn == "" || got.Confirmation.CertificateSHA256 == "" {
		t.Errorf("recovery token: %+v", got)
	}
	_, access := p.redeemed(app, "revoke-sessions")
	got = answer[wire.IntrospectionResponse](t, p.introspect(app, access))
	now := time.Now().Unix()
	if !got.Active || got.TokenType != "DPoP" || got.Scope != grant.ScopeComplete || got.Issuer != issuer ||
		got.Confirmation.Thumbprint != wire.Thumbprint(p.key.Public()) || got.IssuedAt > now || got.ExpiresAt <= now {
		t.Errorf("access token: %+v", got)
	}
}

// of what does not live, or is not its own, a client learns nothing.
func TestIntrospectionOfAnythingElseIsInactive(t *testing.T) {
	p, app, other := staffed(t)
	redeemed, access := p.redeemed(app, "revoke-sessions")
	for name, token := range map[string]string{
		"random": "x", "a redeemed recovery token": redeemed, "flipped": flip(access, 3), "a client assertion": app.assertion(t),
		"a DPoP proof": p.tokenProof(),
	} {
		t.Run(name, func(t *testing.T) { wantInactive(t, p.introspect(app, token)) })
	}
	wantInactive(t, p.introspect(other, access))
	wantInactive(t, p.introspect(other, p.grantedTo(app.id, "revoke-sessions")))
	_, second := p.redeemed(app, "revoke-sessions")
	revokeAll(t, p.h)
	wantInactive(t, p.introspect(app, second)) // vetoed
}

// only who proved itself is answered.
func TestIntrospectionNeedsAConfidentialClient(t *testing.T) {
	p, app, _ := staffed(t)
	_, access := p.redeemed(app, "revoke-sessions")
	form := url.Values{"token": {access}}
	wantOAuth(t, p.ask("introspect", form), http.StatusBadRequest, "invalid_request")
	for _, id := range []string{grant.ClientDevice, grant.ClientBrowser, "kiosk", "nobody", app.id} {
		form.Set("client_id", id)
		wantOAuth(t, p.ask("introspect", form, "DPoP", p.proof("/recovery/introspect", "")), http.StatusUnauthorized, "invalid_client")
	}
	wantOAuth(t, p.ask("introspect", url.Values{}, basicOf("batch", batchSecret)...), http.StatusBadRequest, "invalid_request")
	wantOAuth(t, p.h.get("/recovery/introspect"), http.StatusMethodNotAllowed, "invalid_request")
	wantInactive(t, p.ask("introspect", url.Values{"token": {access}}, basicOf("batch", batchSecret)...))
	p.h.db.down.Store(true)
	wantOAuth(t, p.introspect(app, access), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// a revoked token ends its recovery, with every token of it, and the journal says so.
func TestRevocationEndsTheRecovery(t *testing.T) {
	for name, pick := range map[string]func(recoveryToken, access string) string{
		"by its access token":   func(_, access string) string { return access },
		"by its recovery token": func(recoveryToken, _ string) string { return recoveryToken },
	} {
		t.Run(name, func(t *testing.T) {
			p, app, _ := staffed(t)
			recoveryToken, access := p.redeemed(app, "revoke-sessions")
			if w := p.revoke(app, pick(recoveryToken, access)); w.Code != http.StatusOK || w.Body.Len() != 0 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			wantInactive(t, p.introspect(app, access))
			wantProblem(t, p.complete(access), http.StatusBadRequest, wire.ProblemRecoveryExpired, "")
			if !journalled(t, p.h, "revoked by the client") {
				t.Error("the journal does not say so")
			}
		})
	}
	t.Run("before it is redeemed", func(t *testing.T) {
		p, app, _ := staffed(t)
		f := p.forgeryOf(p.grantedTo(app.id, "revoke-sessions"))
		if w := p.revoke(app, f.good); w.Code != http.StatusOK {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
		f.as(app, app.assertion(t))
		wantOAuth(t, f.send(), http.StatusBadRequest, "invalid_grant")
	})
}

func journalled(t testing.TB, h *house, reason string) (found bool) {
	t.Helper()
	must(t, h.DB.View(t.Context(), func(r storage.Reader) error {
		entries, err := journal.New("main").OfAccount(r, aliceID, 100)
		for _, e := range entries {
			found = found || e.Detail["reason"] == reason
		}
		return err
	}))
	return found
}

// unknown tokens are answered as revoked ones; another's token is left alone.
func TestRevocationOfAnythingElseChangesNothing(t *testing.T) {
	p, app, other := staffed(t)
	recoveryToken, access := p.redeemed(app, "revoke-sessions")
	for _, token := range []string{"x", flip(access, 3), app.assertion(t)} {
		if w := p.revoke(app, token); w.Code != http.StatusOK {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
	wantOAuth(t, p.revoke(other, access), http.StatusBadRequest, "invalid_grant")
	wantOAuth(t, p.revoke(other, recoveryToken), http.StatusBadRequest, "invalid_grant")
	form := url.Values{"token": {access}}
	wantOAuth(t, p.ask("revoke", form), http.StatusBadRequest, "invalid_request")
	form.Set("client_id", app.id)
	wantOAuth(t, p.ask("revoke", form), http.StatusUnauthorized, "invalid_client")
	form.Set("client_id", "kiosk")
	wantOAuth(t, p.ask("revoke", form), http.StatusBadRequest, "invalid_dpop_proof")
	wantOAuth(t, p.ask("revoke", form, "DPoP", p.proof("/recovery/revoke", "")), http.StatusBadRequest, "invalid_grant")
	answer[wire.CompleteResponse](t, p.complete(access)) // it still opens the completion
}

// A public client proves with its DPoP key that a token is its own.
func TestPublicClientRevokesWithItsKey(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	access := answer[wire.TokenResponse](t, p.exchange(p.granted("revoke-sessions"))).AccessToken
	form := url.Values{"token": {access}, "client_id": {grant.ClientDevice}, "token_type_hint": {"refresh_token"}}
	thief := &program{h: h, key: attesttest.NewKey(t)}
	wantOAuth(t, p.ask("revoke", form, "DPoP", thief.proof("/recovery/revoke", "")), http.StatusBadRequest, "invalid_grant")
	proof := p.proof("/recovery/revoke", "")
	if w := p.ask("revoke", form, "DPoP", proof); w.Code != http.StatusOK {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	wantProblem(t, p.complete(access), http.StatusBadRequest, wire.ProblemRecoveryExpired, "")
}

// the metadata says what there is.
func TestMetadataSaysWhatTheClientsNeed(t *testing.T) {
	p, _, _ := staffed(t)
	w := p.h.get("/.well-known/oauth-authorization-server/recovery")
	var got map[string]any
	must(t, json.Unmarshal(w.Body.Bytes(), &got))
	for member, want := range map[string]string{
		"issuer":                 `"` + issuer + `"`,
		"introspection_endpoint": `"` + issuer + `/introspect"`, "revocation_endpoint": `"` + issuer + `/revoke"`,
		"token_endpoint_auth_methods_supported":            `["none","client_secret_basic","private_key_jwt","tls_client_auth"]`,
		"introspection_endpoint_auth_methods_supported":    `["client_secret_basic","private_key_jwt","tls_client_auth"]`,
		"token_endpoint_auth_signing_alg_values_supported": `["ES256","PS256"]`,
		"tls_client_certificate_bound_access_tokens":       `true`,
		"grant_types_supported":                            `["` + grant.GrantType + `"]`,
	} {
		if text, _ := json.Marshal(got[member]); string(text) != want {
			t.Errorf("%s: %s, want %s", member, text, want)
		}
	}
	if got["mtls_endpoint_aliases"] != nil {
		t.Error("names a site for certificates that there is not")
	}
}
