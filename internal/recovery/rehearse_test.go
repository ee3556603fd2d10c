package recovery

import (
	"errors"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/storage"
)

func (p *pair) rehearsal() AttestRequest {
	ask := p.ask()
	ask.Actions = []attest.Action{attest.ActionRehearse}
	req := p.proof(p.initiate(ask))
	req.Evidence = append(req.Evidence, word(code, "one first"))
	return req
}

func TestARehearsalGrantsNothingAndIsNoted(t *testing.T) {
	p := newPair(t)
	p.wait(time.Hour)
	out, err := p.Attest(t.Context(), p.rehearsal())
	if err != nil || out.Outcome != OutcomeRehearsed || out.Token != "" || out.Replacements != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, id := range []string{p.bound.ID, p.codes.ID} {
		if a := p.authenticator(id); !a.LastProvenAt.Equal(p.Clock()) || !a.LastUsedAt.IsZero() {
			t.Errorf("%s proven %v, used %v", a.Label, a.LastProvenAt, a.LastUsedAt)
		}
	}
	if p.notices(MessageRehearsed) != 1 || len(p.entries(journal.KindRecoveryRehearsed)) != 1 || p.notices(MessageGranted) != 0 {
		t.Error("told something else than one rehearsal")
	}
}

func TestARehearsalConsumesNoCode(t *testing.T) {
	p := newPair(t)
	for range 2 {
		if _, err := p.Attest(t.Context(), p.rehearsal()); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := p.Attest(t.Context(), p.both()); err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("the real recovery after it: %v", err)
	}
	if _, err := p.Attest(t.Context(), p.rehearsal()); !errors.Is(err, ErrRefused) {
		t.Errorf("a rehearsal with a used code: %v", err)
	}
}

func TestARehearsalOfOneProofAfterTheOther(t *testing.T) {
	p := newPair(t)
	req := p.rehearsal()
	req.Evidence = req.Evidence[:1]
	more, err := p.Attest(t.Context(), req)
	must(t, err)
	if more.Outcome != OutcomeMore {
		t.Fatalf("outcome %s", more.Outcome)
	}
	out, err := p.Attest(t.Context(), p.next(more, word(code, "one first")))
	if err != nil || out.Outcome != OutcomeRehearsed || p.only().State != StateDone {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestANewAuthenticatorCanBeRehearsedAndNotRecoverWith(t *testing.T) {
	p := newPair(t)
	fresh := p.good(code, aliceID, "new newer")
	fresh.EffectiveAt = p.Clock().Add(72 * time.Hour)
	must(t, p.db.Update(t.Context(), func(tx storage.Tx) error { return p.Accounts.Bind(tx, fresh) }))
	rehearsal, recovery := p.rehearsal(), p.both()
	rehearsal.Evidence[1], recovery.Evidence[1] = word(code, "new newer"), word(code, "new newer")
	if out, err := p.Attest(t.Context(), rehearsal); err != nil || out.Outcome != OutcomeRehearsed {
		t.Errorf("rehearsed: %+v, %v", out, err)
	}
	if _, err := p.Attest(t.Context(), recovery); !errors.Is(err, ErrRefused) {
		t.Errorf("recovered on probation: %v", err)
	}
}
