package enrolment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/account"
	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/storage"
)

const key = attest.MethodSSHKey

func TestAnAuthenticatorIsBoundOnProbation(t *testing.T) {
	h := open(t)
	v := h.alice()
	begun := h.begun(v, key)
	if string(begun.Options) != `{"method":"ssh-key"}` || !strings.HasPrefix(begun.Text, "regrant enrolment v1\nissuer: "+issuer+"\naccount: "+aliceID+"@example.com\nmethod: ssh-key\n") {
		t.Errorf("begun with %+v", begun)
	}
	bound, err := h.Finish(t.Context(), v, key, Answer{State: begun.State, Label: "the blue one", Body: []byte("blue")})
	must(t, err)
	a := h.get(bound.ID)
	switch {
	case !bound.Only || bound.Label != "the blue one" || bound.Detail["key_fingerprint"] != "print-of-blue":
		t.Errorf("told %+v", bound)
	case !bound.EffectiveAt.Equal(h.Clock().Add(probation)) || !errors.Is(a.Usable(h.Clock()), account.ErrProbation):
		t.Errorf("effective at %s", bound.EffectiveAt)
	case a.AccountID != aliceID || a.Method != key || a.Label != "the blue one" || a.BoundBy != "owner" || a.BoundFrom != "203.0.113.0/24" ||
		!slices.Equal(a.Identifiers, v.Session.Identifiers()) || a.Model != "model-of-blue" || !a.Attested || a.NonExportable || a.NotAfter.IsZero():
		t.Errorf("bound %+v", a)
	case string(a.Handles[0].Value) != "blue" || a.Handles[0].Counter != 7 || string(a.Handles[0].Reference) != `{"alg":"fake"}`:
		t.Errorf("handle %+v", a.Handles[0])
	}
	h.wait(probation)
	if err := a.Usable(h.Clock()); err != nil {
		t.Errorf("after the probation: %v", err)
	}
	if second := h.bind(h.alice(), key, "red"); second.Only {
		t.Error("the account has another one")
	}
}

func TestSeveralAuthenticatorsOfAMethodAreBound(t *testing.T) {
	h := open(t)
	v := h.alice()
	for _, k := range []string{"one", "two", "three"} {
		h.bind(v, key, k)
		h.wait(time.Second)
	}
	names := []string{}
	for _, i := range h.all(aliceID) {
		names = append(names, i.Name)
	}
	if want := []string{"my one", "my two", "my three"}; !slices.Equal(names, want) {
		t.Errorf("bound %q, want the oldest first: %q", names, want)
	}
}

// Where a new code meets one that is stored, nothing is lost: the set from before stays, and asking again makes other codes.
func TestACodeThatMeetsAnotherChangesNothing(t *testing.T) {
	h := open(t)
	h.bind(h.visit(bobID, "pwd", "otp"), attest.MethodRecoveryCode, "same")
	v := h.visit(aliceID, "pwd", "otp")
	before := h.bind(v, attest.MethodRecoveryCode, "first")
	again := h.begun(v, attest.MethodRecoveryCode).State
	met, err := h.Finish(t.Context(), v, attest.MethodRecoveryCode, Answer{State: again, Body: []byte("same")})
	if !errors.Is(err, ErrBound) || met.Shown != nil {
		t.Errorf("%+v, %v", met, err)
	}
	if got := h.all(aliceID); len(got) != 1 || got[0].ID != before.ID {
		t.Errorf("bound: %+v", got)
	}
	other, err := h.Finish(t.Context(), v, attest.MethodRecoveryCode, Answer{State: again, Body: []byte("other")})
	if err != nil || len(other.Shown) != 2 {
		t.Errorf("%+v, %v", other, err)
	}
}

func TestAnEnrolmentBindsOnceHoweverManyFinishIt(t *testing.T) {
	h := open(t)
	v := h.alice()
	state := h.begun(v, key).State
	errs := make([]error, 8)
	var race sync.WaitGroup
	for i := range errs {
		race.Go(func() {
			_, errs[i] = h.Finish(t.Context(), v, key, Answer{State: state, Body: fmt.Appendf(nil, "key %d", i)})
		})
	}
	race.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, ErrOver) {
			t.Errorf("a loser got %v", err)
		}
	}
	if won != 1 || len(h.all(aliceID)) != 1 || len(h.entries(journal.KindAuthenticatorBound)) != 1 {
		t.Errorf("%d won, bound %+v", won, h.all(aliceID))
	}
}

func TestAFailedEnrolmentCanBeTriedAgain(t *testing.T) {
	h := open(t)
	v := h.alice()
	state := h.begun(v, key).State
	if _, err := h.Finish(t.Context(), v, key, Answer{State: state, Body: []byte("refuse")}); err == nil {
		t.Fatal("not refused")
	}
	if _, err := h.Finish(t.Context(), v, key, Answer{State: state, Body: []byte("blue")}); err != nil {
		t.Error(err)
	}
}

// A list that is missing is no fault of the authenticator.
func TestWhatCannotBeToldIsNotRefused(t *testing.T) {
	h := open(t)
	v := h.alice()
	state := h.begun(v, key).State
	bound, err := h.Finish(t.Context(), v, key, Answer{State: state, Body: []byte("cannot tell whether it is revoked")})
	if refused, ok := errors.AsType[*attest.Error](err); err == nil || ok || bound.ID != "" {
		t.Errorf("%+v, %v, %v", bound, err, refused)
	}
	if _, err := h.Finish(t.Context(), v, key, Answer{State: state, Body: []byte("blue")}); err != nil {
		t.Error(err)
	}
}

func TestAnAccountHasABound(t *testing.T) {
	h := open(t)
	v := h.alice()
	h.update(func(tx storage.Tx) error {
		for i := range account.MaxPerAccount {
			a := &account.Authenticator{Upstream: "main", AccountID: aliceID, Method: key, Handles: []account.Handle{{Value: fmt.Append(nil, i)}}, EffectiveAt: h.Clock()}
			if err := h.Accounts.Bind(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := h.Finish(t.Context(), v, key, Answer{State: h.begun(v, key).State, Body: []byte("blue")}); !errors.Is(err, ErrFull) {
		t.Errorf("%v, want full", err)
	}
}

// Whoever has stolen a session binds and removes as often as he can. Once it is over, the owner binds again.
func TestAThiefOfASessionKeepsNobodyFromBindingForLongerThanADay(t *testing.T) {
	h := open(t)
	for i := range account.MaxOwn {
		must(t, h.Remove(t.Context(), h.alice(), h.bind(h.alice(), key, fmt.Sprint(i)).ID))
	}
	v := h.alice()
	if _, err := h.Finish(t.Context(), v, key, Answer{State: h.begun(v, key).State, Body: []byte("blue")}); !errors.Is(err, ErrTooOften) {
		t.Errorf("%v, want too often", err)
	}
	h.bind(h.visit(bobID, "pwd"), key, "bob's")
	h.wait(account.OwnPeriod)
	h.bind(h.alice(), key, "blue")
}

func TestAnOldSignInBindsNothing(t *testing.T) {
	h := open(t)
	h.provider.earlier = login.Life / 2 // the identity provider asked for nothing: the person had signed in before
	v := h.alice()
	state := h.begun(v, key).State
	h.wait(login.Life/2 + time.Second)
	_, err := h.Begin(t.Context(), v, key, nil)
	if refusal, ok := errors.AsType[*login.Refusal](err); !ok || !refusal.Stale {
		t.Errorf("%v, want too old", err)
	}
	_, err = h.Finish(t.Context(), v, key, Answer{State: state, Body: []byte("blue")})
	if refusal, ok := errors.AsType[*login.Refusal](err); !ok || !refusal.Stale || len(h.all(aliceID)) > 0 {
		t.Errorf("%v, want too old", err)
	}
}

func TestBeginRefusesWhatItsFormatRefuses(t *testing.T) {
	h := open(t)
	v := h.alice()
	for body, want := range map[string]error{"refuse": &attest.Error{}, "panic": &attest.Error{}, "cannot tell": io.ErrUnexpectedEOF} {
		if begun, err := h.Begin(t.Context(), v, key, []byte(body)); !matches(err, want) || begun.State != "" {
			t.Errorf("%s: %+v, %v", body, begun, err)
		}
	}
	if _, err := h.Begin(t.Context(), v, attest.MethodTPM, nil); !errors.Is(err, ErrMethod) {
		t.Errorf("another method: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	h.Compute = func(context.Context, func()) error { return gone.Err() }
	if _, err := h.Begin(t.Context(), v, key, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("whose turn never came: %v", err)
	}
}

func TestOnlyMethodsThatPeopleBindAreOffered(t *testing.T) {
	want := []attest.Method{attest.MethodRecoveryCode, attest.MethodSSHKey, attest.MethodPasskey, attest.MethodPassphrase}
	if got := open(t).Methods(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
