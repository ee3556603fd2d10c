package hydra

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// calledItself is an adapter whose server answers so for its version, and to whatever else that nothing is there; every call is counted by path.
func calledItself(t *testing.T, version *string) (*Adapter, map[string]int) {
	t.Helper()
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/version":
			_, _ = w.Write([]byte(*version))
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = w.Write([]byte("[]"))
		}
	}))
	t.Cleanup(server.Close)
	a, err := New(Config{URL: server.URL, AdminURL: server.URL, PublicURL: "https://id.example.com", ClientID: "gateway", ClientSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return a, asked
}

func TestAVersionBelowTheFloorIsNotSpokenTo(t *testing.T) {
	for version, want := range map[string]error{
		`{"version":"v2.3.0"}`: nil,
		`{"version":"v2.2.0"}`: upstream.ErrTooOld,
		`{"version":null}`:     upstream.ErrUnavailable,
	} {
		now := time.Now()
		s := upstream.Session{
			AccountID: "alice-1", Subject: "subject", Txn: "txn", Entry: "login_challenge=c", Actions: []attest.Action{attest.ActionSignIn}, GrantedAt: now, Now: now,
		}
		for name, verb := range map[string]func(*Adapter) error{
			"State":   func(a *Adapter) error { _, err := a.State(t.Context(), s.AccountID); return err },
			"Revoke":  func(a *Adapter) error { return a.Revoke(t.Context(), s.AccountID) },
			"Abandon": func(a *Adapter) error { return a.Abandon(t.Context(), s) },
			"Session": func(a *Adapter) error {
				_, err := a.Session(t.Context(), s)
				if want == nil && !errors.Is(err, upstream.ErrTooOld) {
					return nil // the login that it asks for is not there
				}
				return err
			},
			"LoginResult": func(a *Adapter) error {
				_, err := a.LoginResult(t.Context(), upstream.Answer{Code: "c"}, upstream.Login{})
				if want == nil && !errors.Is(err, upstream.ErrTooOld) {
					return nil // nor is the provider's metadata
				}
				return err
			},
		} {
			a, asked := calledItself(t, &version)
			if err := verb(a); !errors.Is(err, want) {
				t.Errorf("%s, %s: %v, want %v", version, name, err, want)
			}
			if want != nil && len(asked) != 1 {
				t.Errorf("%s, %s: asked for %v", version, name, asked)
			}
		}
	}
}

// A recovery makes no call more than before, as long as the version is believed in.
func TestAGoodVersionIsAskedForOnceAndABadOneAgain(t *testing.T) {
	version := `{"version":"v2.2.0"}`
	a, asked := calledItself(t, &version)
	for range 2 {
		if _, err := a.State(t.Context(), "alice-1"); !errors.Is(err, upstream.ErrTooOld) {
			t.Fatal(err)
		}
	}
	version = `{"version":"v2.3.0"}` // upgraded
	for range 3 {
		if _, err := a.State(t.Context(), "alice-1"); err != nil {
			t.Fatal(err)
		}
		if err := a.Revoke(t.Context(), "alice-1"); err != nil {
			t.Fatal(err)
		}
	}
	if asked["/version"] != 3 {
		t.Errorf("asked %d times, want 3", asked["/version"])
	}
}
