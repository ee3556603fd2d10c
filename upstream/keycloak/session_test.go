package keycloak_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// recovered lets the browser of s in at the application.
func (w *world) recovered(t *testing.T, s upstream.Session) {
	t.Helper()
	w.enter(t, s)
	b := newBrowser(t, w)
	address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
	b.redeem(w, b.open(address), verifier)
}

// thief signs in with the stolen password and takes an offline token as well.
// It returns the ids of the sessions.
func (w *world) thief(t *testing.T, s upstream.Session) []string {
	t.Helper()
	newBrowser(t, w).signIn(w, "alice", "alice-password", nil)
	newBrowser(t, w).signIn(w, "alice", "alice-password", url.Values{"scope": {"openid offline_access"}})
	online, offline := w.sessions(t, s.AccountID)
	if len(online) == 0 || len(offline) == 0 {
		t.Fatal("the thief has no session and offline session")
	}
	return append(online, offline...)
}

func TestASessionOpenedBeforeTheRecoverysLoginDoesNotOutliveIt(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	must(t, w.adapter.Revoke(t.Context(), s.AccountID))
	stolen := w.thief(t, s)
	w.recovered(t, s)
	later := newBrowser(t, w)
	later.signIn(w, "alice", "alice-password", nil)
	s.RedeemedAt, s.Now = w.broker.redeemed(), time.Now()

	failing := aged(t, time.Minute, stolen)
	down := w.through(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "/sessions/") {
			return nil, http.ErrHandlerTimeout
		}
		return failing(r)
	})
	if done, err := down.Finish(t.Context(), s); done || err == nil {
		t.Fatalf("finished although the thief's session could not be ended: %v, %v", done, err)
	}
	done, err := w.through(t, aged(t, time.Minute, stolen)).Finish(t.Context(), s)
	if !done || err != nil {
		t.Fatalf("not finished: %v, %v", done, err)
	}
	online, offline := w.sessions(t, s.AccountID)
	if slices.ContainsFunc(stolen, func(id string) bool { return slices.Contains(online, id) }) || len(offline) > 0 {
		t.Error("the thief is still signed in")
	}
	if len(online) != 2 {
		t.Errorf("%d sessions are left, want the recovery's and the later one", len(online))
	}
}

func TestTheRecoverysLoginIsToldByTheServersClock(t *testing.T) {
	w := realKeycloak(t)
	for _, off := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		t.Run(off.String(), func(t *testing.T) {
			s := w.recovery(t, attest.ActionSignIn)
			s.GrantedAt = s.GrantedAt.Add(off)
			stolen := w.thief(t, s)
			s.RedeemedAt, s.Now = time.Now().Add(off), time.Now().Add(off)
			if done, err := w.through(t, aged(t, 10*time.Second, stolen)).Finish(t.Context(), s); done || err != nil {
				t.Errorf("a session that began 10 seconds earlier is taken for the login: %v, %v", done, err)
			}
			w.recovered(t, s)
			s.RedeemedAt, s.Now = w.broker.redeemed().Add(off), time.Now().Add(off)
			if done, err := w.through(t, aged(t, 10*time.Second, stolen)).Finish(t.Context(), s); !done || err != nil {
				t.Errorf("the login does not show: %v, %v", done, err)
			}
		})
	}
}

func TestANewFactorIsToldFromTheLostOneByTheServersClock(t *testing.T) {
	w := realKeycloak(t)
	for _, off := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		t.Run(off.String(), func(t *testing.T) {
			s := w.recovery(t, attest.ActionReplaceOTP, attest.ActionSignIn)
			t.Cleanup(func() { w.removeOTPs(t, s.AccountID) })
			w.addOTP(t, s.AccountID, "lost", s.GrantedAt.Add(-20*time.Second))
			w.enter(t, s)
			fresh := w.addOTP(t, s.AccountID, "new", s.GrantedAt.Add(20*time.Second))
			must(t, w.Admin(t.Context(), "PUT", "/users/"+s.AccountID, map[string]any{"requiredActions": []string{}}, nil))
			b := newBrowser(t, w)
			address, verifier := w.appURL(url.Values{"kc_idp_hint": {"regrant"}})
			b.redeem(w, b.open(address), verifier)
			s.GrantedAt, s.RedeemedAt, s.Now = s.GrantedAt.Add(off), w.broker.redeemed().Add(off), time.Now().Add(off)
			if done, err := w.adapter.Finish(t.Context(), s); !done || err != nil {
				t.Errorf("not finished: %v, %v", done, err)
			}
			if left := w.otps(t, s.AccountID); !slices.Equal(left, []string{fresh}) {
				t.Errorf("factors left %v, want %s", left, fresh)
			}
		})
	}
}

func TestALoginWhileSessionsAreRevokedDoesNotHoldTheRecoveryUp(t *testing.T) {
	w := realKeycloak(t)
	s := w.recovery(t, attest.ActionSignIn)
	stolen := w.thief(t, s)
	between := 0
	a := w.through(t, func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if r.Method == http.MethodDelete || strings.HasSuffix(r.URL.Path, "/logout") {
			newBrowser(t, w).signIn(w, "alice", "alice-password", nil)
			between++
		}
		return resp, err
	})
	must(t, a.Revoke(t.Context(), s.AccountID))
	online, offline := w.sessions(t, s.AccountID)
	if between < 2 || len(online) == 0 {
		t.Fatalf("%d logins while sessions were revoked, %d sessions", between, len(online))
	}
	if slices.ContainsFunc(stolen, func(id string) bool { return slices.Contains(online, id) }) || len(offline) > 0 {
		t.Error("a session from before is left")
	}
}

func TestAnotherRecoverysWayInStays(t *testing.T) {
	w := realKeycloak(t)
	first := w.recovery(t, attest.ActionSignIn)
	w.recovered(t, first)
	first.RedeemedAt, first.Now = w.broker.redeemed(), time.Now()
	second := first
	second.Subject, second.RedeemedAt = first.Subject+"-second", time.Time{}
	w.enter(t, second)

	must(t, w.adapter.Abandon(t.Context(), first))
	if done, err := w.adapter.Finish(t.Context(), first); !done || err != nil {
		t.Errorf("the first is not finished: %v, %v", done, err)
	}
	links, err := w.FederatedIdentities(t.Context(), first.AccountID)
	must(t, err)
	if len(links) != 1 || links[0].UserID != second.Subject {
		t.Errorf("links %+v, want the second recovery's", links)
	}
	must(t, w.adapter.Abandon(t.Context(), second))
	if w.linked(t, first.AccountID) {
		t.Error("the second way in is still there")
	}
}
