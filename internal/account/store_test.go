package account

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

func TestBoundAuthenticatorIsFoundByIDHandleAndAccount(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	if a.ID == "" || !a.BoundAt.Equal(f.clock.Now()) {
		t.Errorf("id %q bound at %v", a.ID, a.BoundAt)
	}
	err := f.view(t, func(r storage.Reader) error {
		byHandle, err := f.ByHandle(r, a.Handles[0].Value)
		if err != nil {
			return err
		}
		all, err := f.Living(r, a.AccountID)
		if err != nil {
			return err
		}
		for name, got := range map[string]*Authenticator{"id": f.get(t, a.ID), "handle": byHandle, "account": &all[0]} {
			if !reflect.DeepEqual(got, a) {
				t.Errorf("by %s: %+v, want %+v", name, got, a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnknownAuthenticatorIsNotFound(t *testing.T) {
	f := newFixture(t)
	f.bind(t, f.good())
	err := f.view(t, func(r storage.Reader) error {
		if _, err := f.Get(r, "unknown"); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Get: %v", err)
		}
		if _, err := f.ByHandle(r, []byte("handl")); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("ByHandle: %v", err)
		}
		all, err := f.Living(r, "alice-i")
		if len(all) != 0 {
			t.Errorf("Living: %+v", all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestIncompleteAuthenticatorIsNotBound(t *testing.T) {
	f := newFixture(t)
	for name, change := range map[string]func(*Authenticator){
		"no upstream":              func(a *Authenticator) { a.Upstream = "" },
		"no account":               func(a *Authenticator) { a.AccountID = "" },
		"no method":                func(a *Authenticator) { a.Method = "" },
		"no handle":                func(a *Authenticator) { a.Handles = nil },
		"no time of effect":        func(a *Authenticator) { a.EffectiveAt = time.Time{} },
		"effective before binding": func(a *Authenticator) { a.EffectiveAt = f.clock.Now().Add(-time.Second) },
	} {
		a := f.good()
		change(a)
		if err := f.update(t, func(tx storage.Tx) error { return f.Bind(tx, a) }); err == nil {
			t.Errorf("%s: bound", name)
		}
	}
}

func TestAHandleIsBoundOnce(t *testing.T) {
	f := newFixture(t)
	first := f.bind(t, f.good())
	again := f.good()
	again.AccountID = "mallory-id"
	bind := func(tx storage.Tx) error { return f.Bind(tx, again) }
	if err := f.update(t, bind); !errors.Is(err, storage.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	f.revoke(t, first.ID)
	if err := f.update(t, bind); !errors.Is(err, storage.ErrExists) {
		t.Errorf("a revoked key came back: %v", err)
	}
}

func TestRacingBindsOfOneHandleHaveOneWinner(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			a := f.good()
			a.AccountID = fmt.Sprint("account ", i) // no guard in common
			errs[i] = f.update(t, func(tx storage.Tx) error { return f.Bind(tx, a) })
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, storage.ErrExists) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won, want 1", won)
	}
}

func TestRevokedAuthenticatorStaysInTheHistory(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	f.clock.Advance(time.Hour)
	f.revoke(t, a.ID)
	got := f.get(t, a.ID)
	if !got.RevokedAt.Equal(f.clock.Now()) || got.RevokedBy != "carol" || got.RevokeReason != "lost" {
		t.Errorf("revoked %v by %q because of %q", got.RevokedAt, got.RevokedBy, got.RevokeReason)
	}
	if err := got.Usable(f.clock.Now()); !errors.Is(err, ErrRevoked) {
		t.Errorf("usable: %v", err)
	}
}

func TestRevokingTwiceKeepsTheFirstReason(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	f.revoke(t, a.ID)
	first, epoch := f.get(t, a.ID), f.epoch(t, a.AccountID)
	f.clock.Advance(time.Hour)
	err := f.update(t, func(tx storage.Tx) error {
		_, err := f.Revoke(tx, a.ID, "mallory", "second thoughts")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.get(t, a.ID); !reflect.DeepEqual(got, first) {
		t.Errorf("changed to %+v", got)
	}
	if f.epoch(t, a.AccountID) != epoch {
		t.Error("the epoch was raised again")
	}
}

func TestRevokingTheUnknownIsNotFound(t *testing.T) {
	f := newFixture(t)
	for name, do := range map[string]func(storage.Tx) error{
		"Revoke": func(tx storage.Tx) error { _, err := f.Revoke(tx, "unknown", "carol", ""); return err },
		"Used":   func(tx storage.Tx) error { return f.Proven(tx, "unknown", attest.Claims{}, true, "browser") },
	} {
		if err := f.update(t, do); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

func TestUseIsNoted(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	f.clock.Advance(time.Hour)
	if err := f.update(t, func(tx storage.Tx) error { return f.Proven(tx, a.ID, attest.Claims{}, true, "browser") }); err != nil {
		t.Fatal(err)
	}
	if got := f.get(t, a.ID); !got.LastUsedAt.Equal(f.clock.Now()) {
		t.Errorf("last used %v", got.LastUsedAt)
	}
}

func TestRevocationRaisesTheEpochOfItsAccountAlone(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	if f.epoch(t, "alice-id") != 0 {
		t.Error("binding raised the epoch")
	}
	f.revoke(t, a.ID)
	if got := f.epoch(t, "alice-id"); got != 1 {
		t.Errorf("epoch %d, want 1", got)
	}
	if f.epoch(t, "bob-id") != 0 {
		t.Error("another account's epoch changed")
	}
}

func TestRaisedEpochsAddUp(t *testing.T) {
	f := newFixture(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if err := f.update(t, func(tx storage.Tx) error { return f.RaiseEpoch(tx, "alice-id") }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := f.epoch(t, "alice-id"); got != 10 {
		t.Errorf("epoch %d, want 10", got)
	}
}

// A scan does not see what another transaction adds meanwhile. A decision on an account's authenticators that reads
// the epoch must run again when one is bound or revoked before it commits.
func TestDecisionOnASetSeesEveryChangeOfIt(t *testing.T) {
	f := newFixture(t)
	first := f.good()
	first.Handles = []Handle{{Value: []byte("first")}}
	f.bind(t, first)
	for name, change := range map[string]func(tx storage.Tx) error{
		"bind":   func(tx storage.Tx) error { return f.Bind(tx, f.good()) },
		"revoke": func(tx storage.Tx) error { _, err := f.Revoke(tx, first.ID, "carol", "lost"); return err },
	} {
		runs := 0
		err := f.update(t, func(tx storage.Tx) error {
			runs++
			if _, err := f.Epoch(tx, "alice-id"); err != nil {
				return err
			}
			if _, err := f.Living(tx, "alice-id"); err != nil {
				return err
			}
			if runs == 1 { // the race that is feared
				if err := f.update(t, change); err != nil {
					return err
				}
			}
			return tx.Put([]byte("decision"), []byte(name), time.Time{})
		})
		if err != nil || runs != 2 {
			t.Errorf("%s: the decision ran %d times (%v), want 2", name, runs, err)
		}
	}
}

// Whoever can write the database must not be able to give an authenticator to another account, or life to a revoked
// one.
func TestForgedRecordIsRefused(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.good())
	for name, edit := range map[string][2]string{
		"another account": {"alice-id", "mallory!"},
		"another label":   {"laptop", "lapdog"},
	} {
		key := []byte("main/authenticator\x00r" + a.ID)
		var stored []byte
		err := f.update(t, func(tx storage.Tx) (err error) {
			if stored, err = tx.Get(key); err != nil {
				return err
			}
			forged := bytes.ReplaceAll(stored, []byte(edit[0]), []byte(edit[1]))
			if bytes.Equal(forged, stored) {
				t.Errorf("%s: nothing to forge", name)
			}
			return tx.Put(key, forged, time.Time{})
		})
		if err != nil {
			t.Fatal(err)
		}
		err = f.view(t, func(r storage.Reader) error {
			_, err := f.Get(r, a.ID)
			return err
		})
		if err == nil || errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: error %v, want that it is altered", name, err)
		}
		if err := f.update(t, func(tx storage.Tx) error { return tx.Put(key, stored, time.Time{}) }); err != nil {
			t.Fatal(err)
		}
	}
}
