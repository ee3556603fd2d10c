package account

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// codes binds a set of two one-time codes.
func (f *fixture) codes(t *testing.T) *Authenticator {
	t.Helper()
	a := f.good()
	a.Method = attest.MethodRecoveryCode
	a.Handles = Handles([]attest.Handle{{Value: []byte("one"), Reference: []byte("{}"), OneTime: true}, {Value: []byte("two"), OneTime: true}})
	return f.bind(t, a)
}

func dead(string) (bool, error)   { return false, nil }
func living(string) (bool, error) { return true, nil }

func TestTheHundredthWrongGuessInARowDisables(t *testing.T) {
	f := newFixture(t)
	a := f.codes(t)
	for range MaxFailures - 1 {
		f.fail(t, a.ID, false)
	}
	// The right one in between: the count is of guesses in a row.
	f.must(t, func(tx storage.Tx) error { return f.Proven(tx, a.ID, attest.Claims{}, false, "browser") })
	for i := range MaxFailures {
		f.fail(t, a.ID, i+1 == MaxFailures)
	}
	if err := f.get(t, a.ID).Usable(f.clock.Now()); !errors.Is(err, ErrDisabled) {
		t.Errorf("after %d wrong guesses: %v", MaxFailures, err)
	}
	// nothing but another authenticator helps; the right code does not.
	f.must(t, func(tx storage.Tx) error { return f.Proven(tx, a.ID, attest.Claims{}, false, "browser") })
	if err := f.get(t, a.ID).Usable(f.clock.Now()); !errors.Is(err, ErrDisabled) {
		t.Errorf("a disabled authenticator came back: %v", err)
	}
}

func (f *fixture) fail(t *testing.T, id string, want bool) {
	t.Helper()
	f.must(t, func(tx storage.Tx) error {
		disabled, err := f.Failed(tx, id)
		if disabled != want {
			return fmt.Errorf("disabled %v, want %v", disabled, want)
		}
		return err
	})
}

func (f *fixture) must(t *testing.T, fn func(storage.Tx) error) {
	t.Helper()
	if err := f.update(t, fn); err != nil {
		t.Fatal(err)
	}
}

func TestGuessingAtOneAuthenticatorHurtsNoOther(t *testing.T) {
	f := newFixture(t)
	key, codes := f.bind(t, f.good()), f.codes(t)
	for i := 1; i <= MaxFailures; i++ {
		f.fail(t, codes.ID, i == MaxFailures)
	}
	if err := f.get(t, key.ID).Alive(f.clock.Now()); err != nil {
		t.Errorf("the other authenticator: %v", err)
	}
}

func TestAOneTimeCodeServesOneRecovery(t *testing.T) {
	f := newFixture(t)
	a := f.codes(t)
	one := []byte("one")
	reserve := func(txn string, alive func(string) (bool, error)) error {
		return f.update(t, func(tx storage.Tx) error { return f.Reserve(tx, a.ID, one, txn, alive) })
	}
	consume := func(txn string) error {
		return f.update(t, func(tx storage.Tx) error {
			_, err := f.Consume(tx, a.ID, one, txn, nil, time.Time{})
			return err
		})
	}
	for _, step := range []struct {
		name string
		err  error
		want error
	}{
		{"consumed without a reservation", consume("first"), ErrTaken},
		{"reserved", reserve("first", living), nil},
		{"reserved again by the same", reserve("first", living), nil},
		{"reserved by another meanwhile", reserve("second", living), ErrTaken},
		{"reserved once that recovery is dead", reserve("second", dead), nil},
		{"consumed by the dead one", consume("first"), ErrTaken},
		{"consumed", consume("second"), nil},
		{"consumed twice", consume("second"), ErrTaken},
		{"reserved after that", reserve("third", dead), ErrTaken},
	} {
		if !errors.Is(step.err, step.want) || (step.want == nil && step.err != nil) {
			t.Errorf("%s: %v, want %v", step.name, step.err, step.want)
		}
	}
	if left := f.get(t, a.ID).Left(); left != 1 {
		t.Errorf("%d codes left", left)
	}
}

func TestACodeThatReplacesOneIsOnProbation(t *testing.T) {
	f := newFixture(t)
	a := f.codes(t)
	effective := f.clock.Now().Add(72 * time.Hour)
	f.must(t, func(tx storage.Tx) error {
		if err := f.Reserve(tx, a.ID, []byte("one"), "txn", dead); err != nil {
			return err
		}
		after, err := f.Consume(tx, a.ID, []byte("one"), "txn", &attest.Handle{Value: []byte("three"), OneTime: true}, effective)
		if err == nil && after.Left() != 2 {
			err = fmt.Errorf("%d codes left", after.Left())
		}
		return err
	})
	reserve := func(tx storage.Tx) error { return f.Reserve(tx, a.ID, []byte("three"), "other", dead) }
	if err := f.update(t, reserve); !errors.Is(err, ErrProbation) {
		t.Errorf("at once: %v", err)
	}
	f.clock.Advance(72 * time.Hour)
	if err := f.update(t, reserve); err != nil {
		t.Errorf("after the probation: %v", err)
	}
}

func TestTheCounterSeenIsNeverLowered(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	handle := a.Handles[0].Value
	for _, seen := range []uint32{7, 3, 0} {
		f.must(t, func(tx storage.Tx) error {
			return f.Proven(tx, a.ID, attest.Claims{Handle: handle, Counter: seen, BackedUp: true}, true, "browser")
		})
		if b := f.get(t, a.ID).Binding(handle); b.Counter != 7 || !b.BackedUp {
			t.Errorf("after %d: %+v", seen, b)
		}
	}
}

func TestAnAuthenticatorOfVersionOneIsRead(t *testing.T) {
	doc, err := upgrade(1, []byte(`{"id":"a","handle":"aGFuZGxl","label":"laptop"}`))
	if err != nil || string(doc) != `{"handles":[{"value":"aGFuZGxl"}],"id":"a","label":"laptop"}` {
		t.Errorf("%s, %v", doc, err)
	}
	for _, broken := range []string{`{"id":"a"}`, `{"id":"a","handle":null}`, `{"id":"a","handle":""}`, `{"id":"a","handle":1}`, "null", "[]", ""} {
		if doc, err := upgrade(1, []byte(broken)); err == nil {
			t.Errorf("%s was read as %s", broken, doc)
		}
	}
}

func TestAGuardOfVersionOneIsRead(t *testing.T) {
	doc, err := upgradeGuard(1, []byte(`{"account_id":"a","epoch":3,"bound":2}`))
	if err != nil || string(doc) != `{"account_id":"a","epoch":3,"unlisted":true}` {
		t.Errorf("%s, %v", doc, err)
	}
	for _, broken := range []string{"null", "[]", ""} {
		if doc, err := upgradeGuard(1, []byte(broken)); err == nil {
			t.Errorf("%s was read as %s", broken, doc)
		}
	}
}

// A passphrase is found by its account alone, so the next one has the same handle. A key that was revoked stays known.
func TestAPassphraseFollowsOneThatIsRevokedAndAKeyDoesNot(t *testing.T) {
	for method, want := range map[attest.Method]error{attest.MethodPassphrase: nil, attest.MethodSSHKey: storage.ErrExists, "of-a-guest": storage.ErrExists} {
		f := newFixture(t)
		first, second := f.good(), f.good()
		first.Method, second.Method = method, method
		f.bind(t, first)
		f.revoke(t, first.ID)
		if err := f.update(t, func(tx storage.Tx) error { return f.Bind(tx, second) }); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", method, err, want)
		}
	}
}
