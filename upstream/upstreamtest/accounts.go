package upstreamtest

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/regrant/regrant/upstream"
)

func identifiersResolve(t *testing.T, a upstream.Adapter, f Fixture) {
	for _, identifier := range f.Alice.Identifiers {
		got, err := a.Resolve(t.Context(), identifier)
		if err != nil {
			t.Fatalf("resolving %q: %v", identifier, err)
		}
		if got.ID != f.Alice.ID || !slices.Equal(got.Identifiers, f.Alice.Identifiers) {
			t.Errorf("%q resolves to %+v, want %+v", identifier, got, f.Alice)
		}
	}
	for _, nobody := range []string{"", "nobody", "*", "%", f.Alice.Identifiers[0][:3], f.Alice.Identifiers[0] + "*", "nobody&exact=false"} {
		if got, err := a.Resolve(t.Context(), nobody); !errors.Is(err, upstream.ErrNoAccount) {
			t.Errorf("resolving %q: %+v, %v, want no account", nobody, got, err)
		}
	}
}

func stateTells(t *testing.T, a upstream.Adapter, f Fixture) {
	for _, c := range []struct {
		who       Person
		enabled   bool
		privilege upstream.Privilege
	}{
		{f.Alice, true, upstream.PrivilegeOrdinary},
		{f.Carol, true, upstream.PrivilegePrivileged},
		{f.Mallory, false, upstream.PrivilegeOrdinary},
	} {
		got, err := a.State(t.Context(), c.who.ID)
		if err != nil {
			t.Fatal(err)
		}
		want := upstream.State{
			Account: upstream.Account{ID: c.who.ID, Identifiers: c.who.Identifiers},
			Enabled: c.enabled, Privilege: c.privilege,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("state %+v, want %+v", got, want)
		}
	}
}

func unknownIDs(t *testing.T, a upstream.Adapter, f Fixture) {
	for _, id := range []string{"", "..", "no-such-id", "a/../b", "x?y", "00000000-0000-0000-0000-000000000000"} {
		for name, verb := range f.verbs(a.Facts(), Person{ID: id}, newSession(t, Fixture{}, Person{ID: id})) {
			if name == "Resolve" {
				continue
			}
			if err := verb(t.Context(), a); !errors.Is(err, upstream.ErrNoAccount) {
				t.Errorf("%s of %q: %v, want no account", name, id, err)
			}
		}
	}
}

func disabledGetsNone(t *testing.T, a upstream.Adapter, f Fixture) {
	if _, err := a.Session(t.Context(), newSession(t, f, f.Mallory)); !errors.Is(err, upstream.ErrRefused) {
		t.Errorf("session of a disabled account: %v, want refused", err)
	}
	if ways := f.WaysIn(t, f.Mallory); len(ways) != 0 {
		t.Errorf("ways in: %v", ways)
	}
}
