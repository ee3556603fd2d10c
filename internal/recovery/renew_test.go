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
func (h *house) during(something func()) {
	h.Compute = func(_ context.Context, work func()) error {
		work()
		h.Compute = func(_ context.Context, work func()) error { work(); return nil }
		something()
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

func TestAWrongProofEndsARecoveryThatWasRenewedMeanwhile(t *testing.T) {
	p := newPair(t)
	more := p.first()
	var again Attested
	p.during(func() {
		var err error
		again, err = p.Attest(t.Context(), p.next(more))
		must(t, err)
	})
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one wrong"))); !errors.Is(err, ErrRefused) {
		t.Fatalf("%v, want ErrRefused", err)
	}
	if _, err := p.Attest(t.Context(), p.next(again, word(code, "one first"))); !errors.Is(err, ErrExpired) {
		t.Errorf("another guess: %v", err)
	}
}

func TestAGoodProofIsLostWhenItsHolderRenewsMeanwhile(t *testing.T) {
	p := newPair(t)
	more := p.first()
	var again Attested
	p.during(func() {
		var err error
		again, err = p.Attest(t.Context(), p.next(more))
		must(t, err)
	})
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrExpired) {
		t.Fatalf("%v, want ErrExpired", err)
	}
	if out, err := p.Attest(t.Context(), p.next(again, word(code, "one first"))); err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("with the renewed one: %+v, %v", out, err)
	}
}

func TestAVetoWhileTheFirstProofIsJudgedCancelsIt(t *testing.T) {
	h := newHouse(t)
	proof := h.proof(h.initiate(h.ask()))
	calls := 0
	h.Compute = func(_ context.Context, work func()) error {
		work()
		if calls++; calls == 2 { // the authenticator is found, and its proof judged
			return h.db.Update(t.Context(), func(tx storage.Tx) error { return h.Accounts.RaiseEpoch(tx, aliceID) })
		}
		return nil
	}
	if out, err := h.Attest(t.Context(), proof); !errors.Is(err, ErrRefused) {
		t.Errorf("%+v, %v, want ErrRefused", out, err)
	}
}
