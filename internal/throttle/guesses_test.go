package throttle

import (
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
)

// strict disables after three, plain after the hundred of the standard.
var (
	strict = Limits{Soft: 3, Hard: 3}
	plain  = Limits{Soft: MaxGuesses, Hard: MaxGuesses}
)

// vault is a store with the counts in it.
type vault struct {
	*Guesses
	t     *testing.T
	db    storage.DB
	clock *testClock
}

func newVault(t *testing.T, limits Limits) *vault {
	t.Helper()
	clock := newClock()
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &vault{NewGuesses("main", limits), t, db, clock}
}

func (v *vault) guess(id string, right bool) (outcome Outcome) {
	v.t.Helper()
	err := v.db.Update(v.t.Context(), func(tx storage.Tx) (err error) {
		outcome, err = v.Judge(tx, Secret{ID: id}, right)
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return outcome
}

func (v *vault) standing(id string) (s Standing) {
	v.t.Helper()
	err := v.db.View(v.t.Context(), func(r storage.Reader) (err error) {
		s, err = v.Standing(r, id)
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return s
}

// SP 800-63B-4 section 3.2.2: at most 100 consecutive failures, then the authenticator is disabled.
func TestTheHundredAndFirstGuessFailsEvenIfRight(t *testing.T) {
	v := newVault(t, plain)
	for i := range MaxGuesses {
		want := Wrong
		if i == MaxGuesses-1 {
			want = Last
		}
		if got := v.guess("code", false); got != want {
			t.Fatalf("guess %d: outcome %d, want %d", i+1, got, want)
		}
	}
	if got := v.guess("code", true); got != Disabled {
		t.Errorf("the right one after that: outcome %d, want Disabled", got)
	}
	if s := v.standing("code"); s.DisabledAt.IsZero() || s.Wrong != MaxGuesses {
		t.Errorf("the record shows %+v", s)
	}
	v.clock.Advance(365 * 24 * time.Hour)
	if got := v.guess("code", true); got != Disabled {
		t.Error("time enabled it again")
	}
}

func TestARightGuessStartsTheCountAnew(t *testing.T) {
	v := newVault(t, strict)
	for range 5 {
		v.guess("code", false)
		v.guess("code", false)
		if got := v.guess("code", true); got != Right {
			t.Fatalf("outcome %d", got)
		}
	}
	if s := v.standing("code"); s != (Standing{}) {
		t.Errorf("left over: %+v", s)
	}
}

func TestGuessesCountForTheirOwnSecret(t *testing.T) {
	v := newVault(t, strict)
	for range 3 {
		v.guess("attacked", false)
	}
	if got := v.guess("other", true); got != Right {
		t.Errorf("outcome %d", got)
	}
}

// SP 800-63B-4 section 3.1.3.2: a new code for the same purpose does not start the count anew.
func TestTheCountOutlivesTheSecretOfTheSameName(t *testing.T) {
	v := newVault(t, strict)
	code := func(expires time.Time, right bool) (o Outcome) {
		err := v.db.Update(t.Context(), func(tx storage.Tx) (err error) {
			o, err = v.Judge(tx, Secret{ID: "mail/alice", Expires: expires}, right)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	code(v.clock.Now().Add(time.Minute), false)
	code(v.clock.Now().Add(time.Minute), false)
	code(v.clock.Now().Add(10*time.Minute), false) // sent again
	v.clock.Advance(5 * time.Minute)
	if got := code(v.clock.Now().Add(10*time.Minute), true); got != Disabled {
		t.Errorf("outcome %d, want Disabled", got)
	}
}

func TestRestsGrowAndWhatComesMeanwhileIsNotJudged(t *testing.T) {
	limits := Limits{Soft: 3, FirstRest: 30 * time.Second, LastRest: time.Hour, Hard: 20}
	v := newVault(t, limits)
	v.guess("code", false)
	v.guess("code", false)
	for _, want := range []time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute, time.Hour, time.Hour,
	} {
		if got := v.guess("code", false); got != Wrong {
			t.Fatalf("outcome %d, want Wrong", got)
		}
		counted := v.standing("code").Wrong
		v.clock.Advance(want - time.Second)
		for _, right := range []bool{true, false} {
			if got := v.guess("code", right); got != Resting {
				t.Fatalf("a guess that is right (%v) one second before %v are over: outcome %d, want Resting", right, want, got)
			}
		}
		if got := v.standing("code").Wrong; got != counted {
			t.Errorf("what was not judged was counted")
		}
		v.clock.Advance(time.Second)
	}
	if got := v.guess("code", true); got != Right {
		t.Errorf("after the rest: outcome %d, want Right", got)
	}
}

func TestTheCountSurvivesARestart(t *testing.T) {
	dir, clock := t.TempDir(), newClock()
	for i := range 4 {
		db, err := badger.Open(badger.Config{Dir: dir, Clock: clock.Now, Reserve: 1})
		if err != nil {
			t.Fatal(err)
		}
		v := &vault{NewGuesses("main", strict), t, db, clock}
		if i < 3 {
			v.guess("code", false)
		} else if got := v.guess("code", true); got != Disabled {
			t.Errorf("outcome %d, want Disabled", got)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestImpossibleLimitsPanic(t *testing.T) {
	for name, l := range map[string]Limits{
		"more than the standard": {Soft: 1, Hard: MaxGuesses + 1}, "none": {}, "never soft": {Hard: 1},
		"shrinking rests": {Soft: 1, Hard: 5, FirstRest: time.Hour, LastRest: time.Minute},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			NewGuesses("main", l)
		}()
	}
}
