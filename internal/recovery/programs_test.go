package recovery

import (
	"bytes"
	"errors"
	"testing"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/upstream"
)

func TestAnAdapterCanAssertTheFreshSubjectAndNobodyElse(t *testing.T) {
	h := direct(t)
	h.SetAsserter(func(subject string) (string, error) { return "about " + subject, nil })
	stored := ""
	h.idp.onSession = func() { stored = h.only().Subject }
	_, err := h.Complete(t.Context(), h.redeemed())
	must(t, err)
	way := h.idp.ways[0]
	if stored == "" || stored != way.Subject {
		t.Errorf("stored %q before the way of %q was made", stored, way.Subject)
	}
	way.Subject = "somebody else" // what the adapter does to its copy changes nothing
	if got, err := way.Assert(); err != nil || got != "about "+h.only().Subject {
		t.Errorf("%q, %v", got, err)
	}
}

func TestNothingIsAssertedForABrowserOrByNobody(t *testing.T) {
	h := direct(t)
	_, err := h.Complete(t.Context(), h.redeemed())
	must(t, err)
	if h.idp.ways[0].Assert != nil {
		t.Error("without an asserter")
	}
	h = direct(t)
	h.SetAsserter(func(subject string) (string, error) { return "about " + subject, nil })
	h.arrived(browserHolder("b"))
	if h.idp.ways[0].Assert != nil {
		t.Error("for a browser")
	}
}

func TestAProgramWhoseAccountNeedsABrowserNowIsHandedOver(t *testing.T) {
	h := direct(t)
	tok := h.redeemed()
	h.idp.set("session", upstream.ErrUnsupported)
	var codes []string
	for range 2 { // an answer may get lost
		done, err := h.Complete(t.Context(), tok)
		if err != nil || done.Outcome != OutcomeHandoff || done.Code == "" || done.Token != nil {
			t.Fatalf("%+v, %v", done, err)
		}
		codes = append(codes, done.Code)
	}
	h.idp.set("session", nil)
	browser := browserHolder("b")
	if _, err := h.Continue(t.Context(), ContinueRequest{Code: codes[0], Browser: browser}); !errors.Is(err, ErrSpent) {
		t.Errorf("the code before: %v", err)
	}
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: codes[1], Browser: browser})
	must(t, err)
	if way, err := h.Session(t.Context(), ready.Txn, browser); err != nil || way.Direct == nil {
		t.Fatalf("%+v, %v", way, err)
	}
	if _, err := h.Complete(t.Context(), tok); !errors.Is(err, ErrSpent) {
		t.Errorf("the program too: %v", err)
	}
}

// Of two calls of one program, the one that is to be handed over takes nothing from the one that makes its session.
func TestAHandoffDoesNotTakeTheLeaseOfAnotherCall(t *testing.T) {
	h := direct(t)
	tok := h.redeemed()
	h.idp.set("session", upstream.ErrUnsupported)
	_, err := h.Complete(t.Context(), tok)
	must(t, err)
	before := h.only()
	making, err := h.take(t.Context(), h.called(tok.Txn), func(storage.Tx, *record) error { return nil })
	must(t, err)
	if done, err := h.handOver(t.Context(), before, tok); !errors.Is(err, ErrBusy) {
		t.Fatalf("%+v, %v", done, err)
	}
	if rec := h.only(); rec.Lease != making.Lease || !bytes.Equal(rec.Handoff, before.Handoff) {
		t.Errorf("%+v", rec)
	}
}

func TestAProgramThatHasItsTokenIsNotHandedOver(t *testing.T) {
	h := direct(t)
	tok := h.redeemed()
	_, err := h.Complete(t.Context(), tok)
	must(t, err)
	h.idp.set("session", upstream.ErrUnsupported)
	if done, err := h.Complete(t.Context(), tok); !errors.Is(err, ErrSpent) {
		t.Fatalf("%+v, %v", done, err)
	}
	if rec := h.only(); rec.State != StateFinish || rec.leased(h.Clock()) || len(rec.Handoff) > 0 {
		t.Errorf("%+v", rec)
	}
}

func TestABrowserThatTheAdapterDoesNotServeIsRefused(t *testing.T) {
	h := direct(t)
	browser := browserHolder("b")
	ready, err := h.Continue(t.Context(), ContinueRequest{Code: h.handoff(), Browser: browser})
	must(t, err)
	h.idp.set("session", upstream.ErrUnsupported)
	if _, err := h.Session(t.Context(), ready.Txn, browser); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}
