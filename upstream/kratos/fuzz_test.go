package kratos

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// answers is a server that says the same to every question of a kind.
type answers struct {
	status                       int
	kind, location, cookie       string
	identity, list, code, posted []byte
	made                         bool // a code was redeemed
}

func (s *answers) answer(r *http.Request) *http.Response {
	resp := &http.Response{StatusCode: s.status, Header: http.Header{"Content-Type": {s.kind}}}
	body := s.identity
	switch path := r.URL.Path; {
	case path == "/admin/version":
		resp = reply(http.StatusOK, "")
		body = []byte(`{"version":"v1.3.1"}`)
	case path == "/admin/recovery/code":
		resp.StatusCode, body = http.StatusCreated, s.code
	case path == "/self-service/recovery":
		resp.Header.Set("Location", s.location)
		resp.Header.Set("Set-Cookie", s.cookie)
		if body, s.made = s.posted, true; s.status == http.StatusOK && r.Header.Get("Accept") == "text/html" {
			resp.StatusCode = http.StatusSeeOther
		}
	case path == "/sessions/whoami":
		body = bytes.Trim(s.list, "[]")
	case strings.HasSuffix(path, "/sessions") && !s.made:
		body = []byte("[]")
	case strings.HasSuffix(path, "/sessions") || path == "/admin/identities":
		body = s.list
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// FuzzAnswers: whatever the server answers, it is about whom was asked about, or an error that its callers know.
func FuzzAnswers(f *testing.F) {
	const id, kind = "4b1d", "application/json"
	session := func(of string) string {
		return `{"id":"5e55","active":true,"issued_at":"2026-11-22T12:00:00Z","authentication_methods":[{"method":"code_recovery","aal":"aal1",` +
			`"completed_at":"2026-11-22T12:00:00Z"}],"devices":[{"user_agent":"` + tagOf("s").userAgent("none") + `"}],"identity":` + of + `}`
	}
	code := []byte(`{"recovery_link":"https://id.example.com/ui?flow=f","recovery_code":"123456"}`)
	token := []byte(`{"continue_with":[{"action":"set_ory_session_token","ory_session_token":"ory_st_x"}]}`)
	one, all := []byte(oneIdentity), []byte("["+oneIdentity+"]")
	f.Add(http.StatusOK, kind, public+"/ui", "acme=x", one, all, code, token)
	f.Add(http.StatusOK, kind, public+"/ui", "acme=x", one, []byte("["+session(oneIdentity)+"]"), code, token)
	f.Add(http.StatusSeeOther, "text/html", "//evil.example", "csrf_token_x=y", one, []byte("[]"), code, []byte{})
	f.Add(http.StatusNotFound, kind, "", "", []byte(`{"error":{"code":404,"message":"x"}}`), []byte("null"), []byte("{}"), []byte("null"))
	f.Add(http.StatusForbidden, kind, "", "", []byte(`{"error":{"code":403,"id":"session_aal2_required"}}`), all, code, token)
	f.Add(http.StatusOK, "text/html", "/ui", "a=b", []byte("{}"), all, []byte(`{"recovery_link":"%zz"}`), []byte(`{"continue_with":{}}`))
	f.Fuzz(func(t *testing.T, status int, kind, location, cookie string, identity, list, code, posted []byte) {
		server := &answers{status, kind, location, cookie, identity, list, code, posted, false}
		a := answering(t, server.answer)
		state, err := a.State(t.Context(), id)
		mustBeKnown(t, err)
		if err == nil && (state.ID != id || slices.Contains(state.Identifiers, "")) {
			t.Errorf("%+v", state)
		}
		found, err := a.Resolve(t.Context(), "Alice")
		mustBeKnown(t, err)
		if same := func(s string) bool { return strings.EqualFold(s, "alice") }; err == nil && (found.ID == "" || !slices.ContainsFunc(found.Identifiers, same)) {
			t.Errorf("%+v", found)
		}
		for _, program := range []bool{false, true} {
			server.made = false
			way := upstream.Session{AccountID: id, Subject: "s", Actions: []attest.Action{attest.ActionReplaceOTP}, Program: program}
			out, err := a.Session(t.Context(), way)
			mustBeKnown(t, err)
			if err == nil && (program && out.Token.Value == "" || !program && (len(out.Direct.Cookies) == 0 || !strings.HasPrefix(out.Direct.Location, "https://"))) {
				t.Errorf("%+v", out)
			}
		}
		who, err := a.LoginResult(t.Context(), upstream.Answer{Cookies: []*http.Cookie{{Name: "a", Value: "b"}}}, upstream.Login{})
		mustBeKnown(t, err)
		if err == nil && (who.AccountID == "" || classes[who.ACR].AAL == 0) {
			t.Errorf("%+v", who)
		}
	})
}

func mustBeKnown(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{nil, upstream.ErrUnavailable, upstream.ErrNoAccount, upstream.ErrAmbiguous, upstream.ErrRefused} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("%v", err)
}
