package recovery

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func TestARevocationStopsARecoveryAtEveryHop(t *testing.T) {
	browser := browserHolder("b")
	for name, hop := range map[string]func(h *house) func() error{
		"handoff": func(h *house) func() error {
			g := h.granted()
			return func() error { _, err := h.Handoff(h.t.Context(), g.Token, h.program()); return err }
		},
		"token": func(h *house) func() error {
			r := h.redemption(h.granted())
			return func() error {
				if errors.Is(h.Grants().Redeem(h.t.Context(), r), grant.ErrSpent) {
					return ErrSpent
				}
				return nil
			}
		},
		"continue": func(h *house) func() error {
			code := h.handoff()
			return func() error {
				_, err := h.Continue(h.t.Context(), ContinueRequest{Code: code, Browser: browser})
				return err
			}
		},
		"session": func(h *house) func() error {
			ready, err := h.Continue(h.t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
			must(h.t, err)
			return func() error { _, err := h.Session(h.t.Context(), ready.Txn, browser); return err }
		},
		"login": func(h *house) func() error {
			ready, err := h.entering(browser, h.handoff())
			must(h.t, err)
			code := h.code(ready.Txn)
			return func() error {
				if errors.Is(h.Logins().Issue(h.t.Context(), code), broker.ErrSpent) {
					return ErrSpent
				}
				return nil
			}
		},
		"code": func(h *house) func() error {
			_, signature := h.inSession(browser)
			return func() error {
				if errors.Is(h.Logins().Redeem(h.t.Context(), signature), broker.ErrSpent) {
					return ErrSpent
				}
				return nil
			}
		},
		"finish": func(h *house) func() error {
			_, signature := h.inSession(browser)
			must(h.t, h.Logins().Redeem(h.t.Context(), signature))
			h.idp.login = true
			return func() error { h.sweep(time.Minute); return ErrSpent } // what comes of it is looked at below
		},
		"complete": func(h *house) func() error {
			r := h.redemption(h.granted())
			must(h.t, h.Grants().Redeem(h.t.Context(), r))
			return func() error { _, err := h.Complete(h.t.Context(), r.AccessToken); return err }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			act := hop(h)
			h.revokeDevice()
			if err := act(); !errors.Is(err, ErrSpent) {
				t.Fatalf("%v, want ErrSpent", err)
			}
			for range 80 {
				h.sweep(leaseLife)
			}
			if h.only().State != StateAbandoned || len(h.idp.links) != 0 {
				t.Fatalf("state %s, links %v", h.only().State, h.idp.links)
			}
			if h.notices(MessageAbandoned) != 1 {
				t.Fatal("the owner was not told of the end")
			}
		})
	}
}

func TestAnAccountDisabledSinceTheGrantEndsTheRecovery(t *testing.T) {
	h := newHouse(t)
	code := h.handoff()
	h.idp.state.Enabled = false
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")}); !errors.Is(err, ErrRefused) {
		t.Fatalf("%v, want ErrRefused", err)
	}
	h.sweep(leaseLife)
	if h.only().State != StateAbandoned {
		t.Fatalf("state %s", h.only().State)
	}
}

func TestATokenNobodyUsesIsAbandonedAndTold(t *testing.T) {
	h := newHouse(t)
	g := h.granted()
	h.sweep(tokenLife)
	h.sweep(leaseLife)
	if h.only().State != StateAbandoned || h.notices(MessageAbandoned) != 1 {
		t.Fatalf("state %s, notices %d", h.only().State, h.notices(MessageAbandoned))
	}
	if _, err := h.Handoff(t.Context(), g.Token, h.program()); !errors.Is(err, ErrSpent) {
		t.Fatalf("old token: %v", err)
	}
}

func TestAWayInIsTakenBackHoweverLongTheIdentityProviderIsAway(t *testing.T) {
	h := newHouse(t)
	h.inSession(browserHolder("b")) // the browser never comes back
	h.idp.set("abandon", upstream.ErrUnavailable)
	h.sweep(completionLife + time.Second)
	h.sweep(leaseLife)
	if h.only().State != StateAbandoning || len(h.idp.links) != 1 {
		t.Fatalf("state %s, links %v", h.only().State, h.idp.links)
	}
	h.idp.set("abandon", nil)
	h.sweep(leaseLife)
	if h.only().State != StateAbandoned || len(h.idp.links) != 0 {
		t.Fatalf("state %s, links %v", h.only().State, h.idp.links)
	}
}

func TestASessionThatNeverShowsIsAbandoned(t *testing.T) {
	h := newHouse(t)
	_, signature := h.inSession(browserHolder("b"))
	must(t, h.Logins().Redeem(t.Context(), signature))
	h.sweep(finishLife + time.Second)
	h.sweep(leaseLife)
	if h.only().State != StateAbandoned {
		t.Fatalf("state %s", h.only().State)
	}
}

func TestAVetoAfterTheSessionEndsTheSessionAndRemovesNoFactor(t *testing.T) {
	h := newHouse(t)
	_, signature := h.inSession(browserHolder("b"))
	must(t, h.Logins().Redeem(t.Context(), signature))
	h.idp.login = true
	h.revokeDevice()
	before := h.idp.log()
	for range 3 {
		h.sweep(time.Minute)
	}
	if after := strings.TrimPrefix(h.idp.log(), before); after != " revoke abandon revoke abandon" {
		t.Fatalf("after the veto the identity provider was asked%s", after)
	}
	if h.notices(fmt.Sprintf(textStopped, "Alice's laptop", h.only().Reference)) != 1 {
		t.Fatal("the owner was told something else")
	}
	h.sweep(finishLife)
	if h.only().State != StateAbandoned {
		t.Fatalf("state %s", h.only().State)
	}
}

func TestAStepThatCouldNotBeDoneIsNotDoneLate(t *testing.T) {
	h := newHouse(t)
	code := h.handoff()
	h.idp.set("revoke", upstream.ErrUnavailable)
	_, _ = h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")})
	h.idp.set("revoke", nil)
	before := h.idp.log()
	h.sweep(completionLife + time.Second)
	h.sweep(time.Minute)
	if after := strings.TrimPrefix(h.idp.log(), before); after != "" || h.only().State != StateAbandoned {
		t.Fatalf("asked%s, state %s", after, h.only().State)
	}
}

func TestTheTimeForTheSessionIsKeptWithoutASweeper(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	way, err := h.Session(t.Context(), ready.Txn, browser)
	must(t, err)
	h.wait(completionLife + time.Second)
	code := h.code(ready.Txn)
	code.Lease = way.Login.Lease
	if err := h.Logins().Issue(t.Context(), code); !errors.Is(err, broker.ErrSpent) {
		t.Fatalf("late code: %v", err)
	}
	if _, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrSpent) {
		t.Fatalf("late session: %v", err)
	}
}

func TestANewerRecoveryEndsTheEarlierOnesOfItsAccount(t *testing.T) {
	h := newHouse(t)
	code := h.handoff()
	h.idp.set("revoke", upstream.ErrUnavailable)
	_, _ = h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")})
	earlier := h.only().Txn
	h.idp.set("revoke", nil)
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browserHolder("b")})
	must(t, err)
	before := h.idp.log()
	h.sweep(time.Minute)
	if h.state(earlier) != StateAbandoned || h.state(ready.Txn) != StateSession || h.idp.log() != before {
		t.Fatalf("earlier %s, newer %s, asked%s", h.state(earlier), h.state(ready.Txn), strings.TrimPrefix(h.idp.log(), before))
	}
}

func TestAnAccountThatIsGoneEndsItsRecovery(t *testing.T) {
	h := newHouse(t)
	h.inSession(browserHolder("b"))
	h.idp.set("abandon", upstream.ErrNoAccount)
	h.sweep(completionLife + time.Second)
	h.sweep(time.Minute)
	if h.only().State != StateAbandoned {
		t.Fatalf("state %s", h.only().State)
	}
}

func TestThatNobodyCanTellEndsNoSession(t *testing.T) {
	h := newHouse(t)
	txn, signature := h.inSession(browserHolder("b"))
	must(t, h.Logins().Redeem(t.Context(), signature))
	h.idp.set("finish", upstream.ErrUnavailable)
	h.sweep(finishLife + time.Minute)
	h.sweep(time.Minute)
	h.idp.set("finish", nil)
	h.idp.login = true
	h.sweep(time.Minute)
	if h.state(txn) != StateDone {
		t.Fatalf("state %s", h.state(txn))
	}
}

func TestACertificateThatExpiresAfterTheGrantStopsNothing(t *testing.T) {
	h := newHouse(t)
	h.device = h.ca.Device(t, nil)
	must(t, h.db.Update(t.Context(), func(tx storage.Tx) error {
		return h.Accounts.Bind(tx, &account.Authenticator{
			Upstream: "main", AccountID: aliceID, Identifiers: []string{alice}, Method: attest.MethodDeviceCertificate,
			Handles: []account.Handle{{Value: h.device.Handle()}}, NotAfter: h.Clock().Add(30 * time.Second), EffectiveAt: h.Clock(), BoundBy: "test",
		})
	}))
	code := h.handoff()
	h.wait(31 * time.Second)
	if ready, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")}); err != nil || !ready.SignIn {
		t.Fatalf("%+v, %v", ready, err)
	}
	if _, err := h.Attest(t.Context(), h.proof(h.initiate(h.ask()))); !errors.Is(err, ErrRefused) {
		t.Fatalf("and a new recovery with it: %v, want ErrRefused", err)
	}
}

func TestARecoveryWaitsForTheStepOfTheOneThatItSupersedes(t *testing.T) {
	h := newHouse(t)
	earlier := h.redemption(h.granted())
	must(t, h.Grants().Redeem(t.Context(), earlier))
	inStep, err := h.take(t.Context(), h.called(earlier.Txn), func(storage.Tx, *record) error { return nil }) // and hangs there
	must(t, err)
	newer := h.redemption(h.granted())
	must(t, h.Grants().Redeem(t.Context(), newer))
	if _, err := h.Complete(t.Context(), newer.AccessToken); !errors.Is(err, ErrBusy) {
		t.Fatalf("did not wait: %v", err)
	}
	h.sweep(time.Second)
	if h.state(earlier.Txn) != StateAbandoning {
		t.Fatalf("taken back in the middle of a step: %s", h.state(earlier.Txn))
	}
	if _, err := h.moveOn(t.Context(), inStep, StateSession); !errors.Is(err, ErrSpent) {
		t.Fatalf("the superseded one moved on: %v", err)
	}
	h.wait(leaseLife)
	if done, err := h.Complete(t.Context(), newer.AccessToken); err != nil || done.Outcome != OutcomeHandoff {
		t.Fatalf("%+v, %v", done, err)
	}
	h.sweep(time.Second)
	if h.state(earlier.Txn) != StateAbandoned {
		t.Fatalf("earlier: %s", h.state(earlier.Txn))
	}
}

func TestTwoTokensThatNobodyUsedDoEachOtherNoHarm(t *testing.T) {
	h := newHouse(t)
	code := h.handoff()
	h.granted()
	if ready, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")}); err != nil || !ready.SignIn {
		t.Fatalf("%+v, %v", ready, err)
	}
}

func TestARecoveryWhoseLoginNeverCameIsNotEndedByTheNextOnes(t *testing.T) {
	h := newHouse(t)
	earlier, signature := h.inSession(browserHolder("b"))
	must(t, h.Logins().Redeem(t.Context(), signature)) // and the answer was lost
	newer, signature := h.inSession(browserHolder("b"))
	must(t, h.Logins().Redeem(t.Context(), signature))
	h.idp.login = true
	h.sweep(time.Minute)
	h.sweep(time.Minute)
	if h.state(earlier) != StateAbandoning || h.state(newer) != StateDone || h.notices(MessageDone) != 1 {
		t.Fatalf("earlier %s, newer %s, told of %d recoveries", h.state(earlier), h.state(newer), h.notices(MessageDone))
	}
}

func TestACodeThatHasToWaitIsNotConsumed(t *testing.T) {
	h := newHouse(t)
	earlier := h.redemption(h.granted())
	must(t, h.Grants().Redeem(t.Context(), earlier))
	_, err := h.take(t.Context(), h.called(earlier.Txn), func(storage.Tx, *record) error { return nil }) // and hangs there
	must(t, err)
	code := h.handoff()
	if ready, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")}); !errors.Is(err, ErrBusy) || ready.Txn != "" {
		t.Fatalf("%+v, %v", ready, err)
	}
	h.wait(leaseLife)
	if ready, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")}); err != nil || !ready.SignIn {
		t.Fatalf("with the same code, later: %+v, %v", ready, err)
	}
}
