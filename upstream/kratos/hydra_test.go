package kratos_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
	"github.com/regrant/regrant/upstream/hydra"
	"github.com/regrant/regrant/upstream/kratos"
)

// withHydra is an adapter beside a Hydra that keeps what it is asked to end, and an error as long as it is down.
func withHydra(t *testing.T, w *world) (a *kratos.Adapter, ended func(n int), down *bool) {
	t.Helper()
	var calls []string
	down = new(bool)
	fake := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		switch {
		case *down:
			rw.WriteHeader(http.StatusBadGateway)
		case r.Method == http.MethodDelete:
			calls = append(calls, r.URL.String())
			rw.WriteHeader(http.StatusNoContent)
		default:
			_, _ = rw.Write([]byte("[]"))
		}
	}))
	t.Cleanup(fake.Close)
	api, err := hydra.NewAdmin(fake.URL, nil)
	must(t, err)
	a = w.adapter(t, w.both.URL, func(c *kratos.Config) { c.Hydra = api })
	return a, func(n int) {
		t.Helper()
		if len(calls) != n {
			t.Errorf("Hydra was asked for %q", calls)
		}
		calls = nil
	}, down
}

func TestWhereSessionsEndThoseAtHydraEndFirst(t *testing.T) {
	w := realKratos(t)
	p := w.person(t, "dora")
	a, ended, down := withHydra(t, w)
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
	_, err = a.Session(t.Context(), s)
	must(t, err)
	ended(0)
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
