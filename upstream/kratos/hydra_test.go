package kratos_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	server "github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/upstream"
	oryhydra "github.com/regrant/regrant/upstream/hydra"
	"github.com/regrant/regrant/upstream/kratos"
)

// withHydra is an adapter beside a Hydra that keeps what it is asked to end, and an error as long as it is down.
func withHydra(t *testing.T, w *world) (a *kratos.Adapter, ended func(n int), down *bool, to *string) {
	t.Helper()
	var calls []string
	down, to = new(bool), new(string)
	*to = publicURL + "/oauth2/auth?login_verifier=v"
	fake := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch {
		case *down:
			rw.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/version":
			_, _ = rw.Write([]byte(`{"version":"v2.3.0"}`))
		case strings.HasSuffix(r.URL.Path, "/requests/login"):
			_, _ = rw.Write([]byte(`{"challenge":"c","skip":false}`))
		case r.Method == http.MethodPut:
			_, _ = rw.Write([]byte(`{"redirect_to":"` + *to + `"}`))
		case r.Method == http.MethodDelete:
			calls = append(calls, r.URL.String())
			rw.WriteHeader(http.StatusNoContent)
		default:
			_, _ = rw.Write([]byte("[]"))
		}
	}))
	t.Cleanup(fake.Close)
	api, err := oryhydra.NewAdmin(fake.URL, nil)
	must(t, err)
	a = w.adapter(t, w.both.URL, func(c *kratos.Config) { c.Hydra = api })
	return a, func(n int) {
		t.Helper()
		if len(calls) != n {
			t.Errorf("Hydra was asked for %q", calls)
		}
		calls = nil
	}, down, to
}

func TestWhereSessionsEndThoseAtHydraEndFirst(t *testing.T) {
	w := realKratos(t)
	p := w.person(t, "dora")
	a, ended, down, _ := withHydra(t, w)
	sessions := func(want int) {
		t.Helper()
		if all, err := w.Sessions(t.Context(), p.ID); err != nil || len(all) != want {
			t.Errorf("%d sessions, %v, want %d", len(all), err, want)
		}
	}
	_, err := w.SignIn(t.Context(), p.Identifiers[0], password)
	must(t, err)
	*down = true
	if err := a.Revoke(t.Context(), p.ID); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("with a Hydra that cannot tell: %v", err)
	}
	sessions(1) // or nothing would show that it is to be repeated
	*down = false
	must(t, a.Revoke(t.Context(), p.ID))
	sessions(0)
	ended(2)

	s := upstream.Session{AccountID: p.ID, Subject: "one", Actions: []attest.Action{attest.ActionSignIn}, Now: time.Now()}
	*down = true
	if out, err := a.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("with a Hydra that cannot tell: %+v, %v", out, err)
	}
	*down = false
	_, err = a.Session(t.Context(), s)
	must(t, err)
	ended(2) // of whoever has signed in and out since
	other := s
	other.Subject = "two"
	must(t, a.Abandon(t.Context(), other)) // of a recovery that made no session
	ended(0)
	*down = true
	if err := a.Abandon(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("with a Hydra that cannot tell: %v", err)
	}
	sessions(1)
	*down = false
	must(t, a.Abandon(t.Context(), s))
	sessions(0)
	ended(2)
}

// Whoever knows the old password may sign in, go on to an application, and sign out again before the new one is set.
func TestAnEndedSessionKeepsNothingAtHydra(t *testing.T) {
	w := realKratos(t)
	p := w.person(t, "dora")
	a, ended, down, _ := withHydra(t, w)
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	token := enterAsProgram(t, a, s)
	stolen, err := w.Whoami(t.Context(), server.Token(w.signIn(t, p)))
	must(t, err)
	must(t, w.Admin(t.Context(), http.MethodDelete, "/sessions/"+stolen.ID, nil, nil))
	ended(4)
	if finish(t, a, s) {
		t.Error("finished, but the password is the lost one")
	}
	ended(0) // it may be the owner, who tries again
	must(t, w.SetPassword(t.Context(), token, "another horse of dora"))
	*down = true
	s.RedeemedAt = s.Now.Add(-time.Minute)
	if done, err := a.Finish(t.Context(), s); done || !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("with a Hydra that cannot tell: %v, %v", done, err)
	}
	*down = false
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	ended(2)
	wantSession(t, w, token, http.StatusOK)
}

func TestWhoRecoversAloneKeepsWhatHeOpensAtHydra(t *testing.T) {
	w := realKratos(t)
	p := w.person(t, "dora")
	a, ended, _, _ := withHydra(t, w)
	s := recovery(p, attest.ActionSignIn, attest.ActionResetPassword)
	token := enterAsProgram(t, a, s)
	ended(4)
	must(t, w.SetPassword(t.Context(), token, "another horse of dora"))
	if !finish(t, a, s) {
		t.Error("not finished")
	}
	ended(0)
}

// A login of Hydra's is accepted where nothing is to be set: Kratos would ask for the credential that is lost.
func TestALoginOfHydraIsAcceptedWhereNothingIsToBeSet(t *testing.T) {
	w := realKratos(t)
	p := w.person(t, "erika")
	a, _, down, to := withHydra(t, w)
	for name, c := range map[string]struct {
		actions []attest.Action
		entry   string
		leads   string // path
	}{
		"good":                        {[]attest.Action{attest.ActionSignIn}, "login_challenge=c", "/oauth2/auth"},
		"with a password to set":      {[]attest.Action{attest.ActionSignIn, attest.ActionResetPassword}, "login_challenge=c", "/ui/settings"},
		"without a login":             {[]attest.Action{attest.ActionSignIn}, "", "/ui/settings"},
		"with a login of somebody":    {[]attest.Action{attest.ActionSignIn}, "login_challenge=another", ""},
		"back to another application": {[]attest.Action{attest.ActionSignIn}, "return_to=https%3A%2F%2Fapp.example.com%2Fhome", "/home"},
	} {
		t.Run(name, func(t *testing.T) {
			s := upstream.Session{AccountID: p.ID, Subject: name, Txn: name, Actions: c.actions, Now: time.Now(), Entry: c.entry}
			out, err := a.Session(t.Context(), s)
			if c.leads == "" {
				if !errors.Is(err, upstream.ErrUnavailable) {
					t.Errorf("%+v, %v", out, err)
				}
				return
			}
			must(t, err)
			if u, err := url.Parse(out.Direct.Location); err != nil || u.Path != c.leads {
				t.Errorf("leads to %s, want %s", out.Direct.Location, c.leads)
			}
		})
	}
	s := upstream.Session{AccountID: p.ID, Subject: "last", Txn: "last", Actions: []attest.Action{attest.ActionSignIn}, Now: time.Now(), Entry: "login_challenge=c"}
	*to = "https://evil.example/oauth2/auth?login_verifier=v"
	if out, err := a.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("to another site: %+v, %v", out, err)
	}
	*to, *down = publicURL+"/oauth2/auth?login_verifier=v", true
	if out, err := a.Session(t.Context(), s); !errors.Is(err, upstream.ErrUnavailable) {
		t.Errorf("with a Hydra that cannot tell: %+v, %v", out, err)
	}
}
