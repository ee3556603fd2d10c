package recovery

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

// direct is a house whose identity provider makes sessions itself.
func direct(t *testing.T) *house {
	h := newHouse(t)
	h.idp.direct = true
	h.idp.programs = []attest.Action{attest.ActionSignIn, attest.ActionResetPassword}
	return h
}

// arrived is a good recovery as far as its browser's session.
func (h *house) arrived(browser Holder) (txn string) {
	h.t.Helper()
	ready, err := h.entering(browser, h.handoff())
	must(h.t, err)
	if way := ready.Way; way.Login != nil || way.Direct.Location != "/home" || len(way.Direct.Cookies) != 1 {
		h.t.Fatalf("way in %+v", way)
	}
	return ready.Txn
}

func TestADirectSessionIsCommittedBeforeItIsAnswered(t *testing.T) {
	h := direct(t)
	txn := h.arrived(browserHolder("b"))
	rec := h.only()
	if rec.State != StateFinish || rec.RedeemedAt.IsZero() || rec.Subject == "" || rec.leased(h.Clock()) {
		t.Fatalf("%+v", rec)
	}
	if h.idp.ways[0].Entry != "entry" || h.idp.ways[0].Subject != rec.Subject || h.idp.ways[0].Program {
		t.Errorf("asked for %+v", h.idp.ways[0])
	}
	if n := len(h.entries(journal.KindRecoverySession)); n != 1 {
		t.Errorf("%d journal entries of the session", n)
	}
	h.idp.login = true
	h.sweep(2 * time.Second)
	if rec := h.only(); h.state(txn) != StateDone || rec.Entry != "" {
		t.Errorf("state %s, came from %q", rec.State, rec.Entry)
	}
}

func TestALostAnswerThatBroughtTheSessionIsGivenAgainToItsBrowserForAWhile(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	txn := h.arrived(browser)
	if _, err := h.Session(t.Context(), txn, browserHolder("thief")); !errors.Is(err, ErrSpent) {
		t.Fatalf("another browser: %v", err)
	}
	h.wait(upstream.AnswerLife - time.Second)
	ready, err := h.Continue(t.Context(), ContinueRequest{Browser: browser})
	if err != nil || !ready.SignIn || ready.Txn != txn {
		t.Fatalf("%+v, %v", ready, err)
	}
	_, err = h.Session(t.Context(), txn, browser)
	must(t, err)
	if h.idp.ways[1].Subject != h.idp.ways[0].Subject || len(h.entries(journal.KindRecoverySession)) != 1 {
		t.Errorf("the second session is not in the place of the first: %+v", h.idp.ways)
	}
	h.wait(time.Second) // asking again gives no more time to ask
	if _, err := h.Session(t.Context(), txn, browser); !errors.Is(err, ErrSpent) {
		t.Errorf("after its time: %v", err)
	}
	if _, err := h.Continue(t.Context(), ContinueRequest{Browser: browser}); !errors.Is(err, ErrSpent) {
		t.Errorf("continued after its time: %v", err)
	}
}

func TestAVetoDuringTheCallKeepsADirectSessionBack(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	h.idp.onSession = h.revokeDevice
	if way, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrSpent) || way.Direct != nil {
		t.Fatalf("%+v, %v", way, err)
	}
	h.sweep(2 * time.Second)
	if s := h.state(ready.Txn); s != StateAbandoned || !h.idp.called("abandon") {
		t.Errorf("state %s after %s", s, h.idp.log())
	}
}

func TestASessionWhoseCredentialIsNeverSetIsTakenBack(t *testing.T) {
	h := direct(t)
	txn := h.arrived(browserHolder("b"))
	h.sweep(finishLife + time.Second)
	h.sweep(2 * time.Second)
	if rec := h.only(); rec.State != StateAbandoned || rec.Ending != "no new credential was set" || !h.idp.called("abandon") {
		t.Errorf("%s: %s after %s", txn, rec.Ending, h.idp.log())
	}
}

func TestAProgramGetsTheSessionThatTheUpstreamMakes(t *testing.T) {
	h := direct(t)
	tok := h.redeemed()
	for range 2 { // an answer may get lost
		done, err := h.Complete(t.Context(), tok)
		if err != nil || done.Outcome != OutcomeSession || done.Token.Value != "token" || done.Code != "" {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	if !h.idp.ways[0].Program || h.idp.ways[0].Subject != h.idp.ways[1].Subject || h.only().State != StateFinish {
		t.Errorf("asked for %+v", h.idp.ways)
	}
	h.wait(upstream.AnswerLife)
	if _, err := h.Complete(t.Context(), tok); !errors.Is(err, ErrSpent) {
		t.Errorf("after its time: %v", err)
	}
}

func TestAProgramIsHandedOverWhereItsActionsNeedABrowser(t *testing.T) {
	h := direct(t)
	h.idp.programs = []attest.Action{attest.ActionSignIn}
	done, err := h.Complete(t.Context(), h.redeemed())
	if err != nil || done.Outcome != OutcomeHandoff || len(h.idp.ways) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
}

func TestAnOutcomeThatTheFactsRuleOutLetsNobodyIn(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	h.idp.outcome = &upstream.Outcome{BrokerSubject: "s"}
	if _, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v", err)
	}
}

func TestWithoutALoginToAnswerTheRecoveryWaitsForOne(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	h.idp.set("session", upstream.ErrNoLogin)
	if _, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrNoLogin) {
		t.Fatalf("%v, want ErrNoLogin", err)
	}
	if rec := h.only(); rec.State != StateSession || rec.leased(h.Clock()) || rec.Answered {
		t.Fatalf("%+v", rec)
	}
	if txn, waits, err := h.ReadyFor(t.Context(), browser); err != nil || !waits || txn != ready.Txn {
		t.Fatalf("%s, %v, %v", txn, waits, err)
	}
	h.idp.set("session", nil)
	ready, err = h.Continue(t.Context(), ContinueRequest{Browser: browser, Enter: true, Entry: "login_challenge=x"})
	if err != nil || ready.Way == nil || ready.Way.Direct == nil {
		t.Fatalf("%+v, %v", ready, err)
	}
}

func TestASessionAskedForAgainGoesWhereTheFirstWent(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	txn := h.arrived(browser)
	_, err := h.Continue(t.Context(), ContinueRequest{Browser: browser, Enter: true, Entry: "another"})
	must(t, err)
	if first, second := h.idp.ways[0], h.idp.ways[1]; first.Entry != "entry" || second.Entry != "entry" || first.Txn != txn ||
		first.ACR != acrPrefix+h.only().Tier || len(first.AMR) == 0 {
		t.Errorf("asked for %+v and %+v", first, second)
	}
}

// Whether accounts can be asked and whether sessions can be ended are two things.
func TestSessionsEndWhereTheUpstreamCanEndThem(t *testing.T) {
	for name, c := range map[string]struct{ blind, lasting, ends bool }{
		"of accounts that can be asked":                {false, false, true},
		"of accounts that cannot be asked":             {true, false, true},
		"that nobody can end":                          {true, true, false},
		"that nobody can end, of accounts that can be": {false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := direct(t)
			h.idp.blind, h.idp.lasting = c.blind, c.lasting
			h.arrived(browserHolder("b"))
			if h.idp.called("revoke") != c.ends {
				t.Errorf("after %s", h.idp.log())
			}
			rec := h.only()
			rec.Ending = whyVetoed
			if h.endsSessions(rec) != c.ends {
				t.Errorf("after a veto, sessions end: %v", !c.ends)
			}
		})
	}
}
