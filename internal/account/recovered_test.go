package account

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// Each row changes one thing of an account that was recovered an hour ago with one of its two authenticators, and whose owner
// has just proven the other.
func TestForSevenDaysOnlyAnOlderAuthenticatorAllowsChanges(t *testing.T) {
	for name, c := range map[string]struct {
		wait   time.Duration // from the recovery to the session
		prove  string
		revoke bool
		want   error
	}{
		"the older one is proven":             {time.Hour, "older", false, nil},
		"nothing is proven":                   {time.Hour, "", false, ErrQuarantine},
		"the one that recovered is proven":    {time.Hour, "used", false, ErrQuarantine},
		"one bound since is proven":           {time.Hour, "newer", false, ErrQuarantine},
		"the older one is revoked":            {time.Hour, "older", true, ErrQuarantine},
		"a second before the seven days end":  {Quarantine - time.Second, "", false, ErrQuarantine},
		"the seven days are over":             {Quarantine, "", false, nil},
		"one bound since, on the seventh day": {Quarantine - time.Second, "newer", false, ErrQuarantine},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id := map[string]string{}
			bind := func(name string) {
				a := f.good()
				a.Handles = []Handle{{Value: []byte(name)}}
				a.EffectiveAt = f.clock.Now()
				id[name] = f.bind(t, a).ID
			}
			bind("older")
			bind("used")
			f.clock.Advance(time.Hour)
			f.must(t, func(tx storage.Tx) error { return f.Recovered(tx, f.good().AccountID, []string{id["used"]}) })
			f.clock.Advance(time.Second)
			bind("newer")
			f.clock.Advance(c.wait - time.Second)
			since := f.clock.Now()
			if c.prove != "" {
				f.must(t, func(tx storage.Tx) error { return f.Proven(tx, id[c.prove], attest.Claims{}, false, "browser") })
			}
			if c.revoke {
				f.must(t, func(tx storage.Tx) error { _, err := f.Revoke(tx, id["older"], "owner", "lost"); return err })
			}
			err := f.view(t, func(r storage.Reader) error { return f.MayChange(r, f.good().AccountID, since, "browser") })
			if !errors.Is(err, c.want) || (c.want == nil && err != nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestAProofBeforeTheSessionDoesNotCount(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	f.clock.Advance(time.Hour)
	f.must(t, func(tx storage.Tx) error { return f.Recovered(tx, a.AccountID, []string{"another"}) })
	f.must(t, func(tx storage.Tx) error { return f.Proven(tx, a.ID, attest.Claims{}, false, "browser") })
	f.clock.Advance(time.Minute)
	err := f.view(t, func(r storage.Reader) error { return f.MayChange(r, a.AccountID, f.clock.Now(), "browser") })
	if !errors.Is(err, ErrQuarantine) {
		t.Errorf("%v", err)
	}
}

func TestRecoveringAgainAndAgainMakesNoRecordLonger(t *testing.T) {
	f := newFixture(t)
	id := f.bind(t, f.good()).AccountID
	for range 3 {
		f.clock.Advance(time.Hour)
		f.must(t, func(tx storage.Tx) error { return f.Recovered(tx, id, []string{"b", "a"}) })
	}
	err := f.view(t, func(r storage.Reader) error {
		g, err := f.guard(r, id)
		if err == nil && !slices.Equal(g.RecoveredWith, []string{"a", "b"}) {
			t.Errorf("recovered with %q", g.RecoveredWith)
		}
		return err
	})
	f.must(t, func(storage.Tx) error { return err })
}

func TestAnAccountThatWasNeverRecoveredChangesFreely(t *testing.T) {
	f := newFixture(t)
	if err := f.view(t, func(r storage.Reader) error { return f.MayChange(r, "alice", f.clock.Now(), "browser") }); err != nil {
		t.Error(err)
	}
}

// What somebody else proves meanwhile, such as the owner in another browser, opens nothing to a thief's session.
func TestOnlyWhatTheSameBrowserProvedAllowsChanges(t *testing.T) {
	f := newFixture(t)
	older := f.good()
	older.EffectiveAt = f.clock.Now()
	id := f.bind(t, older).ID
	f.clock.Advance(time.Hour)
	f.must(t, func(tx storage.Tx) error { return f.Recovered(tx, older.AccountID, []string{"stolen"}) })
	f.clock.Advance(time.Second)
	since := f.clock.Now()
	f.must(t, func(tx storage.Tx) error { return f.Proven(tx, id, attest.Claims{}, false, "the owner's browser") })
	for holder, want := range map[string]error{"the owner's browser": nil, "the thief's browser": ErrQuarantine, "": ErrQuarantine} {
		if err := f.view(t, func(r storage.Reader) error { return f.MayChange(r, older.AccountID, since, holder) }); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", holder, err, want)
		}
	}
}

// The owner recovers against a thief who recovered before. The thief's proofs, which took no part in that, do not become good by it,
// and what the owner recovered with cannot be reported lost by whoever has a session.
func TestARecoveryAgainstAThiefLeavesHisProofsSuspect(t *testing.T) {
	f := newFixture(t)
	id := map[string]string{}
	for _, name := range []string{"stolen", "owner's"} {
		a := f.good()
		a.Handles, a.EffectiveAt = []Handle{{Value: []byte(name)}}, f.clock.Now()
		id[name] = f.bind(t, a).ID
	}
	for _, name := range []string{"stolen", "owner's"} {
		f.clock.Advance(time.Hour)
		f.must(t, func(tx storage.Tx) error { return f.Recovered(tx, f.good().AccountID, []string{id[name]}) })
	}
	f.clock.Advance(time.Second)
	since := f.clock.Now()
	f.must(t, func(tx storage.Tx) error { return f.Proven(tx, id["stolen"], attest.Claims{}, false, "thief") })
	err := f.view(t, func(r storage.Reader) error {
		if err := f.MayChange(r, f.good().AccountID, since, "thief"); !errors.Is(err, ErrQuarantine) {
			t.Errorf("the thief changes something: %v", err)
		}
		return f.MayLose(r, f.get(t, id["owner's"]), since, "thief")
	})
	if !errors.Is(err, ErrQuarantine) {
		t.Errorf("the thief reports the owner's lost: %v", err)
	}
}
