package hydra_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
)

// program is alice's recovery, ready for the program that proved itself.
func program(t *testing.T) upstream.Session {
	now := time.Now()
	return upstream.Session{
		AccountID: alice.ID, Subject: "subject", Txn: "txn-" + strings.ToLower(t.Name()), Program: true,
		Actions: []attest.Action{attest.ActionSignIn, attest.ActionRevokeSessions}, GrantedAt: now, Now: now,
	}
}

// roundTrip is a function as the adapter's way to the server.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *world) through(t *testing.T, f roundTrip) *hydra.Adapter {
	t.Helper()
	return w.adapter(t, w.both.URL, func(c *hydra.Config) { c.HTTPClient = &http.Client{Transport: f} })
}

// getsNone demands that a program gets no token, and that nothing is trusted.
func (w *world) getsNone(t *testing.T, a *hydra.Adapter, s upstream.Session, want error) {
	t.Helper()
	if out, err := a.Session(t.Context(), s); !errors.Is(err, want) || out.Token != nil {
		t.Errorf("got %v, %v, want %v", out.Token != nil, err, want)
	}
	if left := w.recoveries(t, alice.ID); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAProgramsTokenIsTheSubjectsAndNothingIsTrustedAfterwards(t *testing.T) {
	w := realHydra(t)
	var assertion, trusted string
	keep := w.through(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/oauth2/token" {
			body, err := io.ReadAll(r.Body)
			must(t, err)
			form, err := url.ParseQuery(string(body))
			must(t, err)
			assertion = form.Get("assertion")
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			trusted = strings.Join(w.recoveries(t, alice.ID), " ")
			w.trustsAliceAlone(t)
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	s := program(t)
	out, err := keep.Session(t.Context(), s)
	must(t, err)
	if out.Token.Kind != upstream.TokenAccess || out.Token.Type != "Bearer" || out.Token.Scope != "recover" || out.Token.ExpiresIn <= 0 {
		t.Errorf("got a %s of type %s, scope %q, for %s", out.Token.Kind, out.Token.Type, out.Token.Scope, out.Token.ExpiresIn)
	}
	told, err := w.Introspect(t.Context(), out.Token.Value)
	must(t, err)
	if !told.Active || told.Subject != alice.ID || told.Client != w.programs || told.Scope != "recover" {
		t.Errorf("introspection: %+v", told)
	}
	if want := w.site.URL + "/recovery/" + s.Txn; trusted != want || len(w.recoveries(t, alice.ID)) > 0 {
		t.Errorf("trusted %q, want %q and then nothing: %v", trusted, want, w.recoveries(t, alice.ID))
	}
	if status := w.present(t, assertion); status != http.StatusBadRequest {
		t.Errorf("replayed: %d", status)
	}
}

// trustsAliceAlone demands that there is one trust, about alice and no other subject, for what was configured, and that it says of itself
// that it is over soon.
func (w *world) trustsAliceAlone(t *testing.T) {
	t.Helper()
	all, err := w.Trusts(t.Context(), "")
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("trusts: %+v", all)
	}
	trust := all[0]
	if trust.AnySubject || trust.Subject != alice.ID || strings.Join(trust.Scope, " ") != "recover" {
		t.Errorf("the trust is %+v", trust)
	}
	if lasts := time.Until(trust.ExpiresAt); lasts <= 0 || lasts > 2*time.Minute {
		t.Errorf("the trust lasts for %s", lasts)
	}
}

// present sends an assertion as the client for programs.
func (w *world) present(t *testing.T, assertion string) int {
	t.Helper()
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}, "scope": {"recover"}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.both.URL+"/oauth2/token", strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(w.programs, w.programsSecret)
	resp, err := http.DefaultClient.Do(r)
	must(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestWhoMayHaveNoTokenIsNotTrusted(t *testing.T) {
	w := realHydra(t)
	for name, c := range map[string]struct {
		change func(*upstream.Session, *hydra.Config)
		want   error
	}{
		"perhaps privileged":        {func(_ *upstream.Session, cfg *hydra.Config) { cfg.AssumeUnprivileged = false }, upstream.ErrRefused},
		"a recovery without a name": {func(s *upstream.Session, _ *hydra.Config) { s.Txn = "" }, upstream.ErrRefused},
		"nobody":                    {func(s *upstream.Session, _ *hydra.Config) { s.AccountID = "" }, upstream.ErrNoAccount},
		"an action that sets something up": {func(s *upstream.Session, _ *hydra.Config) {
			s.Actions = append(s.Actions, attest.ActionResetPassword)
		}, upstream.ErrUnsupported},
		"not configured": {func(_ *upstream.Session, cfg *hydra.Config) {
			cfg.GrantClientID, cfg.GrantClientSecret, cfg.GrantScope = "", "", nil
		}, upstream.ErrUnsupported},
		"another secret": {func(_ *upstream.Session, cfg *hydra.Config) { cfg.GrantClientSecret = "wrong" }, upstream.ErrUnavailable},
		"a client that may not": {func(_ *upstream.Session, cfg *hydra.Config) {
			cfg.GrantClientID, cfg.GrantClientSecret = gateway, secret
		}, upstream.ErrUnavailable},
		"another issuer": {func(_ *upstream.Session, cfg *hydra.Config) { cfg.Issuer = "https://other.example" }, upstream.ErrUnavailable},
		"a clock that is late": {func(_ *upstream.Session, cfg *hydra.Config) {
			cfg.Clock = func() time.Time { return time.Now().Add(-time.Minute) }
		}, upstream.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := program(t)
			_, err := w.adapter(t, w.both.URL).Session(t.Context(), s) // the good case
			must(t, err)
			a := w.adapter(t, w.both.URL, func(cfg *hydra.Config) { c.change(&s, cfg) })
			w.getsNone(t, a, s, c.want)
		})
	}
}

func TestATokenWhoseTrustStaysIsKeptBack(t *testing.T) {
	w := realHydra(t)
	s, other := program(t), program(t)
	other.Txn += "-other"
	down := w.through(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/trust/") {
			return nil, http.ErrHandlerTimeout
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	for _, s := range []upstream.Session{s, other} {
		if out, err := down.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) || out.Token != nil {
			t.Errorf("got %v, %v", out.Token != nil, err)
		}
	}
	a := w.adapter(t, w.both.URL)
	must(t, a.Abandon(t.Context(), s)) // as after a crash
	if left := w.recoveries(t, alice.ID); len(left) != 1 || !strings.HasSuffix(left[0], other.Txn) {
		t.Errorf("left: %v, want the other recovery's", left)
	}
	_, err := a.Session(t.Context(), other) // it is asked for again, and ends what it left
	must(t, err)
	if left := w.recoveries(t, alice.ID); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
