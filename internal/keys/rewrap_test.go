package keys

import (
	"bytes"
	"errors"
	"testing"

	"github.com/regrant/regrant/storage"
)

var newSecret = bytes.Repeat([]byte{9}, MinSecret)

func rewrap(t testing.TB, db storage.DB, to, from []byte) bool {
	t.Helper()
	done, err := Rewrap(t.Context(), db, "main", to, from)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestRewrappedKeysAreTheSameKeysUnderAnotherSecret(t *testing.T) {
	db := testDB(t)
	before := testRing(t, db, "main")
	rotate(t, before)
	sealed := before.Box(RecoveryID).Seal([]byte("x"), nil)
	if !rewrap(t, db, newSecret, secret) {
		t.Error("nothing was done")
	}
	if _, err := Open(t.Context(), db, "main", secret); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("the previous secret: %v", err)
	}
	after, err := Open(t.Context(), db, "main", newSecret)
	if err != nil {
		t.Fatal(err)
	}
	if fingerprint(after) != fingerprint(before) {
		t.Error("the keys are others")
	}
	wantKeys(t, after, ids(before, Grant)...)
	if _, err := after.Box(RecoveryID).Open(sealed, nil); err != nil {
		t.Error(err)
	}
	if rewrap(t, db, newSecret, secret) {
		t.Error("done twice")
	}
}

func TestRewrappingANewStoreDoesNothing(t *testing.T) {
	db := testDB(t)
	if rewrap(t, db, newSecret, secret) || len(stored(t, db)) != 0 {
		t.Error("something was done")
	}
}

func TestRewrappingUnderTwoWrongSecretsChangesNothing(t *testing.T) {
	db := testDB(t)
	testRing(t, db, "main")
	before := stored(t, db)
	if _, err := Rewrap(t.Context(), db, "main", newSecret, bytes.Repeat([]byte{8}, MinSecret)); !errors.Is(err, ErrWrongSecret) {
		t.Errorf("error %v, want ErrWrongSecret", err)
	}
	sameEntries(t, before, stored(t, db))
}

func TestRewrappingNeedsTwoLongSecrets(t *testing.T) {
	for _, pair := range [][2][]byte{{secret, secret[1:]}, {secret[1:], secret}} {
		if _, err := Rewrap(t.Context(), testDB(t), "main", pair[0], pair[1]); !errors.Is(err, ErrShortSecret) {
			t.Errorf("error %v, want ErrShortSecret", err)
		}
	}
}
