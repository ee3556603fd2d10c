package enrolment

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/policy"
)

// What is bound, each as NAME (usable) or NAME? (on probation), with all of the built-in rules.
func TestOwnersAreAdvisedByWhatPolicyWouldGrant(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		bound string
		kind  AdviceKind
		add   string
		later bool
	}{
		{"", AdviceNothing, "passkey", false},
		{"recovery-code", AdviceNotEnough, "passkey passphrase ssh-key", false},
		{"recovery-code?", AdviceNotEnough, "passkey passphrase ssh-key", false},
		{"ssh-key", AdviceNotEnough, "passkey passphrase recovery-code", false},
		{"ssh-key ssh-key", AdviceNotEnough, "passkey passphrase recovery-code", false},
		{"passphrase", AdviceNotEnough, "passkey recovery-code ssh-key", false},
		{"passkey", AdviceOneWay, "passkey", false},
		{"passkey?", AdviceOneWay, "passkey", true},
		{"recovery-code ssh-key", AdviceOneWay, "passkey passphrase", false},
		{"recovery-code ssh-key?", AdviceOneWay, "passkey passphrase", true},
		{"recovery-code ssh-key ssh-key", AdviceOneWay, "passkey passphrase", false},
		{"passkey recovery-code", AdviceOneWay, "passkey passphrase ssh-key", false},
		{"passkey passkey", AdviceFine, "", false},
		{"passkey passkey?", AdviceFine, "", false},
		{"passkey? passkey?", AdviceFine, "", true},
		{"passkey recovery-code ssh-key", AdviceFine, "", false},
		{"recovery-code ssh-key passphrase", AdviceFine, "", false},
	} {
		got := h.advise(itemsOf(c.bound))
		slices.Sort(got.Add)
		if got.Kind != c.kind || namesOf(got.Add) != c.add || got.Later != c.later || got.FewCodes {
			t.Errorf("%q: %+v, want %+v", c.bound, got, c)
		}
	}
}

// no two keys of one class are enough, however many methods they are.
func TestKeysOfOneClassAreNotEnough(t *testing.T) {
	h := open(t)
	rules, err := policy.New(policy.Config{Methods: []attest.Method{attest.MethodSSHKey, attest.MethodRecoveryKey, attest.MethodRecoveryCode}})
	must(t, err)
	h.Policy = rules
	if got := h.advise(itemsOf("ssh-key recovery-key")); got.Kind != AdviceNotEnough || namesOf(got.Add) != "recovery-code" {
		t.Errorf("%+v", got)
	}
	if got := h.advise(nil); got.Kind != AdviceNothing || len(got.Add) > 0 {
		t.Errorf("nothing is bound, and nothing is enough alone: %+v", got)
	}
	if got := h.advise(itemsOf("ssh-key recovery-key recovery-code")); got.Kind != AdviceOneWay || len(got.Add) > 0 {
		t.Errorf("there is one set of codes: %+v", got)
	}
}

// Each row takes away from a good case what makes it count.
func TestWhatDoesNotCountIsNotAdvisedOn(t *testing.T) {
	h := open(t)
	for _, where := range []Standing{StandingAwaited, StandingDisabled, StandingExpired, StandingUnsupported} {
		items := itemsOf("passkey passkey")
		if got := h.advise(items); got.Kind != AdviceFine {
			t.Fatalf("the good case: %+v", got)
		}
		items[0].Standing = where
		if got := h.advise(items); got.Kind != AdviceOneWay {
			t.Errorf("%s: %+v", where, got)
		}
	}
	items := itemsOf("recovery-code ssh-key")
	items[0].CodesLeft = 0
	if got := h.advise(items); got.Kind != AdviceNotEnough || !got.FewCodes {
		t.Errorf("a set without codes: %+v", got)
	}
	items[0].CodesLeft = fewCodes
	if got := h.advise(items); got.Kind != AdviceOneWay || !got.FewCodes {
		t.Errorf("few codes: %+v", got)
	}
}

func TestTheListComesWithItsAdvice(t *testing.T) {
	h := open(t)
	want := func(when string, want AdviceKind, later bool) []Item {
		t.Helper()
		items, got, err := h.List(t.Context(), aliceID)
		must(t, err)
		if got.Kind != want || got.Later != later {
			t.Errorf("%s: %+v, want %q", when, got, want)
		}
		return items
	}
	h.bind(h.visit(bobID, "pwd"), key, "bob's")
	want("only somebody else has something", AdviceNothing, false)
	h.bind(h.alice(), key, "blue")
	if items := want("a key", AdviceNotEnough, false); items[0].Alone {
		t.Error("a key is said to be enough alone")
	}
	passkey := h.bind(h.alice(), attest.MethodPasskey, "green")
	i := slices.IndexFunc(want("a passkey on probation", AdviceOneWay, true), func(i Item) bool { return i.ID == passkey.ID })
	if items := h.all(aliceID); i < 0 || !items[i].Alone {
		t.Errorf("a passkey is not said to be enough alone: %+v", items)
	}
	h.wait(probation)
	want("a passkey", AdviceOneWay, false)
	must(t, h.Remove(t.Context(), h.alice(), passkey.ID))
	want("the passkey was removed", AdviceNotEnough, false)
	h.wait(366 * 24 * time.Hour)
	want("everything has expired", AdviceNothing, false)
}

func TestWhatIsConfiguredNoMoreCountsForNothing(t *testing.T) {
	h := open(t)
	h.bind(h.alice(), key, "blue")
	verifier, err := attest.NewVerifier(fakeFormat{attest.MethodPasskey})
	must(t, err)
	h.Verifier = verifier
	items, advice, err := h.List(t.Context(), aliceID)
	must(t, err)
	if len(items) != 1 || items[0].Standing != StandingUnsupported || advice.Kind != AdviceNothing {
		t.Errorf("%+v, %+v", items, advice)
	}
}

func itemsOf(bound string) (items []Item) {
	for name := range strings.FieldsSeq(bound) {
		method, early := strings.CutSuffix(name, "?")
		i := Item{Method: attest.Method(method), Standing: StandingUsable, CodesLeft: 10}
		if early {
			i.Standing = StandingProbation
		}
		items = append(items, i)
	}
	return items
}

func namesOf(methods []attest.Method) string {
	var names []string
	for _, m := range methods {
		names = append(names, string(m))
	}
	return strings.Join(names, " ")
}
