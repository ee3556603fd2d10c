package authority

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/regrant/regrant/internal/journal"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/storage"
)

// wrong changes the last symbol of a code.
func wrong(code string) string {
	if strings.HasSuffix(code, "X") {
		return code[:len(code)-1] + "Y"
	}
	return code[:len(code)-1] + "X"
}

// guess brings a code n times, each when it is looked at again, and wants it refused.
func (g *gateway) guess(t *testing.T, code string, n int) {
	t.Helper()
	for i := range n {
		if i >= codeLimits.Soft {
			g.clock.Advance(codeLimits.LastRest)
		}
		if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, ErrCode) {
			t.Fatalf("a wrong code: %v", err)
		}
	}
}

// standing is how the code stands in the store.
func (g *gateway) standing(t *testing.T, code string) (s throttle.Standing) {
	t.Helper()
	selector, _, err := parseCode(code)
	if err != nil {
		t.Fatal(err)
	}
	err = g.DB.View(t.Context(), func(r storage.Reader) (err error) {
		s, err = g.guesses.Standing(r, codeSecret(&codeRecord{Selector: selector}).ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFourMistakesCostNothing(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	for range codeLimits.Soft - 1 {
		_, _ = g.Enroll(t.Context(), wrong(code), freshCSR(t), "")
	}
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); err != nil {
		t.Error(err)
	}
	if s := g.standing(t, code); s != (throttle.Standing{}) {
		t.Errorf("left over: %+v", s)
	}
}

func TestAfterFiveMistakesACodeRests(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	for range codeLimits.Soft {
		_, _ = g.Enroll(t.Context(), wrong(code), freshCSR(t), "")
	}
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, ErrCode) {
		t.Errorf("judged while it rests: %v", err)
	}
	g.clock.Advance(codeLimits.FirstRest)
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); err != nil {
		t.Errorf("after the rest: %v", err)
	}
}

func TestTenWrongGuessesDisableACodeAndTheOwnerIsToldOnce(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	g.guess(t, wrong(code), codeLimits.Hard)
	g.clock.Advance(codeLimits.LastRest)
	g.guess(t, code, 1)
	if s := g.standing(t, code); s.DisabledAt.IsZero() || s.Wrong != codeLimits.Hard {
		t.Errorf("the record shows %+v", s)
	}
	n := 0
	for _, e := range g.journalled(t) {
		if e.Kind == journal.KindActivationCodeDisabled && e.AccountID == "alice-id" && e.Actor == "" {
			n++
		}
	}
	m, told := g.told(t)[string(journal.KindActivationCodeDisabled)]
	if n != 1 || !told || !strings.Contains(m.Text, "help desk") || strings.Contains(m.Text, code[:4]) {
		t.Errorf("journalled %d times, told %+v", n, m)
	}
}

// Whoever knows no part of a code cannot use its guesses up.
func TestAnUnknownSelectorIsCountedNowhere(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	before := len(g.everything(t))
	selector, verifier, _ := parseCode(code)
	other := "0" + selector[1:]
	if other == selector {
		other = "1" + selector[1:]
	}
	for range 2 * codeLimits.Hard {
		if _, err := g.Enroll(t.Context(), other+verifier, freshCSR(t), ""); !errors.Is(err, ErrCode) {
			t.Fatal(err)
		}
	}
	if len(g.everything(t)) != before {
		t.Error("something was written")
	}
	if _, err := g.Enroll(t.Context(), code, freshCSR(t), ""); err != nil {
		t.Error(err)
	}
}

func TestGuessesAreCountedForTheirOwnCode(t *testing.T) {
	g := newGateway(t)
	attacked, other := g.code(t), g.code(t)
	for range codeLimits.Hard {
		_, _ = g.Enroll(t.Context(), wrong(attacked), freshCSR(t), "")
	}
	if _, err := g.Enroll(t.Context(), other, freshCSR(t), ""); err != nil {
		t.Error(err)
	}
}

func TestTwoNodesCountTheSameGuesses(t *testing.T) {
	one := newGateway(t)
	two, err := Open(t.Context(), one.config)
	if err != nil {
		t.Fatal(err)
	}
	code := one.code(t)
	for i := range codeLimits.Soft {
		node := one.Authority
		if i%2 == 0 {
			node = two
		}
		_, _ = node.Enroll(t.Context(), wrong(code), freshCSR(t), "")
	}
	for _, node := range []*Authority{one.Authority, two} {
		if _, err := node.Enroll(t.Context(), code, freshCSR(t), ""); !errors.Is(err, ErrCode) {
			t.Errorf("judged while it rests: %v", err)
		}
	}
}

func TestOfAHundredGuessesAtOnceFiveAreJudged(t *testing.T) {
	g := newGateway(t)
	code := g.code(t)
	request := freshCSR(t)
	var start, done sync.WaitGroup
	start.Add(1)
	for range 100 {
		done.Go(func() {
			start.Wait()
			if _, err := g.Enroll(t.Context(), wrong(code), request, ""); !errors.Is(err, ErrCode) && !errors.Is(err, storage.ErrConflict) {
				t.Error(err)
			}
		})
	}
	start.Done()
	done.Wait()
	if s := g.standing(t, code); s.Wrong != codeLimits.Soft {
		t.Errorf("%d guesses were judged, want %d and then a rest", s.Wrong, codeLimits.Soft)
	}
}
