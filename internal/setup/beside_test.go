package setup

import (
	"path/filepath"
	"strings"
	"testing"
)

// applied sets up a target whose gateway has a secret in the file shared, and whose record is beside that.
func applied(t *testing.T, dir, name string) *Record {
	t.Helper()
	r := openTarget(t, dir, name)
	thing, _ := (&place{states: map[string]State{}}).object("thing", name)
	wishes := []Wish{
		{Object: SecretFile(filepath.Join(dir, "shared"), strings.Repeat("s", leastSecret)), Want: KeptSecret},
		{Object: thing, Want: Always(State{"x": "1"})},
	}
	plan, err := Make(t.Context(), wishes)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(t.Context(), r, ignoreChange); err != nil {
		t.Fatal(err)
	}
	return r
}

func openTarget(t *testing.T, dir, name string) *Record {
	t.Helper()
	r, err := OpenRecord(filepath.Join(dir, "init-"+name+".json"), "Server "+name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestASecretThatAnotherRecordMadeIsNotShared(t *testing.T) {
	dir := t.TempDir()
	shared := []string{filepath.Join(dir, "other"), filepath.Join(dir, "shared")}
	if err := openTarget(t, filepath.Join(dir, "nowhere"), "acme").Alone(shared); err != nil {
		t.Errorf("nothing is there yet: %v", err)
	}
	applied(t, dir, "acme")
	if err := openTarget(t, dir, "acme").Alone(shared); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := openTarget(t, dir, "partners").Alone(shared[:1]); err != nil {
		t.Errorf("another file: %v", err)
	}
	err := openTarget(t, dir, "partners").Alone(shared)
	if err == nil || !strings.Contains(err.Error(), shared[1]+" is the secret of Server acme") {
		t.Error(err)
	}
}

// Two that were set up with one secret, before that was refused, are undone in the order in which nothing is missing.
func TestASecretThatAnotherOneHasIsNotTakenAway(t *testing.T) {
	dir := t.TempDir()
	first, second := applied(t, dir, "acme"), applied(t, dir, "partners")
	find := func(kind, name string) (Object, error) {
		if kind == fileKind {
			return SecretFile(name, ""), nil
		}
		return (&place{states: map[string]State{}}).object(kind, name)
	}
	if err := first.Undo(t.Context(), find, nil, ignoreEntry); err == nil || !strings.Contains(err.Error(), "is the secret of Server partners as well") || len(first.Entries) != 2 {
		t.Errorf("%v, %d entries", err, len(first.Entries))
	}
	for _, r := range []*Record{second, first} {
		if err := r.Undo(t.Context(), find, nil, ignoreEntry); err != nil {
			t.Error(err)
		}
	}
}
