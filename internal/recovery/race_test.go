package recovery

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/upstream"
)

// race runs n calls at once and returns how many won; every other error than lost is a failure.

func race(t *testing.T, n int, lost error, call func(i int) error) int {
	t.Helper()
	var won atomic.Int32
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			switch err := call(i); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, lost):
				t.Errorf("loser got %v, want %v", err, lost)
			}
		})
	}
	start.Done()
	done.Wait()
	return int(won.Load())
}

func TestOneOfAHundredRedeemsTheTokenWhereverItIsBrought(t *testing.T) {
	h := newHouse(t)
	g := h.granted()
	out, err := h.Handoff(t.Context(), g.Token, h.program())
	must(t, err)
	r := h.redemption(g)
	won := race(t, 100, ErrSpent, func(i int) error {
		if i%2 == 0 {
			_, err := h.Continue(t.Context(), ContinueRequest{Code: out.Code, Browser: browserHolder("b")})
			if errors.Is(err, ErrBusy) { // the same browser's second press
				return ErrSpent
			}
			return err
		}
		if err := h.Grants().Redeem(t.Context(), r); !errors.Is(err, grant.ErrSpent) {
			return err
		}
		return ErrSpent
	})
	if won != 1 || len(h.entries(journal.KindRecoveryRedeemed)) != 1 {
		t.Fatalf("%d won, %d redemptions in the journal", won, len(h.entries(journal.KindRecoveryRedeemed)))
	}
}

func TestOneOfAHundredAttestsIsJudged(t *testing.T) {
	h := newHouse(t)
	proof := h.proof(h.initiate(h.ask()))
	if won := race(t, 100, ErrExpired, func(int) error { _, err := h.Attest(t.Context(), proof); return err }); won != 1 {
		t.Fatalf("%d won", won)
	}
}

func TestOneOfAHundredCodesIsIssuedAndOneRedeemed(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	won := race(t, 100, ErrSpent, func(i int) error {
		way, err := h.Session(t.Context(), ready.Txn, browser)
		if errors.Is(err, ErrBusy) {
			return ErrSpent
		} else if err != nil {
			return err
		}
		c := broker.Code{Signature: "code-" + ready.Txn, Txn: ready.Txn, Lease: way.Login.Lease, Session: []byte("{}"), ExpiresAt: h.Clock().Add(time.Minute)}
		if err := h.Logins().Issue(t.Context(), c); errors.Is(err, broker.ErrSpent) {
			return ErrSpent
		} else {
			return err
		}
	})
	if won != 1 {
		t.Fatalf("%d codes issued", won)
	}
	if won := race(t, 100, broker.ErrSpent, func(int) error { return h.Logins().Redeem(t.Context(), "code-"+ready.Txn) }); won != 1 {
		t.Fatalf("%d redeemed", won)
	}
}

func TestABrowserThatPressesTwiceGoesOnWithTheSameRecoveryOnly(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	first := h.handoff()
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: first, Browser: browser})
	must(t, err)
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: first, Browser: browser}); !errors.Is(err, ErrBusy) {
		t.Fatalf("pressed twice: %v, want ErrBusy", err)
	}
	if again, err := h.Continue(t.Context(), ContinueRequest{Browser: browser}); err != nil || again.Txn != ready.Txn {
		t.Fatalf("resumed: %+v, %v", again, err)
	}
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: "another recovery's, too old", Browser: browser}); !errors.Is(err, ErrSpent) {
		t.Fatalf("another code went on with what the browser holds: %v", err)
	}
}

func TestWhatIsBeingDoneIsBusyAndNotSpent(t *testing.T) {
	h := newHouse(t)
	browser := browserHolder("b")
	txn, _ := h.inSession(browser)
	if _, err := h.Continue(t.Context(), ContinueRequest{Browser: browser}); !errors.Is(err, ErrBusy) {
		t.Fatalf("while the code is out: %v", err)
	}
	if _, err := h.Session(t.Context(), txn, browser); !errors.Is(err, ErrBusy) {
		t.Fatalf("while the code is out: %v", err)
	}
}

func TestABrowserWhoseRecoveryTheSweeperEndedIsToldSo(t *testing.T) {
	h := newHouse(t)
	req := h.ask()
	req.Actions = []attest.Action{attest.ActionRevokeSessions}
	g, err := h.Attest(t.Context(), h.proof(h.initiate(req)))
	must(t, err)
	out, err := h.Handoff(t.Context(), g.Token, h.program())
	must(t, err)
	h.idp.set("revoke", upstream.ErrUnavailable)
	if ready, err := h.Continue(t.Context(), ContinueRequest{Code: out.Code, Browser: browserHolder("b")}); !errors.Is(err, ErrUnavailable) || ready.Txn == "" {
		t.Fatalf("%+v, %v", ready, err)
	}
	h.idp.set("revoke", nil)
	h.sweep(time.Minute)
	for _, code := range []string{"", out.Code} {
		if ready, err := h.Continue(t.Context(), ContinueRequest{Code: code, Browser: browserHolder("b")}); err != nil || ready.SignIn {
			t.Fatalf("code %q: %+v, %v", code, ready, err)
		}
	}
}
