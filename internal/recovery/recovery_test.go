package recovery

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

func TestARecoveryEndsInASessionAndLeavesNothingBehind(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	txn, signature := h.inSession(browser)
	if got := h.idp.log(); got != "state state revoke state prepare state session" {
		t.Fatalf("the identity provider was asked %q", got)
	}
	must(t, h.Logins().Redeem(t.Context(), signature))
	h.sweep(2 * time.Second)
	if h.state(txn) != StateFinish {
		t.Fatalf("finished before the session showed: %s", h.state(txn))
	}
	h.idp.login = true
	h.sweep(3 * time.Second)
	if h.state(txn) != StateDone || len(h.idp.links) != 0 {
		t.Fatalf("state %s, links %v", h.state(txn), h.idp.links)
	}
	for _, kind := range []journal.Kind{
		journal.KindRecoveryGranted, journal.KindRecoveryRedeemed, journal.KindRecoverySession, journal.KindRecoveryDone,
	} {
		if n := len(h.entries(kind)); n != 1 {
			t.Errorf("%d journal entries %s, want 1", n, kind)
		}
	}
	if h.notices(MessageGranted) != 1 || h.notices(MessageDone) != 1 {
		t.Errorf("notices granted %d, done %d", h.notices(MessageGranted), h.notices(MessageDone))
	}
}

func TestInitiateReadsAndWritesNothingAndAsksNobody(t *testing.T) {
	h := newHouse(t)
	reads, writes := h.db.count()
	known := h.initiate(h.ask())
	req := h.ask()
	req.Account, _ = attest.ParseIdentifier("ghost@example.com")
	unknown := h.initiate(req)
	if r, w := h.db.count(); r != reads || w != writes {
		t.Fatalf("initiate read %d and wrote %d", r-reads, w-writes)
	}
	if h.idp.log() != "" {
		t.Fatalf("initiate asked the identity provider: %s", h.idp.log())
	}
	if len(known.RecoveryID) != len(unknown.RecoveryID) || len(known.Statement.Text()) != len(unknown.Statement.Text()) {
		t.Fatal("the answer's size depends on the account")
	}
}

func TestAFailedAttestCostsTheSameForAnyAccount(t *testing.T) {
	h := newHouse(t)
	stranger := h.ca.Device(t, nil)
	cost := func(identifier string) [3]int {
		req := h.ask()
		req.Account, _ = attest.ParseIdentifier(identifier)
		req.Holder.Value = stranger.Thumbprint()
		in := h.initiate(req)
		proof := h.proof(in)
		proof.Holder = req.Holder
		proof.Evidence[0].Body = stranger.Evidence(in.Statement.Text())
		reads, writes := h.db.count()
		checks := h.checks
		if _, err := h.Attest(t.Context(), proof); !errors.Is(err, ErrRefused) {
			t.Fatalf("a stranger's certificate: %v", err)
		}
		r, w := h.db.count()
		return [3]int{r - reads, w - writes, h.checks - checks}
	}
	known, unknown := cost(alice), cost("ghost@example.com")
	if known != unknown || known[2] != 1 {
		t.Fatalf("reads, writes, signature checks: known %v, unknown %v", known, unknown)
	}
	if h.idp.log() != "" {
		t.Fatalf("a failed proof reached the identity provider: %s", h.idp.log())
	}
}

// Each case starts from a good recovery and changes one thing.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(h *house, req *InitiateRequest)
		change func(h *house, in Initiated, req *AttestRequest)
		reason string // in the journal
	}{
		{name: "a stolen certificate without its key", change: func(h *house, in Initiated, r *AttestRequest) {
			other := h.ca.Device(h.t, nil)
			stolen := *h.device
			stolen.Key = other.Key
			r.Evidence[0].Body = stolen.Evidence(in.Statement.Text())
		}, reason: "signature"},
		{name: "a device nobody bound", change: func(h *house, in Initiated, r *AttestRequest) {
			r.Evidence[0].Body = h.ca.Device(h.t, nil).Evidence(in.Statement.Text())
		}, reason: "identity"},
		{name: "another statement's proof", change: func(h *house, _ Initiated, r *AttestRequest) {
			r.Evidence[0].Body = h.device.Evidence(h.initiate(h.ask()).Statement.Text())
		}, reason: "signature"},
		{name: "another holder", change: func(h *house, _ Initiated, r *AttestRequest) {
			r.Holder.Value = h.ca.Device(h.t, nil).Thumbprint()
		}, reason: "holder"},
		{name: "a browser with the program's holder", change: func(_ *house, _ Initiated, r *AttestRequest) {
			r.Holder.Kind = HolderBrowser
		}, reason: "holder"},
		{
			name: "relayed into a browser", before: func(_ *house, req *InitiateRequest) { req.Holder = browserHolder("thief") },
			change: func(_ *house, _ Initiated, r *AttestRequest) { r.Holder = browserHolder("thief") }, reason: "not-relay-resistant",
		},
		{name: "a revoked device", before: func(h *house, _ *InitiateRequest) { h.revokeDevice() }, reason: "revoked"},
		{name: "somebody else's account", before: func(_ *house, req *InitiateRequest) {
			req.Account, _ = attest.ParseIdentifier("bob@example.com")
		}, reason: "identifier-not-owned"},
		{name: "a disabled account", before: func(h *house, _ *InitiateRequest) { h.idp.state.Enabled = false }, reason: "account-disabled"},
		{name: "a privileged account", before: func(h *house, _ *InitiateRequest) {
			h.idp.state.Privilege = upstream.PrivilegePrivileged
		}, reason: "account-privileged"},
		{name: "an account whose roles cannot be read", before: func(h *house, _ *InitiateRequest) {
			h.idp.state.Privilege = upstream.PrivilegeUnknown
		}, reason: "privilege-unknown"},
		{name: "an account that is gone", before: func(h *house, _ *InitiateRequest) { h.idp.state.ID = "other" }, reason: "account-gone"},
		{name: "an action that the upstream lacks", before: func(_ *house, req *InitiateRequest) {
			req.Actions = []attest.Action{attest.ActionSignIn, attest.ActionReplaceOTP}
		}, reason: "action-unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			req := h.ask()
			if c.before != nil {
				c.before(h, &req)
			}
			in := h.initiate(req)
			proof := h.proof(in)
			proof.Holder = req.Holder
			if c.change != nil {
				c.change(h, in, &proof)
			}
			if _, err := h.Attest(t.Context(), proof); !errors.Is(err, ErrRefused) {
				t.Fatalf("%v, want ErrRefused", err)
			}
			entries := h.entries(journal.KindRecoveryRefused)
			if len(entries) != 1 || !strings.Contains(entries[0].Detail["reason"], c.reason) {
				t.Fatalf("journal %v, want one entry with reason %q", entries, c.reason)
			}
			if told := h.notices(MessageRefused) == 1; told != (entries[0].AccountID != "") {
				t.Fatalf("owner told: %v, account known: %v", told, entries[0].AccountID != "")
			}
			if len(h.entries(journal.KindRecoveryGranted)) != 0 {
				t.Fatal("granted all the same")
			}
		})
	}
}

func TestARecoveryIDIsBurntByItsFirstUse(t *testing.T) {
	h := newHouse(t)
	in := h.initiate(h.ask())
	bad := h.proof(in)
	bad.Evidence[0].Body = []byte(`{}`)
	if _, err := h.Attest(t.Context(), bad); !errors.Is(err, ErrRefused) {
		t.Fatalf("bad evidence: %v", err)
	}
	if _, err := h.Attest(t.Context(), h.proof(in)); !errors.Is(err, ErrExpired) {
		t.Fatalf("second use: %v, want ErrExpired", err)
	}
}

func TestAnAlteredRecoveryIDIsExpired(t *testing.T) {
	h := newHouse(t)
	in := h.initiate(h.ask())
	altered := h.proof(in)
	middle, other := len(altered.RecoveryID)/2, "A"
	if altered.RecoveryID[middle] == 'A' {
		other = "B"
	}
	altered.RecoveryID = altered.RecoveryID[:middle] + other + altered.RecoveryID[middle+1:]
	if _, err := h.Attest(t.Context(), altered); !errors.Is(err, ErrExpired) {
		t.Fatalf("altered: %v", err)
	}
}

func TestNothingIsGrantedWhileNobodyCanTell(t *testing.T) {
	for name, fault := range map[string]func(h *house){
		"identity provider down": func(h *house) { h.idp.set("state", upstream.ErrUnavailable) },
		"identity provider odd":  func(h *house) { h.idp.set("state", errors.New("garbage")) },
		"store down":             func(h *house) { h.db.down = errors.New("disk on fire") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			in := h.initiate(h.ask())
			fault(h)
			if _, err := h.Attest(t.Context(), h.proof(in)); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("%v, want ErrUnavailable", err)
			}
			h.db.down = nil
			if n := len(h.entries(journal.KindRecoveryGranted)); n != 0 {
				t.Fatalf("%d grants", n)
			}
		})
	}
}

func TestACompletionGoesOnWhenTheIdentityProviderIsBack(t *testing.T) {
	for _, verb := range []string{"state", "revoke", "prepare"} {
		t.Run(verb, func(t *testing.T) {
			h := newHouse(t)
			browser := browserHolder("b")
			code := h.handoff()
			h.idp.set(verb, upstream.ErrUnavailable)
			if _, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browser}); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("%v, want ErrUnavailable", err)
			}
			h.idp.set(verb, nil)
			ready, err := h.Continue(t.Context(), ContinueRequest{Browser: browser})
			if err != nil || !ready.SignIn {
				t.Fatalf("resumed: %+v, %v", ready, err)
			}
		})
		t.Run(verb+", by the sweeper", func(t *testing.T) {
			h := newHouse(t)
			code := h.handoff()
			h.idp.set(verb, upstream.ErrUnavailable)
			_, _ = h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")})
			h.idp.set(verb, nil)
			h.sweep(leaseLife)
			if got := h.only().State; got != StateSession {
				t.Fatalf("state %s, want session", got)
			}
		})
	}
}

func TestTheSessionStepIsRepeatedUntilItSucceedsWithOneSubject(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	h.idp.set("session", upstream.ErrUnavailable)
	if _, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v, want ErrUnavailable", err)
	}
	before := h.only().Subject
	h.idp.set("session", nil)
	way, err := h.Session(t.Context(), ready.Txn, browser)
	must(t, err)
	if before == "" || way.Login.Subject != before {
		t.Fatalf("subject stored before the call %q, used %q", before, way.Login.Subject)
	}
}

func TestTheSessionIsMadeForTheBrowserThatProvedItselfAndOnce(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	if _, err := h.Session(t.Context(), ready.Txn, browserHolder("thief")); !errors.Is(err, ErrSpent) {
		t.Fatalf("another browser: %v", err)
	}
	if _, ok, err := h.ReadyFor(t.Context(), browserHolder("thief")); ok || err != nil {
		t.Fatalf("ready for another browser: %v %v", ok, err)
	}
	if txn, ok, err := h.ReadyFor(t.Context(), browser); !ok || err != nil || txn != ready.Txn {
		t.Fatalf("not ready for its browser: %v %v", ok, err)
	}
	_, err = h.Session(t.Context(), ready.Txn, browser)
	must(t, err)
	must(t, h.Logins().Issue(t.Context(), h.code(ready.Txn)))
	second := h.code(ready.Txn)
	second.Signature = "second"
	if err := h.Logins().Issue(t.Context(), second); !errors.Is(err, broker.ErrSpent) {
		t.Fatalf("second code while the first lives: %v", err)
	}
	if _, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrBusy) {
		t.Fatalf("second session: %v", err)
	}
	h.wait(61 * time.Second) // the page was closed before the code was redeemed
	if _, err := h.Logins().Code(t.Context(), "code-"+ready.Txn); !errors.Is(err, broker.ErrSpent) {
		t.Fatalf("old code: %v", err)
	}
	if _, err := h.Session(t.Context(), ready.Txn, browser); err != nil {
		t.Fatalf("again after the code died unused: %v", err)
	}
	again := h.code(ready.Txn)
	again.Signature = "again"
	must(t, h.Logins().Issue(t.Context(), again))
	must(t, h.Logins().Redeem(t.Context(), "again"))
	if err := h.Logins().Redeem(t.Context(), "again"); !errors.Is(err, broker.ErrSpent) {
		t.Fatalf("code redeemed twice: %v", err)
	}
}

func TestNoEvidenceBurnsNothing(t *testing.T) {
	h := newHouse(t)
	in := h.initiate(h.ask())
	empty := h.proof(in)
	empty.Evidence = nil
	if _, err := h.Attest(t.Context(), empty); !errors.Is(err, ErrNoEvidence) {
		t.Fatalf("%v, want ErrNoEvidence", err)
	}
	if _, err := h.Attest(t.Context(), h.proof(in)); err != nil {
		t.Errorf("the recovery was burnt: %v", err)
	}
}
