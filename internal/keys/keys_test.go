package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/storage"
	"github.com/regrant/regrant/storage/badger"
	"github.com/regrant/regrant/storage/storagetest"
)

var secret = bytes.Repeat([]byte{7}, MinSecret)

func testDB(t testing.TB) storage.DB {
	t.Helper()
	db, _ := clockedDB(t)
	return db
}

// clockedDB is a DB on a clock that only the test moves.
func clockedDB(t testing.TB) (storage.DB, *storagetest.Clock) {
	t.Helper()
	clock := storagetest.NewClock(time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC))
	db, err := badger.OpenInMemory(clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db, clock
}

func testRing(t testing.TB, db storage.DB, namespace string) *Ring {
	t.Helper()
	r, err := Open(t.Context(), db, namespace, secret)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func update(t testing.TB, db storage.DB, fn func(storage.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// stored returns all that the store holds.
func stored(t testing.TB, db storage.DB) (entries []storage.Entry) {
	t.Helper()
	err := db.View(t.Context(), func(r storage.Reader) error {
		for e, err := range r.Scan([]byte("main/key/"), nil, 0) {
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// fingerprint is one value that depends on every key of r.
func fingerprint(r *Ring) string {
	h := sha256.New()
	var purposes []Purpose
	for p := range kinds {
		purposes = append(purposes, p)
	}
	slices.Sort(purposes)
	for _, p := range purposes {
		switch kinds[p] {
		case signing:
			fmt.Fprintln(h, p, r.Signing(p)[0].ID)
		case symmetric:
			fmt.Fprintf(h, "%s %x %x\n", p, r.Secret(p), r.MAC(p))
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func TestKeysSurviveReopening(t *testing.T) {
	db := testDB(t)
	if a, b := testRing(t, db, "main"), testRing(t, db, "main"); fingerprint(a) != fingerprint(b) {
		t.Error("the second opening has other keys")
	}
}

func TestEachKeyIsItsOwnRecord(t *testing.T) {
	db := testDB(t)
	r := testRing(t, db, "main")
	entries := stored(t, db)
	if want := len(kinds) + 1; len(entries) != want {
		t.Errorf("%d records, want %d with the check value", len(entries), want)
	}
	for _, e := range entries {
		for p := range r.fixed {
			if bytes.Contains(e.Value, r.fixed[p]) || bytes.Contains(e.Value, []byte("purpose")) {
				t.Errorf("record %s is not wrapped", e.Key)
			}
		}
	}
	seen := map[string]Purpose{}
	for p, k := range r.fixed {
		if other, ok := seen[string(k)]; ok {
			t.Errorf("%s and %s share a key", p, other)
		}
		seen[string(k)] = p
	}
}

func TestNamespacesShareNoKey(t *testing.T) {
	db := testDB(t)
	a, b := testRing(t, db, "main"), testRing(t, db, "other")
	for p := range a.fixed {
		if bytes.Equal(a.fixed[p], b.fixed[p]) {
			t.Errorf("%s is shared", p)
		}
	}
	if bytes.Equal(derive(secret, "regrant wrapping key: main"), derive(secret, "regrant wrapping key: other")) {
		t.Error("the wrapping keys are the same")
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	if _, err := Open(t.Context(), testDB(t), "main", secret[:MinSecret-1]); !errors.Is(err, ErrShortSecret) {
		t.Errorf("error %v, want ErrShortSecret", err)
	}
}

func TestWrongSecretMakesNoKeys(t *testing.T) {
	db := testDB(t)
	testRing(t, db, "main")
	before := stored(t, db)
	wrong := bytes.Repeat([]byte{8}, MinSecret)
	if _, err := Open(t.Context(), db, "main", wrong); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("error %v, want ErrWrongSecret", err)
	}
	sameEntries(t, before, stored(t, db))
}

// A version that knows new purposes only must not mix keys under two secrets.
func TestWrongSecretIsToldByTheCheckValueAlone(t *testing.T) {
	db := testDB(t)
	testRing(t, db, "main")
	update(t, db, func(tx storage.Tx) error {
		for p := range kinds {
			if err := tx.Delete([]byte("main/key/" + string(p))); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := Open(t.Context(), db, "main", bytes.Repeat([]byte{8}, MinSecret)); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("error %v, want ErrWrongSecret", err)
	}
}

// Deleting the check value must not let a wrong secret through, nor store a new check value.
func TestWrongSecretIsToldWithoutTheCheckValue(t *testing.T) {
	db := testDB(t)
	testRing(t, db, "main")
	update(t, db, func(tx storage.Tx) error { return tx.Delete([]byte("main/key/check")) })
	before := stored(t, db)
	if _, err := Open(t.Context(), db, "main", bytes.Repeat([]byte{8}, MinSecret)); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("error %v, want ErrWrongSecret", err)
	}
	sameEntries(t, before, stored(t, db))
}

func sameEntries(t testing.TB, before, after []storage.Entry) {
	t.Helper()
	if len(before) != len(after) {
		t.Fatalf("%d records, were %d", len(after), len(before))
	}
	for i := range before {
		if !bytes.Equal(before[i].Key, after[i].Key) || !bytes.Equal(before[i].Value, after[i].Value) {
			t.Errorf("record %s changed", before[i].Key)
		}
	}
}

func TestMovedKeyRecordIsRefused(t *testing.T) {
	db := testDB(t)
	testRing(t, db, "main")
	update(t, db, func(tx storage.Tx) error {
		v, err := tx.Get([]byte("main/key/csrf"))
		if err != nil {
			return err
		}
		return tx.Put([]byte("main/key/record"), v, time.Time{})
	})
	if _, err := Open(t.Context(), db, "main", secret); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("error %v, want ErrWrongSecret", err)
	}
}

func TestAlteredKeyRecordIsRefused(t *testing.T) {
	db := testDB(t)
	testRing(t, db, "main")
	for _, e := range stored(t, db) {
		update(t, db, func(tx storage.Tx) error {
			bad := bytes.Clone(e.Value)
			bad[len(bad)/2] ^= 1
			return tx.Put(e.Key, bad, time.Time{})
		})
		if _, err := Open(t.Context(), db, "main", secret); !errors.Is(err, ErrWrongSecret) {
			t.Errorf("%s: error %v, want ErrWrongSecret", e.Key, err)
		}
		update(t, db, func(tx storage.Tx) error { return tx.Put(e.Key, e.Value, time.Time{}) })
	}
}

func TestNodesThatStartAtOnceHaveTheSameKeys(t *testing.T) {
	db := testDB(t)
	rings := make([]*Ring, 8)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			r, err := Open(t.Context(), db, "main", secret)
			if err != nil {
				t.Error(err)
				return
			}
			rings[i] = r
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, r := range rings[1:] {
		if fingerprint(r) != fingerprint(rings[0]) {
			t.Error("two nodes have different keys")
		}
	}
}

func TestRecordSaysWhatItIs(t *testing.T) {
	db := testDB(t)
	r := testRing(t, db, "main")
	w, err := newWrapper(secret, "main")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range stored(t, db) {
		plain, err := open(w.aead, e.Value, e.Key)
		if err != nil {
			t.Fatal(err)
		}
		var rec record
		if err := json.Unmarshal(plain, &rec); err != nil {
			t.Fatal(err)
		}
		first := rec.Keys[0]
		if string(e.Key) != "main/key/"+string(rec.Purpose) || first.ID == "" || first.MadeAt.IsZero() || rec.Kind == "" {
			t.Errorf("%s: record is %q %q %v %q", e.Key, rec.Purpose, first.ID, first.MadeAt, rec.Kind)
		}
		if rec.Purpose == Grant && first.ID != r.Signing(Grant)[0].ID {
			t.Error("the signing key's id is not its record's")
		}
	}
}

func TestSigningKeyIsNamedByItsThumbprint(t *testing.T) {
	k := testRing(t, testDB(t), "main").Signing(Grant)[0]
	x, y := make([]byte, 32), make([]byte, 32)
	point, err := k.Private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	copy(x, point[1:33])
	copy(y, point[33:])
	b64 := base64.RawURLEncoding.EncodeToString
	// RFC 7638 section 3: required members only, in lexicographic order, without spaces, as a JSON encoder sorts them.
	doc, err := json.Marshal(map[string]string{"kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y)})
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(doc); k.ID != b64(sum[:]) {
		t.Errorf("id %s, want %s", k.ID, b64(sum[:]))
	}
}

func TestMistakenPurposePanics(t *testing.T) {
	r := testRing(t, testDB(t), "main")
	for name, call := range map[string]func(){
		"unknown":              func() { r.Secret("unheard-of") },
		"the check value":      func() { r.Secret(checkPurpose) },
		"secret of a signer":   func() { r.Secret(Grant) },
		"box of a signer":      func() { r.Box(Broker) },
		"signing with symbols": func() { r.Signing(CSRF) },
		"box of the unknown":   func() { r.Box("unheard-of") },
		"secret that rotates":  func() { r.Secret(RecoveryID) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			call()
		}()
	}
}
