package recovery

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

// during runs something once, while evidence is being judged.
func (h *house) during(something func()) { h.behind(1, something) }

// behind runs something once: behind the reading of the first evidence, or behind its verification, which comes second.
func (h *house) behind(nth int, something func()) {
	done := 0
	h.Compute = func(_ context.Context, work func()) error {
		work()
		if done++; done == nth {
			something()
		}
		return nil
	}
}

func TestAProofThatComesTooLateIsAskedForAgainAndBurnsNothing(t *testing.T) {
	for name, wait := range map[string]time.Duration{"for its method": attest.MaxAge + time.Second, "for any": statementLife} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			in := h.initiate(h.ask())
			proof := h.proof(in)
			h.wait(wait)
			_, writes := h.db.count()
			if _, err := h.Attest(t.Context(), proof); !errors.Is(err, ErrStale) {
				t.Fatalf("%v, want ErrStale", err)
			}
			if _, after := h.db.count(); after != writes || h.checks != 0 {
				t.Error("it was judged or burnt")
			}
			again, err := h.Again(t.Context(), in.RecoveryID, h.program(), netip.MustParsePrefix("198.51.100.0/24"))
			must(t, err)
			if again.Statement.Recovery == in.Statement.Recovery || again.Statement.Account != in.Statement.Account || again.ExpiresIn != statementLife {
				t.Errorf("asked anew with %+v", again.Statement)
			}
			if out, err := h.Attest(t.Context(), h.proof(again)); err != nil || out.Outcome != OutcomeGranted {
				t.Errorf("with the fresh statement: %+v, %v", out, err)
			}
		})
	}
}

func TestNobodyButTheHolderIsAskedAgain(t *testing.T) {
	h := newHouse(t)
	in := h.initiate(h.ask())
	if _, err := h.Again(t.Context(), in.RecoveryID, browserHolder("thief"), netip.Prefix{}); !errors.Is(err, ErrHolder) {
		t.Errorf("a thief: %v", err)
	}
	if _, err := h.Again(t.Context(), in.RecoveryID+"A", h.program(), netip.Prefix{}); !errors.Is(err, ErrExpired) {
		t.Errorf("altered: %v", err)
	}
}

func TestASecondProofThatNobodyCouldJudgeEndsNothing(t *testing.T) {
	p := newPair(t)
	more := p.first()
	p.idp.set("state", upstream.ErrUnavailable)
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("%v, want ErrUnavailable", err)
	}
	p.idp.set("state", nil)
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrExpired) {
		t.Errorf("the burnt recovery_id: %v", err)
	}
	again, err := p.Attest(t.Context(), p.next(more))
	must(t, err)
	if out, err := p.Attest(t.Context(), p.next(again, word(code, "one first"))); err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("renewed: %+v, %v", out, err)
	}
}

// Else one first proof would pay for as many guesses as can be sent before the first of them is judged.
func TestNothingIsRenewedWhileAProofIsJudged(t *testing.T) {
	p := newPair(t)
	more := p.first()
	p.during(func() {
		if _, err := p.Attest(t.Context(), p.next(more)); !errors.Is(err, ErrBusy) {
			t.Errorf("%v, want ErrBusy", err)
		}
	})
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one wrong"))); !errors.Is(err, ErrRefused) {
		t.Fatalf("%v, want ErrRefused", err)
	}
	if _, err := p.Attest(t.Context(), p.next(more)); !errors.Is(err, ErrExpired) {
		t.Errorf("after a wrong guess: %v", err)
	}
}

// Each row is a second proof that takes longer than it may, so that its holder has asked anew.
func TestAProofThatTookTooLongIsLost(t *testing.T) {
	for text, want := range map[string]struct{ late, again error }{
		"one first": {late: ErrExpired},
		"one wrong": {late: ErrRefused, again: ErrExpired},
	} {
		t.Run(text, func(t *testing.T) {
			p := newPair(t)
			more := p.first()
			var again Attested
			p.during(func() {
				p.wait(judgeTime)
				var err error
				again, err = p.Attest(t.Context(), p.next(more))
				must(t, err)
			})
			if _, err := p.Attest(t.Context(), p.next(more, word(code, text))); !errors.Is(err, want.late) {
				t.Fatalf("%v, want %v", err, want.late)
			}
			if _, err := p.Attest(t.Context(), p.next(again, word(code, "one first"))); !errors.Is(err, want.again) {
				t.Errorf("with the renewed one: %v, want %v", err, want.again)
			}
		})
	}
}

func TestAProofWhoseProcessDiedIsAskedForAgain(t *testing.T) {
	p := newPair(t)
	more := p.first()
	at, err := p.recognise(t.Context(), p.next(more, word(code, "one first")))
	must(t, err)
	must(t, p.burn(t.Context(), at, ""))
	if _, err := p.Attest(t.Context(), p.next(more)); !errors.Is(err, ErrBusy) {
		t.Errorf("at once: %v, want ErrBusy", err)
	}
	p.wait(judgeTime)
	again, err := p.Attest(t.Context(), p.next(more))
	must(t, err)
	if out, err := p.Attest(t.Context(), p.next(again, word(code, "one first"))); err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestWhoeverHangsUpHasGuessedAllTheSame(t *testing.T) {
	p := newPair(t)
	more := p.first()
	ctx, hangUp := context.WithCancel(t.Context())
	p.behind(2, hangUp)
	if _, err := p.Attest(ctx, p.next(more, word(code, "one wrong"))); err == nil {
		t.Fatal("no error")
	}
	if a := p.authenticator(p.codes.ID); a.Failures != 1 || p.only().State != StateAbandoned {
		t.Errorf("%d guesses are counted, and the recovery is %s", a.Failures, p.only().State)
	}
}

func TestAProofThatWaitedForItsTurnIsNotTooOld(t *testing.T) {
	h := newHouse(t)
	proof := h.proof(h.initiate(h.ask()))
	h.wait(attest.MaxAge)
	h.during(func() { h.wait(time.Second) })
	if out, err := h.Attest(t.Context(), proof); err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestAVetoWhileTheFirstProofIsJudgedCancelsIt(t *testing.T) {
	h := newHouse(t)
	proof := h.proof(h.initiate(h.ask()))
	h.behind(2, func() {
		must(t, h.db.Update(t.Context(), func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, aliceID) }))
	})
	if out, err := h.Attest(t.Context(), proof); !errors.Is(err, ErrRefused) {
		t.Errorf("%+v, %v, want ErrRefused", out, err)
	}
}
