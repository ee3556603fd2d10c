package recovery

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/upstream"
)

// redeemed is a good recovery as far as its access token. Without actions it is the usual one.
func (h *house) redeemed(actions ...attest.Action) grant.AccessToken {
	h.t.Helper()
	req := h.ask()
	if len(actions) > 0 {
		req.Actions = actions
	}
	g, err := h.Attest(h.t.Context(), h.proof(h.initiate(req)))
	must(h.t, err)
	r := h.redemption(g)
	must(h.t, h.Grants().Redeem(h.t.Context(), r))
	return r.AccessToken
}

func TestTheProgramsWayEndsInAHandoffThatJoinsOneBrowser(t *testing.T) {
	h := newHouse(t)
	done, err := h.Complete(t.Context(), h.redeemed())
	must(t, err)
	if done.Outcome != OutcomeHandoff || done.Code == "" {
		t.Fatalf("%+v", done)
	}
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: done.Code, Browser: browserHolder("b")})
	if err != nil || !ready.SignIn {
		t.Fatalf("%+v, %v", ready, err)
	}
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: done.Code, Browser: browserHolder("c")}); !errors.Is(err, ErrSpent) {
		t.Fatalf("handoff used twice: %v", err)
	}
}

func TestALostAnswerToACompletionIsGivenAgain(t *testing.T) {
	h := newHouse(t)
	tok := h.redeemed()
	lost, err := h.Complete(t.Context(), tok)
	must(t, err)
	again, err := h.Complete(t.Context(), tok)
	if err != nil || again.Outcome != OutcomeHandoff || again.Code == lost.Code {
		t.Fatalf("%+v, %v", again, err)
	}
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: lost.Code, Browser: browserHolder("b")}); !errors.Is(err, ErrSpent) {
		t.Fatalf("the code that was replaced is still good: %v", err)
	}
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: again.Code, Browser: browserHolder("b")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Complete(t.Context(), tok); !errors.Is(err, ErrSpent) {
		t.Fatalf("another code while a browser has joined: %v", err)
	}
}

func TestACompletionIsNotAnsweredWithAnAccessTokenThatIsTooOld(t *testing.T) {
	for _, action := range []attest.Action{attest.ActionSignIn, attest.ActionRevokeSessions} {
		h := newHouse(t)
		tok := h.redeemed(action)
		_, err := h.Complete(t.Context(), tok)
		must(t, err)
		h.wait(5 * time.Minute)
		if _, err := h.Complete(t.Context(), tok); !errors.Is(err, ErrSpent) {
			t.Errorf("%s: %v, want ErrSpent", action, err)
		}
	}
}

func TestOfAHundredCompletionsOneCodeIsGood(t *testing.T) {
	h := newHouse(t)
	tok := h.redeemed()
	var mu sync.Mutex
	var codes []string
	race(t, 100, ErrBusy, func(int) error { // busy while another is at it
		done, err := h.Complete(t.Context(), tok)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			codes = append(codes, done.Code)
		}
		return err
	})
	won := race(t, len(codes), ErrSpent, func(i int) error {
		_, err := h.Continue(t.Context(), ContinueRequest{Code: codes[i], Browser: browserHolder(codes[i])})
		return err
	})
	if won != 1 {
		t.Fatalf("%d of %d codes were good", won, len(codes))
	}
}

func TestACompletionWithoutSignInIsDoneAtOnceAndSaysSoAgain(t *testing.T) {
	h := newHouse(t)
	tok := h.redeemed(attest.ActionRevokeSessions)
	for range 2 {
		done, err := h.Complete(t.Context(), tok)
		if err != nil || done.Outcome != OutcomeDone || h.only().State != StateDone {
			t.Fatalf("%+v, %v, state %s", done, err, h.only().State)
		}
	}
	if h.notices(MessageDone) != 1 || h.idp.log() != "state state revoke state prepare" {
		t.Fatalf("%d notices, the identity provider was asked %q", h.notices(MessageDone), h.idp.log())
	}
}

func TestAStepThatCannotBeDoneIsLoggedWithoutNamingItsRecovery(t *testing.T) {
	h := newHouse(t)
	var log bytes.Buffer
	h.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h.idp.set("revoke", upstream.ErrUnavailable)
	if _, err := h.Complete(t.Context(), h.redeemed()); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v, want ErrUnavailable", err)
	}
	rec := h.only()
	for _, name := range []string{rec.Reference, rec.Txn, rec.AccountID, rec.Identifier} {
		if log.Len() == 0 || strings.Contains(log.String(), name) {
			t.Errorf("%q in the log: %s", name, log.String())
		}
	}
}

func TestACompletionThatTheSweeperEndedIsAnswered(t *testing.T) {
	h := newHouse(t)
	tok := h.redeemed(attest.ActionRevokeSessions)
	h.idp.set("revoke", upstream.ErrUnavailable)
	if _, err := h.Complete(t.Context(), tok); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v, want ErrUnavailable", err)
	}
	h.idp.set("revoke", nil)
	h.sweep(time.Minute)
	done, err := h.Complete(t.Context(), tok)
	if err != nil || done.Outcome != OutcomeDone {
		t.Fatalf("%+v, %v", done, err)
	}
}
