package recovery

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

// What happens to the account while a step cannot be done is seen before it is done after all.
func TestNoStepIsDoneForAnAccountThatIsNoLongerAllowed(t *testing.T) {
	changes := map[string]func(*upstream.State){
		"disabled":   func(s *upstream.State) { s.Enabled = false },
		"privileged": func(s *upstream.State) { s.Privilege = upstream.PrivilegePrivileged },
		"unknown":    func(s *upstream.State) { s.Privilege = upstream.PrivilegeUnknown },
		"renamed":    func(s *upstream.State) { s.Identifiers = []string{"somebody"} },
		"impossible": func(s *upstream.State) { s.Impossible = []attest.Action{attest.ActionResetPassword} },
		"deleted":    func(s *upstream.State) { s.ID = "gone" },
	}
	for _, step := range []string{"revoke", "prepare", "session"} {
		for name, change := range changes {
			t.Run(name+" before "+step, func(t *testing.T) {
				h := newHouse(t)
				h.idp.set(step, upstream.ErrUnavailable)
				browser := browserHolder("b")
				ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
				if step == "session" {
					must(t, err)
					_, err = h.Session(t.Context(), ready.Txn, browser)
				}
				if !errors.Is(err, ErrUnavailable) {
					t.Fatalf("%v, want ErrUnavailable", err)
				}
				h.idp.set(step, nil)
				h.idp.mu.Lock()
				change(&h.idp.state)
				h.idp.calls = nil
				h.idp.mu.Unlock()
				h.wait(leaseLife)
				if step == "session" {
					_, err = h.Session(t.Context(), ready.Txn, browser)
				} else {
					_, err = h.Continue(t.Context(), ContinueRequest{Browser: browser})
				}
				if !errors.Is(err, ErrRefused) || strings.Contains(h.idp.log(), step) {
					t.Errorf("%v after %s", err, h.idp.log())
				}
				h.sweep(2 * time.Second)
				if s := h.state(h.only().Txn); s != StateAbandoned {
					t.Errorf("state %s", s)
				}
			})
		}
	}
}

// Nothing is committed between two steps, but whoever may not go on does not.
func TestNoStepFollowsOneDuringWhichTheRecoveryWasLostOrStopped(t *testing.T) {
	for name, during := range map[string]func(*house){
		"the owner vetoed":        (*house).revokeDevice,
		"another took the lease":  func(h *house) { h.wait(leaseLife); must(h.t, h.takes(h.only().Txn)) },
		"the time for it is over": func(h *house) { h.wait(completionLife + time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.idp.onRevoke = func() { during(h) }
			ready, err := h.entering(browserHolder("b"), h.handoff())
			if !errors.Is(err, ErrSpent) || ready.Way != nil || h.idp.called("prepare") {
				t.Errorf("while sessions were ended: %+v, %v after %s", ready, err, h.idp.log())
			}
			h = newHouse(t)
			h.idp.onPrepare = func() { during(h) }
			ready, err = h.entering(browserHolder("b"), h.handoff())
			if !errors.Is(err, ErrSpent) || ready.Way != nil || h.idp.called("session") {
				t.Errorf("while the account was prepared: %+v, %v after %s", ready, err, h.idp.log())
			}
		})
	}
}

// Whoever signs in meanwhile with a credential that he still has is not thrown out again with each try.
func TestAStepThatWasDoneIsNotDoneAgainWithOneThatIsPutOff(t *testing.T) {
	h := newHouse(t)
	h.idp.set("prepare", upstream.ErrUnavailable)
	browser := browserHolder("b")
	_, err := h.entering(browser, h.handoff())
	for range 3 {
		if !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%v, want ErrUnavailable", err)
		}
		h.sweep(time.Minute)
		_, err = h.entering(browser, "")
	}
	h.idp.set("prepare", nil)
	if ready, err := h.entering(browser, ""); err != nil || ready.Way == nil || strings.Count(h.idp.log(), "revoke") != 1 {
		t.Errorf("%+v, %v after %s", ready, err, h.idp.log())
	}
}

// Each step has all of its time, so that nobody else begins one meanwhile.
func TestALeaseIsRenewedBetweenStepsBeforeOneOutlastsIt(t *testing.T) {
	const takingBack = 5 * time.Second // see the adapters' unlinkTime and endTime
	for took, renewed := range map[time.Duration]bool{0: false, leaseKept - time.Second: false, leaseKept: true, stepTime: true} {
		h := newHouse(t)
		var ends, left time.Time
		done := 0
		h.idp.onRevoke = func() { ends = h.only().LeaseUntil; h.wait(took) }
		h.idp.onSession = func() { left, done = h.only().LeaseUntil, h.only().Done }
		_, err := h.entering(browserHolder("b"), h.handoff())
		must(t, err)
		if renewed != (done > 0) { // nothing else is committed between steps
			t.Errorf("a step of %s: %d steps are written down as done", took, done)
		}
		if left.After(ends) != renewed || left.Sub(h.Clock()) <= stepTime+takingBack {
			t.Errorf("a step of %s: the lease ended at %s, and then at %s", took, ends, left)
		}
	}
}

// dies has the process die while the session is made, for the browser.
func (h *house) dies(browser Holder) {
	type death struct{}
	h.idp.onSession = func() { panic(death{}) }
	func() {
		defer func() { _, _ = recover().(death) }()
		_, _ = h.entering(browser, h.handoff())
	}()
	h.idp.onSession, h.idp.calls = nil, nil
}

// Whoever dies has written nothing down of what he did: it is done again by whoever goes on.
func TestStepsAreDoneAgainAfterACrash(t *testing.T) {
	h := direct(t)
	h.dies(browserHolder("b"))
	h.sweep(leaseLife)
	rec := h.only()
	if got := h.idp.log(); rec.State != StateSession || rec.Subject == "" || got != "state revoke state prepare" {
		t.Fatalf("state %s after %s", rec.State, got)
	}
	ready, err := h.entering(browserHolder("b"), "")
	if err != nil || ready.Way == nil || h.idp.ways[0].Subject != rec.Subject {
		t.Errorf("%+v, %v", ready, err)
	}
}

// Its browser finds it again while nobody has gone on yet, and is told to wait.
func TestACrashWhileTheSessionIsMadeHidesTheRecoveryFromNobody(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	h.dies(browser)
	txn, ready, err := h.ReadyFor(t.Context(), browser)
	if err != nil || !ready {
		t.Fatalf("ready %v, %v", ready, err)
	}
	if _, err := h.Session(t.Context(), txn, browser); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
}

func TestAWayInOfWhichNothingCameGoesWithItsRecovery(t *testing.T) {
	h := newHouse(t)
	h.dies(browserHolder("b"))
	h.idp.links = []string{h.only().Subject} // it was made before the process died
	h.sweep(completionLife + time.Second)
	h.sweep(time.Minute)
	if rec := h.only(); rec.State != StateAbandoned || len(h.idp.links) > 0 {
		t.Errorf("state %s, left %q", rec.State, h.idp.links)
	}
}

func TestWhatTheAccountsStoreDoesNotTakeIsRefusedBeforeAnythingIsDone(t *testing.T) {
	h := newHouse(t)
	h.idp.state.Impossible = []attest.Action{attest.ActionResetPassword}
	if _, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask()))); !errors.Is(err, ErrRefused) {
		t.Fatalf("%v, want ErrRefused", err)
	}
	if e := h.entries(journal.KindRecoveryRefused); len(e) != 1 || e[0].Detail["reason"] != refusedStore.text {
		t.Errorf("the journal says %+v", e)
	}
	req := h.ask()
	req.Actions = []attest.Action{attest.ActionSignIn}
	if _, err := h.Attest(t.Context(), h.proof(h.initiate(req))); err != nil {
		t.Errorf("what the store has no part in: %v", err)
	}
}
