package account

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

const wait = 10 * time.Minute

// awaited is bound, and waits for "session".
func (f *fixture) awaited(t testing.TB) *Authenticator {
	t.Helper()
	a := f.good()
	a.Awaits = &Confirmation{Session: []byte("session"), Before: f.clock.Now().Add(wait), Probation: time.Hour}
	return f.bind(t, a)
}

func (f *fixture) confirm(t testing.TB, accountID, id, session string) error {
	t.Helper()
	return f.update(t, func(tx storage.Tx) error {
		_, err := f.Confirm(tx, accountID, id, []byte(session))
		return err
	})
}

func TestOnlyTheSessionThatIsAwaitedConfirms(t *testing.T) {
	for name, c := range map[string]struct {
		account, session string
		before           func(t *testing.T, f *fixture, a *Authenticator)
		want             error
	}{
		"good":            {"alice-id", "session", nil, nil},
		"another session": {"alice-id", "another", nil, ErrNotAwaited},
		"no session":      {"alice-id", "", nil, ErrNotAwaited},
		"another account": {"bob-id", "session", nil, ErrNotAwaited},
		"too late":        {"alice-id", "session", func(_ *testing.T, f *fixture, _ *Authenticator) { f.clock.Advance(wait) }, ErrNotAwaited},
		"revoked":         {"alice-id", "session", func(t *testing.T, f *fixture, a *Authenticator) { f.revoke(t, a.ID) }, ErrNotAwaited},
		"confirmed": {"alice-id", "session", func(t *testing.T, f *fixture, a *Authenticator) {
			if err := f.confirm(t, "alice-id", a.ID, "session"); err != nil {
				t.Fatal(err)
			}
		}, ErrNotAwaited},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			a := f.awaited(t)
			if c.before != nil {
				c.before(t, f, a)
			}
			if err := f.confirm(t, c.account, a.ID, c.session); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			err := f.get(t, a.ID).Usable(f.clock.Now().Add(time.Hour))
			if (err == nil) != (c.want == nil || name == "confirmed") {
				t.Errorf("usable: %v", err)
			}
		})
	}
	f := newFixture(t)
	if err := f.confirm(t, "alice-id", "unknown", "session"); !errors.Is(err, ErrNotAwaited) {
		t.Errorf("unknown: %v", err)
	}
}

func TestConfirmingStartsTheProbation(t *testing.T) {
	f := newFixture(t)
	a := f.awaited(t)
	f.clock.Advance(time.Minute)
	if err := f.confirm(t, "alice-id", a.ID, "session"); err != nil {
		t.Fatal(err)
	}
	if got := f.get(t, a.ID); !got.EffectiveAt.Equal(f.clock.Now().Add(time.Hour)) || !errors.Is(got.Usable(f.clock.Now()), ErrProbation) {
		t.Errorf("effective %v", got.EffectiveAt)
	}
}

func TestRacingConfirmationAndRevocationHaveOneOutcome(t *testing.T) {
	for range 20 {
		f := newFixture(t)
		a := f.awaited(t)
		var both sync.WaitGroup
		var confirmed error
		both.Go(func() { confirmed = f.confirm(t, "alice-id", a.ID, "session") })
		both.Go(func() { f.revoke(t, a.ID) })
		both.Wait()
		if confirmed != nil && !errors.Is(confirmed, ErrNotAwaited) {
			t.Fatal(confirmed)
		}
		if err := f.get(t, a.ID).Usable(f.clock.Now().Add(time.Hour)); !errors.Is(err, ErrRevoked) {
			t.Fatalf("usable: %v", err)
		}
	}
}

// What nobody confirmed took part in nothing, so its end stops no recovery.
func TestTheEndOfWhatNobodyConfirmedRaisesNoEpoch(t *testing.T) {
	f := newFixture(t)
	a := f.awaited(t)
	f.revoke(t, a.ID)
	if n := f.epoch(t, "alice-id"); n != 0 {
		t.Errorf("epoch %d", n)
	}
}
