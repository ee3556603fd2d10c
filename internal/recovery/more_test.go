package recovery

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/policy"
)

const code = attest.MethodRecoveryCode

// pair is a house in which a device certificate and a recovery code are needed, and Alice has both.
type pair struct {
	*house
	codes *account.Authenticator
}

func newPair(t *testing.T, others ...attest.Method) *pair {
	t.Helper()
	h := newHouseFor(t, policy.Config{Methods: append([]attest.Method{attest.MethodDeviceCertificate, code}, others...)})
	return &pair{h, h.bind(code, aliceID, "one first", "two second")}
}

// first proves the device, and is asked for more.
func (p *pair) first() Attested {
	p.t.Helper()
	out, err := p.Attest(p.t.Context(), p.proof(p.initiate(p.ask())))
	must(p.t, err)
	if out.Outcome != OutcomeMore {
		p.t.Fatalf("outcome %s, want more", out.Outcome)
	}
	return out
}

// next is the second proof.
func (p *pair) next(out Attested, ev ...attest.Evidence) AttestRequest {
	return AttestRequest{RecoveryID: out.RecoveryID, Holder: p.program(), Evidence: ev}
}

func (p *pair) both() AttestRequest {
	req := p.proof(p.initiate(p.ask()))
	req.Evidence = append(req.Evidence, word(code, "one first"))
	return req
}

func TestTwoProofsAreAskedForOneAfterTheOther(t *testing.T) {
	p := newPair(t)
	more := p.first()
	if len(more.Methods) != 1 || more.Methods[0].Method != code || more.Token != "" {
		t.Fatalf("asked for %+v", more.Methods)
	}
	if st, err := p.Status(t.Context(), more.RecoveryID, p.program()); err != nil || st.State != StateProving || st.Reference != more.Reference {
		t.Errorf("status %+v, %v", st, err)
	}
	out, err := p.Attest(t.Context(), p.next(more, word(code, "one first")))
	must(t, err)
	if out.Outcome != OutcomeGranted || out.Token == "" || out.Reference != more.Reference || !slices.Equal(out.Replacements, []string{"fresh new"}) {
		t.Errorf("%+v", out)
	}
	if claims, err := p.grants.Verify(out.Token); err != nil || claims.ACR != "urn:regrant:acr:saved-code-and-key" || !slices.Equal(claims.AMR, []string{"otp", "pop", "swk"}) {
		t.Errorf("token says %+v, %v", claims, err)
	}
	if p.notices(MessageProving) != 1 || p.notices(MessageGranted) != 1 || len(p.entries(journal.KindRecoveryProving)) != 1 {
		t.Error("the owner or the journal was not told of both proofs")
	}
}

func TestTwoProofsAtOnceAreGranted(t *testing.T) {
	p := newPair(t)
	out, err := p.Attest(t.Context(), p.both())
	if err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("%+v, %v", out, err)
	}
	if n := p.notices(MessageProving); n != 0 {
		t.Errorf("%d notices of a state that was passed by", n)
	}
}

func TestAUsedCodeIsReplacedAndNeverCountsAgain(t *testing.T) {
	p := newPair(t)
	_, err := p.Attest(t.Context(), p.both())
	must(t, err)
	if a := p.authenticator(p.codes.ID); a.Left() != 2 || a.Handles[0].ConsumedAt.IsZero() {
		t.Errorf("codes are %+v", a.Handles)
	}
	if _, err := p.Attest(t.Context(), p.both()); !errors.Is(err, ErrRefused) {
		t.Errorf("the used code: %v", err)
	}
	fresh := p.both()
	fresh.Evidence[1] = word(code, "fresh new")
	if _, err := p.Attest(t.Context(), fresh); !errors.Is(err, ErrRefused) {
		t.Errorf("the new code, at once: %v", err)
	}
	p.wait(72 * time.Hour)
	fresh = p.both()
	fresh.Evidence[1] = word(code, "fresh new")
	if _, err := p.Attest(t.Context(), fresh); err != nil {
		t.Errorf("the new code after its probation: %v", err)
	}
}

func TestANewCodeThatMeetsAnotherIsMadeAgain(t *testing.T) {
	p := newPair(t)
	p.bind(code, "bob-0001", "fresh bobs", "fresher bobs")
	out, err := p.Attest(t.Context(), p.both())
	must(t, err)
	if !slices.Equal(out.Replacements, []string{"fresherer new"}) {
		t.Errorf("shown %q", out.Replacements)
	}
}

// Each row brings another second proof than the good one.
func TestASecondProofThatFailsEndsTheRecovery(t *testing.T) {
	for name, evidence := range map[string]attest.Evidence{
		"a wrong code":           word(code, "one wrong"),
		"an unknown code":        word(code, "three third"),
		"no code":                {Method: code, Body: []byte(`[]`)},
		"a code of Bob":          word(code, "bob bobs"),
		"a method not asked for": {Method: "knock-knock", Body: []byte(`{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			p.bind(code, "bob-0001", "bob bobs")
			more := p.first()
			if _, err := p.Attest(t.Context(), p.next(more, evidence)); !errors.Is(err, ErrRefused) {
				t.Fatalf("%v, want ErrRefused", err)
			}
			if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrExpired) {
				t.Errorf("tried again: %v", err)
			}
			if rec := p.only(); rec.State != StateAbandoned || len(rec.Proofs) != 0 {
				t.Errorf("the record is %s with %d proofs", rec.State, len(rec.Proofs))
			}
		})
	}
}

func TestACodeIsFreeAgainOnceItsRecoveryIsDead(t *testing.T) {
	p := newPair(t)
	begun := p.initiate(p.ask())
	req := p.proof(begun)
	req.Evidence = []attest.Evidence{word(code, "one first")}
	more, err := p.Attest(t.Context(), req)
	must(t, err)
	if _, err := p.Attest(t.Context(), p.both()); !errors.Is(err, ErrRefused) {
		t.Errorf("the code served two recoveries that live: %v", err)
	}
	p.wait(more.ExpiresIn)
	if out, err := p.Attest(t.Context(), p.both()); err != nil || out.Outcome != OutcomeGranted {
		t.Errorf("after the other was late: %v", err)
	}
}

func TestWhatIsKeptBelongsToItsHolder(t *testing.T) {
	p := newPair(t)
	more := p.first()
	req := p.next(more, word(code, "one first"))
	req.Holder = browserHolder("thief")
	if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) {
		t.Errorf("another holder: %v", err)
	}
	if _, err := p.Status(t.Context(), more.RecoveryID, browserHolder("thief")); !errors.Is(err, ErrHolder) {
		t.Errorf("status for another holder: %v", err)
	}
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); err != nil {
		t.Errorf("the thief has burnt it: %v", err)
	}
}

func TestAStatementIsRenewedWithoutAnotherProof(t *testing.T) {
	p := newPair(t)
	more := p.first()
	p.wait(10 * time.Minute)
	again, err := p.Attest(t.Context(), p.next(more))
	must(t, err)
	if again.Outcome != OutcomeMore || again.RecoveryID == more.RecoveryID || again.Statement.Nonce == more.Statement.Nonce ||
		again.Statement.Recovery != more.Statement.Recovery || len(again.Methods) != 1 {
		t.Errorf("renewed to %+v", again)
	}
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrExpired) {
		t.Errorf("the recovery_id before: %v", err)
	}
	p.wait(10 * time.Minute)
	if _, err := p.Attest(t.Context(), p.next(again, word(code, "one first"))); err != nil {
		t.Errorf("with the renewed one: %v", err)
	}
}

func TestProvingEndsAfterAnHourHoweverOftenRenewed(t *testing.T) {
	p := newPair(t)
	more := p.first()
	for range 4 {
		p.wait(14 * time.Minute)
		var err error
		more, err = p.Attest(t.Context(), p.next(more))
		must(t, err)
	}
	p.wait(4 * time.Minute)
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrExpired) {
		t.Errorf("after an hour: %v", err)
	}
	p.sweep(time.Minute)
	if rec := p.only(); rec.State != StateAbandoned || rec.Ending != whyLate {
		t.Errorf("the record is %s: %s", rec.State, rec.Ending)
	}
	if p.notices(MessageAbandoned) != 1 {
		t.Error("the owner was not told that it ended")
	}
	if _, err := p.Status(t.Context(), more.RecoveryID, p.program()); !errors.Is(err, ErrExpired) {
		t.Errorf("a recovery_id leads on after the end: %v", err)
	}
}

func TestARevokedDeviceEndsWhatItHasProved(t *testing.T) {
	p := newPair(t)
	more := p.first()
	p.revokeDevice()
	if _, err := p.Attest(t.Context(), p.next(more, word(code, "one first"))); !errors.Is(err, ErrExpired) {
		t.Errorf("%v", err)
	}
	if a := p.authenticator(p.codes.ID); a.Left() != 2 {
		t.Error("the code was consumed")
	}
}

func TestOneOfManySecondProofsIsGranted(t *testing.T) {
	p := newPair(t)
	more := p.first()
	var granted atomic.Int32
	var racers sync.WaitGroup
	for range 16 {
		racers.Go(func() {
			out, err := p.Attest(t.Context(), p.next(more, word(code, "one first")))
			switch {
			case err == nil && out.Outcome == OutcomeGranted:
				granted.Add(1)
			case !errors.Is(err, ErrExpired):
				t.Errorf("a loser got %v", err)
			}
		})
	}
	racers.Wait()
	if n := granted.Load(); n != 1 {
		t.Errorf("%d were granted", n)
	}
}

func TestOneCodeServesOneOfManyRecoveries(t *testing.T) {
	p := newPair(t)
	var granted atomic.Int32
	var racers sync.WaitGroup
	for range 8 {
		req := p.both()
		racers.Go(func() {
			_, err := p.Attest(t.Context(), req)
			switch {
			case err == nil:
				granted.Add(1)
			case !errors.Is(err, ErrRefused):
				t.Errorf("a loser got %v", err)
			}
		})
	}
	racers.Wait()
	if n := granted.Load(); n != 1 {
		t.Errorf("%d were granted", n)
	}
}

// Whoever brings such a proof has the key: its owner has to know, though nothing was accepted.
func TestAnOwnerIsToldOfARefusedProofThatHisKeyHasSigned(t *testing.T) {
	for text, told := range map[string]int{"one denied": 1, "one wrong": 0} {
		p := newPair(t)
		req := p.both()
		req.Evidence = []attest.Evidence{word(code, text)}
		if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", text, err)
		}
		if n := p.notices(MessageRefused); n != told {
			t.Errorf("%s: %d notices, want %d", text, n, told)
		}
	}
}

// two codes of one set are one proof.
func TestTwoCodesOfOneSetAreRefused(t *testing.T) {
	p := newPair(t)
	req := p.both()
	req.Evidence = []attest.Evidence{word(code, "one first"), word(code, "two second")}
	if _, err := p.Attest(t.Context(), req); !errors.Is(err, ErrRefused) {
		t.Errorf("%v", err)
	}
}
