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
