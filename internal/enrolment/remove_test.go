package enrolment

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/storage"
)

func TestARemovedAuthenticatorIsOverAndSoIsTheSession(t *testing.T) {
	for name, end := range ends() {
		h := open(t)
		v := h.alice()
		id := h.bind(v, key, "blue").ID
		must(t, end(h, v, id))
		if a := h.get(id); a.RevokedAt.IsZero() || a.RevokedBy != "owner" || a.RevokeReason == "" {
			t.Errorf("%s: %+v", name, a)
		}
		if _, err := h.Logins.Read(t.Context(), v.Secret); !errors.Is(err, login.ErrNone) {
			t.Errorf("%s: the session goes on: %v", name, err)
		}
	}
}

// ends are the ways in which an owner ends an authenticator.
func ends() map[string]func(*house, Visitor, string) error {
	return map[string]func(*house, Visitor, string) error{
		"removed":       func(h *house, v Visitor, id string) error { return h.Remove(h.t.Context(), v, id) },
		"reported lost": func(h *house, v Visitor, id string) error { return h.ReportLost(h.t.Context(), v, id) },
	}
}

// Each starts from the good case and changes one thing.
func TestWhoMayNotEndAnAuthenticator(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *house, v *Visitor, id *string)
		want   error
	}{
		"somebody else":    {func(h *house, v *Visitor, _ *string) { *v = h.visit(bobID, "pwd") }, ErrUnknown},
		"nobody":           {func(_ *house, v *Visitor, _ *string) { v.Secret = "" }, login.ErrNone},
		"another's secret": {func(h *house, v *Visitor, _ *string) { v.Secret = h.visit(bobID, "pwd").Secret }, login.ErrNone},
		"who signed out":   {func(h *house, v *Visitor, _ *string) { must(h.t, h.Logins.End(h.t.Context(), v.Secret)) }, login.ErrNone},
		"of none":          {func(_ *house, _ *Visitor, id *string) { *id = "x" }, ErrUnknown},
		"of nothing":       {func(_ *house, _ *Visitor, id *string) { *id = "" }, ErrUnknown},
		"twice": {func(h *house, v *Visitor, id *string) {
			must(h.t, h.Remove(h.t.Context(), *v, *id))
			*v = h.alice()
		}, ErrUnknown},
		"while the store is down": {func(h *house, _ *Visitor, _ *string) { h.db.writesDown.Store(true) }, io.ErrClosedPipe},
	} {
		for how, end := range ends() {
			h := open(t)
			v := h.alice()
			id := h.bind(v, key, "blue").ID
			bound := id
			c.change(h, &v, &id)
			if err := end(h, v, id); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", name, how, err, c.want)
			}
			if name != "twice" && !h.get(bound).RevokedAt.IsZero() {
				t.Errorf("%s: %s", name, how)
			}
		}
	}
}

// to report a loss, whoever has lost the better factor signs in with the other.
func TestALossIsReportedWithLessThanARemovalNeeds(t *testing.T) {
	h := open(t)
	id := h.bind(h.visit(aliceID, "hwk", "pin"), key, "blue").ID
	v := h.visit(aliceID, "pwd")
	if err := h.Remove(t.Context(), v, id); !matches(err, &login.Refusal{}) {
		t.Errorf("removed with one factor: %v", err)
	}
	must(t, h.ReportLost(t.Context(), v, id))
}

// recovered notes that alice recovered a moment ago with these.
func (h *house) recovered(with ...string) {
	h.t.Helper()
	h.wait(time.Minute)
	h.update(func(tx storage.Tx) error { return h.Accounts.Recovered(tx, aliceID, with) })
	h.wait(time.Minute)
}

func TestForSevenDaysAfterARecoveryNothingChanges(t *testing.T) {
	h := open(t)
	thief, other := h.bind(h.alice(), key, "blue").ID, h.bind(h.alice(), key, "red").ID
	h.wait(probation)
	h.recovered(thief)
	wantQuarantine := func(when string, want error) {
		t.Helper()
		v := h.alice()
		if _, err := h.Begin(t.Context(), v, attest.MethodPasskey, nil); !errors.Is(err, want) {
			t.Errorf("%s: binding: %v", when, err)
		}
		if err := h.Remove(t.Context(), v, other); !errors.Is(err, want) {
			t.Errorf("%s: removing: %v", when, err)
		}
	}
	wantQuarantine("at once", account.ErrQuarantine)
	if err := h.ReportLost(t.Context(), h.alice(), other); !errors.Is(err, account.ErrQuarantine) {
		t.Errorf("who recovered took the owner's other way back: %v", err)
	}
	h.wait(account.Quarantine - 3*time.Minute)
	wantQuarantine("on the seventh day", account.ErrQuarantine)
	h.wait(3 * time.Minute)
	wantQuarantine("after it", nil)
}

func TestWhatWasBoundSinceARecoveryIsReportedLostAtOnce(t *testing.T) {
	h := open(t)
	with, older := h.bind(h.alice(), key, "blue").ID, h.bind(h.alice(), key, "red").ID
	h.wait(probation)
	h.recovered(with)
	v := h.alice()
	v.Holder = "browser"
	h.wait(time.Second)
	h.update(func(tx storage.Tx) error { return h.Accounts.Proven(tx, older, attest.Claims{}, false, "browser") })
	id := h.bind(v, key, "green").ID
	h.wait(time.Second)
	must(t, h.ReportLost(t.Context(), h.alice(), id))
}

// Whoever signed in before the recovery may be whom the account was recovered from.
func TestARecoveryEndsTheSessionsThatBeganBeforeIt(t *testing.T) {
	h := open(t)
	id := h.bind(h.alice(), key, "blue").ID
	v := h.alice()
	h.recovered(id)
	if err := h.ReportLost(t.Context(), v, id); !errors.Is(err, login.ErrNone) {
		t.Errorf("%v", err)
	}
}

func TestAnOlderAuthenticatorProvenInTheSessionLiftsTheQuarantine(t *testing.T) {
	for name, c := range map[string]struct {
		prove func(h *house, recovered, older string) string
		want  error
	}{
		"an older one":           {func(_ *house, _, older string) string { return older }, nil},
		"the one that recovered": {func(_ *house, recovered, _ string) string { return recovered }, account.ErrQuarantine},
		"none":                   {func(*house, string, string) string { return "" }, account.ErrQuarantine},
		"one that was revoked": {func(h *house, _, older string) string {
			h.update(func(tx storage.Tx) error { _, err := h.Accounts.Revoke(tx, older, "admin", "lost"); return err })
			return older
		}, account.ErrQuarantine},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			with, older := h.bind(h.alice(), key, "blue").ID, h.bind(h.alice(), key, "red").ID
			h.wait(probation)
			h.recovered(with)
			id := c.prove(h, with, older)
			v := h.alice()
			v.Holder = "browser"
			h.wait(time.Second)
			if id != "" {
				h.update(func(tx storage.Tx) error { return h.Accounts.Proven(tx, id, attest.Claims{}, false, "browser") })
			}
			if _, err := h.Begin(t.Context(), v, attest.MethodPasskey, nil); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			h.wait(time.Minute)
			if _, err := h.Begin(t.Context(), h.alice(), attest.MethodPasskey, nil); !errors.Is(err, account.ErrQuarantine) {
				t.Errorf("in a session in which nothing was proven: %v", err)
			}
		})
	}
}
