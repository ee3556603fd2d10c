package recovery

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// wantDelays are all the steps that the journal has as ones that could not be done. Each entry names whose recovery it is.
func (h *house) wantDelays(want ...string) {
	h.t.Helper()
	var got []string
	for _, e := range h.entries(journal.KindRecoveryDelayed) {
		if e.Txn == "" || e.Reference == "" || e.AccountID != aliceID || e.Authenticator != h.bound.ID || e.Upstream != "main" {
			h.t.Errorf("whose recovery is it? %+v", e)
		}
		got = append(got, e.Detail["step"])
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		h.t.Errorf("the journal has %q as delayed, want %q", got, want)
	}
}

// Hours of an identity provider that is away are one entry for each step, however often it is tried.
func TestAStepThatCouldNotBeDoneIsJournalledOnce(t *testing.T) {
	h, browser := direct(t), browserHolder("b")
	code := h.handoff()
	for _, step := range []string{"revoke", "prepare", "after a crash", "revoke", "prepare", "session"} {
		if step == "after a crash" { // which steps were done is forgotten
			rec := h.only()
			rec.Done = 0
			must(t, h.db.Update(t.Context(), func(tx storage.Tx) error { return h.keep(tx, rec) }))
			continue
		}
		h.idp.set(step, upstream.ErrUnavailable)
		for range 3 {
			if _, err := h.entering(browser, code); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("%s: %v, want ErrUnavailable", step, err)
			}
			code = ""
			h.sweep(30 * time.Second)
		}
		h.idp.set(step, nil)
	}
	h.wantDelays("revoke", "prepare", "session")
	_, err := h.entering(browser, "")
	must(t, err)
	h.wantDelays("revoke", "prepare", "session")
	h.idp.set("finish", upstream.ErrUnavailable)
	h.sweep(time.Minute)
	h.sweep(time.Minute)
	h.idp.set("finish", nil)
	h.idp.login = true
	h.sweep(time.Minute)
	h.wantDelays("revoke", "prepare", "session", "finish")
	if got := h.only().State; got != StateDone {
		t.Errorf("state %s at the end", got)
	}
}

func TestTakingBackThatCouldNotBeDoneIsJournalled(t *testing.T) {
	h := newHouse(t)
	h.inSession(browserHolder("b"))
	h.idp.set("abandon", upstream.ErrUnavailable)
	h.revokeDevice()
	h.sweep(time.Minute)
	h.sweep(time.Minute)
	h.wantDelays("abandoning")
}

// Nobody fills the disk with guesses while the identity provider is away.
func TestEvidenceThatCouldNotBeJudgedIsJournalledIfItWasValid(t *testing.T) {
	h := newHouse(t)
	h.idp.set("state", upstream.ErrUnavailable)
	wrong := h.proof(h.initiate(h.ask()))
	wrong.Evidence = h.proof(h.initiate(h.ask())).Evidence
	if _, err := h.Attest(t.Context(), wrong); !errors.Is(err, ErrRefused) {
		t.Fatalf("%v, want ErrRefused", err)
	}
	h.wantDelays()
	if _, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask()))); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v, want ErrUnavailable", err)
	}
	h.wantDelays("grant")
	if got := h.entries(journal.KindRecoveryDelayed)[0].Detail["network"]; got != "203.0.113.0/24" {
		t.Errorf("it came from %q", got)
	}
}
