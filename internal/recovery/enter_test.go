package recovery

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

// entering goes on in browser as far as into the session.
func (h *house) entering(browser Holder, code string) (Ready, error) {
	return h.Continue(h.t.Context(), ContinueRequest{Code: code, Browser: browser, Enter: true, Entry: "entry"})
}

func TestASessionThatIsMadeAtOnceHasItsSubjectStoredBefore(t *testing.T) {
	for name, h := range map[string]*house{"a broker's": newHouse(t), "the provider's own": direct(t)} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			stored := ""
			h.idp.onSession = func() { stored = h.only().Subject }
			ready, err := h.entering(browserHolder("b"), h.handoff())
			must(t, err)
			way := h.idp.ways[0]
			if stored == "" || stored != way.Subject || way.Entry != "entry" || way.Program {
				t.Errorf("stored %q, asked for %+v", stored, way)
			}
			if !ready.SignIn || ready.Way == nil || (ready.Way.Direct != nil) != h.idp.direct || (ready.Way.Login != nil) == h.idp.direct {
				t.Errorf("%+v", ready)
			}
			if got := h.idp.log(); got != "state state revoke state prepare state session" {
				t.Errorf("asked the provider for %s", got)
			}
		})
	}
}

func TestASessionMadeAtOnceIsGivenAgainToItsBrowserAlone(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	_, err := h.entering(browser, h.handoff())
	must(t, err)
	if _, err := h.entering(browserHolder("thief"), ""); !errors.Is(err, ErrSpent) {
		t.Errorf("another browser: %v", err)
	}
	again, err := h.entering(browser, "")
	if err != nil || again.Way == nil || h.idp.ways[1].Subject != h.idp.ways[0].Subject || len(h.entries(journal.KindRecoverySession)) != 1 {
		t.Errorf("%+v, %v, asked for %+v", again, err, h.idp.ways)
	}
}

// Its steps are being done again by somebody else, who ends sessions.
func TestWhoeverLostTheLeaseGetsNoCode(t *testing.T) {
	h := newHouse(t)
	ready, err := h.entering(browserHolder("b"), h.handoff())
	must(t, err)
	code := h.code(ready.Txn)
	code.Lease = ready.Way.Login.Lease
	h.wait(leaseLife)
	must(t, h.takes(ready.Txn))
	if err := h.Logins().Issue(t.Context(), code); !errors.Is(err, ErrBusy) || h.state(ready.Txn) != StatePrepare {
		t.Errorf("under the one that ran out: %v, state %s", err, h.state(ready.Txn))
	}
	must(t, h.Logins().Issue(t.Context(), h.code(ready.Txn)))
	if state := h.state(ready.Txn); state != StateSession {
		t.Errorf("state %s", state)
	}
}

func TestALoginThatCannotBeAnsweredIsMadeAnewAtOnce(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	ready, err := h.entering(browser, h.handoff())
	must(t, err)
	must(t, h.Leave(t.Context(), ready.Way.Login))
	if rec := h.only(); rec.State != StateSession || rec.Lease != "" {
		t.Fatalf("%+v", rec)
	}
	code := h.code(ready.Txn) // under nobody's lease
	if err := h.Logins().Issue(t.Context(), code); !errors.Is(err, ErrBusy) {
		t.Errorf("a code for what was given back: %v", err)
	}
	again, err := h.Session(t.Context(), ready.Txn, browser)
	must(t, err)
	must(t, h.Leave(t.Context(), ready.Way.Login)) // comes late, and takes nothing away
	code.Lease = again.Login.Lease
	must(t, h.Logins().Issue(t.Context(), code))
	must(t, h.Leave(t.Context(), again.Login))
	must(t, h.Logins().Redeem(t.Context(), code.Signature))
}

// The sweeper may take the lease just before the code is out.
func TestWhileACodeLivesNobodyGetsAnother(t *testing.T) {
	h := newHouse(t)
	txn, _ := h.inSession(browserHolder("b"))
	must(t, h.takes(txn))
	second := h.code(txn)
	second.Signature = "second"
	if err := h.Logins().Issue(t.Context(), second); !errors.Is(err, broker.ErrSpent) {
		t.Errorf("%v, want ErrSpent", err)
	}
}

func TestAVetoWhileASessionIsMadeAtOnceKeepsItBack(t *testing.T) {
	h := direct(t)
	h.idp.onSession = h.revokeDevice
	ready, err := h.entering(browserHolder("b"), h.handoff())
	if !errors.Is(err, ErrSpent) || ready.Way != nil {
		t.Fatalf("%+v, %v", ready, err)
	}
	h.sweep(2 * time.Second)
	if s := h.state(ready.Txn); s != StateAbandoned || !h.idp.called("abandon") {
		t.Errorf("state %s after %s", s, h.idp.log())
	}
}

func TestAnAccountThatIsBarredMeanwhileGetsNoSessionAtOnce(t *testing.T) {
	h := direct(t)
	code := h.handoff()
	h.idp.state.Enabled = false
	if ready, err := h.entering(browserHolder("b"), code); !errors.Is(err, ErrRefused) || ready.Way != nil || len(h.idp.ways) > 0 {
		t.Errorf("%+v, %v", ready, err)
	}
}

// Whatever stops the session leaves the recovery where its browser can go on with it at once.
func TestASessionThatCannotBeMadeAtOnceIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]error{"not reached": upstream.ErrUnavailable, "no login waits": upstream.ErrNoLogin} {
		t.Run(name, func(t *testing.T) {
			h := direct(t)
			browser := browserHolder("b")
			code := h.handoff()
			h.idp.set("session", fault)
			ready, err := h.entering(browser, code)
			if err == nil || ready.Txn == "" || ready.Way != nil {
				t.Fatalf("%+v, %v", ready, err)
			}
			if rec := h.only(); rec.State != StateSession || rec.leased(h.Clock()) || rec.Answered {
				t.Fatalf("%+v", rec)
			}
			h.idp.set("session", nil)
			if ready, err = h.entering(browser, ""); err != nil || ready.Way == nil || len(h.entries(journal.KindRecoverySession)) != 1 {
				t.Errorf("%+v, %v", ready, err)
			}
		})
	}
}
