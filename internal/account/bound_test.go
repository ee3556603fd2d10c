package account

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
)

// named is a good authenticator with a handle of its own.
func (f *fixture) named(n int) *Authenticator {
	a := f.good()
	a.Handles = []Handle{{Value: fmt.Append(nil, n)}}
	return a
}

func (f *fixture) living(t *testing.T) (ids []string) {
	t.Helper()
	if err := f.view(t, func(r storage.Reader) error {
		all, err := f.Living(r, "alice-id")
		for _, a := range all {
			ids = append(ids, a.ID)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestRemovingAnAuthenticatorMakesRoomForAnother(t *testing.T) {
	f := newFixture(t)
	var bound []string
	for i := range MaxPerAccount {
		bound = append(bound, f.bind(t, f.named(i)).ID)
	}
	if got := f.living(t); !slices.Equal(got, bound) {
		t.Errorf("%d authenticators read, want all %d, the oldest first", len(got), MaxPerAccount)
	}
	if err := f.update(t, func(tx storage.Tx) error { return f.Bind(tx, f.named(-1)) }); !errors.Is(err, ErrTooMany) {
		t.Errorf("error %v, want ErrTooMany", err)
	}
	f.revoke(t, bound[3])
	last := f.bind(t, f.named(-1)).ID
	if got := f.living(t); !slices.Equal(got, append(slices.Delete(bound, 3, 4), last)) {
		t.Errorf("%q live", got)
	}
	if err := f.view(t, func(r storage.Reader) error {
		all, err := f.History(r, "alice-id")
		if len(all) != MaxPerAccount+1 {
			t.Errorf("the history has %d", len(all))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// An operator's CA that certifies a fresh key every day comes to the bound, and never to an end.
func TestExpiredAuthenticatorsMakeRoom(t *testing.T) {
	f := newFixture(t)
	daily := func(n int) *Authenticator {
		a := f.named(n)
		a.NotAfter = f.clock.Now().Add(24 * time.Hour)
		return a
	}
	kept := f.bind(t, f.named(-1))
	var expired []string
	for i := range MaxPerAccount - 1 {
		expired = append(expired, f.bind(t, daily(i)).ID)
	}
	f.clock.Advance(24 * time.Hour) // valid through that second
	if err := f.update(t, func(tx storage.Tx) error { return f.Bind(tx, daily(-2)) }); !errors.Is(err, ErrTooMany) {
		t.Errorf("before they expire: %v, want ErrTooMany", err)
	}
	f.clock.Advance(time.Second)
	if got := f.living(t); len(got) != MaxPerAccount {
		t.Errorf("%d are listed while nobody needs the room", len(got))
	}
	fresh := f.bind(t, daily(-2))
	if got := f.living(t); !slices.Equal(got, []string{kept.ID, fresh.ID}) {
		t.Errorf("%q live", got)
	}
	if err := f.update(t, func(tx storage.Tx) error { return f.Bind(tx, daily(0)) }); !errors.Is(err, storage.ErrExists) {
		t.Errorf("the key of one that made room: %v", err)
	}
	f.revoke(t, expired[0])
	f.revoke(t, fresh.ID)
	if got := f.living(t); !slices.Equal(got, []string{kept.ID}) {
		t.Errorf("%q live after revocations", got)
	}
	if err := f.view(t, func(r storage.Reader) error {
		all, err := f.History(r, "alice-id")
		revoked := 0
		for _, a := range all {
			if !a.RevokedAt.IsZero() {
				revoked++
			}
		}
		if len(all) != MaxPerAccount+1 || revoked != 2 {
			t.Errorf("the history has %d, of which %d are revoked", len(all), revoked)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestSessionsBindOnlySoManyADay(t *testing.T) {
	f := newFixture(t)
	own := func(n int) error {
		a := f.named(n)
		if err := f.update(t, func(tx storage.Tx) error { return f.BindOwn(tx, a) }); err != nil {
			return err
		}
		f.revoke(t, a.ID)
		return nil
	}
	for i := range MaxOwn {
		if err := own(i); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(time.Minute)
	}
	f.clock.Advance(OwnPeriod - MaxOwn*time.Minute - time.Second)
	if err := own(MaxOwn); !errors.Is(err, ErrTooOften) {
		t.Errorf("a second before the first is a day old: %v", err)
	}
	f.bind(t, f.named(-1)) // an operator can
	f.clock.Advance(time.Second)
	if err := own(MaxOwn); err != nil {
		t.Errorf("when it is: %v", err)
	}
	if err := own(MaxOwn + 1); !errors.Is(err, ErrTooOften) {
		t.Errorf("and then: %v", err)
	}
}

// Version 1 counted what was ever bound, and named nothing.
func TestAGuardOfVersionOneKnowsWhatLives(t *testing.T) {
	f := newFixture(t)
	first, second := f.bind(t, f.named(1)), f.bind(t, f.named(2))
	f.revoke(t, first.ID)
	type before struct {
		AccountID string `json:"account_id"`
		Epoch     uint64 `json:"epoch"`
		Bound     int    `json:"bound"`
	}
	old := storage.NewTable(storage.TableConfig[before]{
		Name: "main/account-guard", Version: 1, ID: func(g *before) []byte { return []byte(g.AccountID) }, Sealer: testSealer{},
	})
	if err := f.update(t, func(tx storage.Tx) error {
		if err := tx.Delete([]byte("main/account-guard\x00ralice-id")); err != nil {
			return err
		}
		return old.Insert(tx, &before{AccountID: "alice-id", Epoch: 7, Bound: 2})
	}); err != nil {
		t.Fatal(err)
	}
	if got := f.living(t); !slices.Equal(got, []string{second.ID}) || f.epoch(t, "alice-id") != 7 {
		t.Errorf("%q live in epoch %d", got, f.epoch(t, "alice-id"))
	}
	third := f.bind(t, f.named(3))
	if got := f.living(t); !slices.Equal(got, []string{second.ID, third.ID}) {
		t.Errorf("%q live", got)
	}
}
