package account

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/storage"
)

// passkey is one of alice's that can be bound now.
func (f *fixture) passkey(handle string) *Authenticator {
	a := f.good()
	a.Method, a.Handles, a.NotAfter = attest.MethodPasskey, []Handle{{Value: []byte(handle)}}, time.Time{}
	return a
}

func identifier(t testing.TB, typed string) attest.Identifier {
	t.Helper()
	id, err := attest.ParseIdentifier(typed)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// names are what is named of passkeys, at most 4.
func (f *fixture) names(t testing.TB, typed string) (names []string) {
	t.Helper()
	return f.namesOf(t, attest.MethodPasskey, typed)
}

func (f *fixture) namesOf(t testing.TB, m attest.Method, typed string) (names []string) {
	t.Helper()
	err := f.view(t, func(r storage.Reader) error {
		handles, err := f.Named(r, m, identifier(t, typed), 4)
		names = nil
		for _, h := range handles {
			names = append(names, string(h))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func (f *fixture) wantNames(t testing.TB, typed string, want ...string) {
	t.Helper()
	if got := f.names(t, typed); !slices.Equal(got, want) {
		t.Errorf("named under %s: %q, want %q", typed, got, want)
	}
}

func TestTheLastPasskeysOfANameAreNamed(t *testing.T) {
	f := newFixture(t)
	f.wantNames(t, "alice")
	var last *Authenticator
	for i := range 5 {
		f.clock.Advance(time.Hour)
		last = f.bind(t, f.passkey(fmt.Sprint("key ", i)))
	}
	f.wantNames(t, "alice", "key 4", "key 3", "key 2", "key 1")
	f.wantNames(t, "ALICE", "key 4", "key 3", "key 2", "key 1")
	f.revoke(t, last.ID)
	f.wantNames(t, "alice", "key 3", "key 2", "key 1", "key 0")
}

// Whoever asked about both names of an account would otherwise see what they have in common.
func TestAPasskeyIsNamedUnderOneNameOnly(t *testing.T) {
	f := newFixture(t)
	f.bind(t, f.passkey("key"))
	f.wantNames(t, "alice", "key")
	for _, other := range []string{"alice@example.com", "alic", "alice2", "bob"} {
		f.wantNames(t, other)
	}
	odd := f.passkey("another")
	odd.Identifiers = []string{"no name at all", "Carol"}
	f.bind(t, odd)
	f.wantNames(t, "carol", "another")
	nameless := f.passkey("a third")
	nameless.Identifiers = nil
	f.bind(t, nameless)
}

func TestOnlyWhatMayBeNamedIs(t *testing.T) {
	f := newFixture(t)
	for _, m := range []attest.Method{
		attest.MethodDeviceCertificate, attest.MethodTPM, attest.MethodSSHKey, attest.MethodRecoveryKey, attest.MethodRecoveryCode, attest.MethodPassphrase,
	} {
		a := f.passkey("of " + string(m))
		a.Method = m
		f.bind(t, a)
	}
	guest := f.passkey("a guest's")
	guest.Method = "voucher"
	guest.Handles = append(guest.Handles, Handle{Value: []byte("selects a code"), OneTime: true})
	f.bind(t, guest)
	f.wantNames(t, "alice")
	for _, m := range []attest.Method{attest.MethodSSHKey, attest.MethodRecoveryCode} {
		if got := f.namesOf(t, m, "alice"); got != nil {
			t.Errorf("%s: %q", m, got)
		}
	}
	if got := f.namesOf(t, "voucher", "alice"); !slices.Equal(got, []string{"a guest's"}) {
		t.Errorf("of the guest: %q", got)
	}
}

// rows are the stored rows of names.
func (f *fixture) rows(t testing.TB) (rows []storage.Entry) {
	t.Helper()
	err := f.view(t, func(r storage.Reader) error {
		rows = nil
		for e, err := range r.Scan([]byte("main/named/"), nil, 0) {
			if err != nil {
				return err
			}
			rows = append(rows, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAPasskeyFromBeforeIsNamedOnceItIsUsed(t *testing.T) {
	f := newFixture(t)
	a := f.bind(t, f.passkey("key"))
	before := f.rows(t)
	if err := f.update(t, func(tx storage.Tx) error { return tx.Delete(before[0].Key) }); err != nil {
		t.Fatal(err)
	}
	f.wantNames(t, "alice")
	f.clock.Advance(time.Hour)
	if err := f.update(t, func(tx storage.Tx) error { return f.Proven(tx, a.ID, attest.Claims{}, false, "browser") }); err != nil {
		t.Fatal(err)
	}
	f.wantNames(t, "alice", "key")
	if after := f.rows(t); len(after) != 1 || !bytes.Equal(after[0].Key, before[0].Key) {
		t.Errorf("rows %q, before %q", after, before)
	}
	f.revoke(t, a.ID)
	if err := f.update(t, func(tx storage.Tx) error { return f.Proven(tx, a.ID, attest.Claims{}, false, "browser") }); err != nil {
		t.Fatal(err)
	}
	f.wantNames(t, "alice")
}

// Each row is what somebody who writes the store could put among alice's. The last shows that it would be read, if only he could seal it.
func TestAForgedNameIsNotBelieved(t *testing.T) {
	f := newFixture(t)
	f.bind(t, f.passkey("key"))
	mallory := f.passkey("mallory's")
	mallory.Identifiers = []string{"mallory"}
	f.bind(t, mallory)
	his, hers := f.row(t, "mallory"), f.row(t, "alice")
	place := append(f.place(attest.MethodPasskey, identifier(t, "alice")), bytes.Repeat([]byte{0xff}, 40)...) // behind hers
	for _, x := range []struct {
		name  string
		value []byte
		want  []string
	}{
		{"without a seal", []byte("forged"), []string{"key"}},
		{"empty", nil, []string{"key"}},
		{"sealed in another place", his.Value, []string{"key"}},
		{"her own in another place", hers.Value, []string{"key"}},
		{"sealed", testSealer{}.Seal(place, []byte("forged")), []string{"key", "forged"}},
	} {
		if err := f.update(t, func(tx storage.Tx) error { return tx.Put(place, x.value, time.Time{}) }); err != nil {
			t.Fatal(err)
		}
		if got := f.names(t, "alice"); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q", x.name, got)
		}
	}
}

// row is the one of a name.
func (f *fixture) row(t testing.TB, typed string) storage.Entry {
	t.Helper()
	place := f.place(attest.MethodPasskey, identifier(t, typed))
	for _, row := range f.rows(t) {
		if bytes.HasPrefix(row.Key, place) {
			return row
		}
	}
	t.Fatalf("nothing is named under %s", typed)
	return storage.Entry{}
}

// counter counts what is read and opened.
type counter struct {
	storage.Reader
	testSealer
	scans, rows, seals int
}

func (c *counter) Scan(prefix, after []byte, limit int) iter.Seq2[storage.Entry, error] {
	c.scans++
	return func(yield func(storage.Entry, error) bool) {
		for e, err := range c.Reader.Scan(prefix, after, limit) {
			c.rows++
			if !yield(e, err) {
				return
			}
		}
	}
}

func (c *counter) Open(key, sealed []byte) ([]byte, error) {
	c.seals++
	return c.testSealer.Open(key, sealed)
}

func TestWhoeverIsAskedAboutAsMuchIsRead(t *testing.T) {
	for total, want := range map[int]int{0: 0, 1: 1, 3: 3, 4: 4, 40: 4} {
		f, c := newFixture(t), new(counter)
		f.sealer = c
		for i := range total {
			a := f.passkey(fmt.Sprint("key ", i))
			a.Identifiers = []string{fmt.Sprint("known-", i/2)}
			f.bind(t, a)
		}
		for i := range 60 {
			for _, who := range []string{"known-", "unknown-"} {
				err := f.view(t, func(r storage.Reader) error {
					c.Reader, c.scans, c.rows, c.seals = r, 0, 0, 0
					_, err := f.Named(c, attest.MethodPasskey, identifier(t, fmt.Sprint(who, i)), 4)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				// One row more is looked at, but where the ring closes among those that are asked for.
				if c.scans != 2 || c.seals != want || c.rows < want || c.rows > want+1 {
					t.Errorf("%d rows, %s%d: %d read in %d scans, %d opened, want %d", total, who, i, c.rows, c.scans, c.seals, want)
				}
			}
		}
	}
}

func TestNamesSayNothingInTheirKeys(t *testing.T) {
	f := newFixture(t)
	f.bind(t, f.passkey("key"))
	for _, row := range f.rows(t) {
		if strings.Contains(string(row.Key), "alice") || len(row.Key) != len("main/named/")+32+8+32 {
			t.Errorf("key %q", row.Key)
		}
	}
}
