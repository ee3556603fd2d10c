package setup

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// place is where objects of a test are.
type place struct {
	states map[string]State
	writes int
	fail   int // this write fails half way; 0: none
	drops  string
}

var errFault = errors.New("fault")

func (p *place) object(kind, name string) (Object, error) {
	id := kind + "/" + name
	return Object{
		Kind: kind, Name: name,
		Read: func(context.Context) (State, error) { return maps.Clone(p.states[id]), nil },
		Write: func(_ context.Context, now, to State) error {
			p.writes++
			if to == nil {
				delete(p.states, id)
				return nil
			}
			next := State{}
			maps.Copy(next, now)
			if p.states[id] = next; p.writes == p.fail {
				return errFault
			}
			maps.Copy(next, to)
			delete(next, p.drops)
			return nil
		},
	}, nil
}

func (p *place) wishes(want map[string]State) (all []Wish) {
	for _, id := range slices.Sorted(maps.Keys(want)) {
		kind, name, _ := strings.Cut(id, "/")
		o, _ := p.object(kind, name)
		all = append(all, Wish{Object: o, Why: "because", Want: Always(want[id])})
	}
	return all
}

// world is a place with one object that is as wished, one that differs, one that is missing and one that is to go.
func world() (*place, map[string]State) {
	p := &place{states: map[string]State{
		"thing/as-wished": {"x": "1", "y": "mine"}, "thing/differs": {"x": "2", "y": "mine"}, "thing/goes": {},
	}}
	return p, map[string]State{"thing/as-wished": {"x": "1"}, "thing/differs": {"x": "1", "z": true}, "thing/goes": nil, "thing/missing": {"x": "1"}}
}

func mustPlan(t *testing.T, p *place, want map[string]State) Plan {
	t.Helper()
	plan, err := Make(t.Context(), p.wishes(want))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func mustOpen(t *testing.T, path string) *Record {
	t.Helper()
	r, err := OpenRecord(path, "the target")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ignoreChange(Change) {}
func ignoreEntry(Entry)   {}

func TestApplyMakesEverythingAsWishedAndUndoPutsItBack(t *testing.T) {
	p, want := world()
	before := maps.Clone(p.states)
	path := filepath.Join(t.TempDir(), "deep", "record.json")
	plan := mustPlan(t, p, want)
	if len(plan.Changes) != 3 || len(plan.Kept) != 1 || p.writes != 0 {
		t.Fatalf("%d changes, %d kept, %d writes", len(plan.Changes), len(plan.Kept), p.writes)
	}
	if err := plan.Apply(t.Context(), mustOpen(t, path), ignoreChange); err != nil {
		t.Fatal(err)
	}
	if again := mustPlan(t, p, want); len(again.Changes) != 0 {
		t.Errorf("left to do: %v", again.Changes)
	}
	if p.states["thing/differs"]["y"] != "mine" {
		t.Error("a field that nobody asked about was changed")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the record: %v %v", info, err)
	}
	if err := mustOpen(t, path).Undo(t.Context(), p.object, nil, ignoreEntry); err != nil {
		t.Fatal(err)
	}
	for id, s := range before {
		if !p.states[id].has(s) {
			t.Errorf("%s is %v and was %v", id, p.states[id], s)
		}
	}
	if len(p.states) != len(before) {
		t.Errorf("%d objects, and there were %d", len(p.states), len(before))
	}
	if err := mustOpen(t, path).Undo(t.Context(), p.object, nil, ignoreEntry); !errors.Is(err, ErrNothing) {
		t.Errorf("undone twice: %v", err)
	}
}

func TestAFaultAtAnyWriteCanBeGoneOnFromAndUndone(t *testing.T) {
	for _, goOn := range []bool{false, true} {
		for fail := 1; fail <= 3; fail++ {
			p, want := world()
			before := maps.Clone(p.states)
			path := filepath.Join(t.TempDir(), "record.json")
			p.fail = fail
			err := mustPlan(t, p, want).Apply(t.Context(), mustOpen(t, path), ignoreChange)
			if fail != 2 && !errors.Is(err, errFault) { // the second removes
				t.Fatalf("write %d: %v", fail, err)
			}
			if goOn {
				if err := mustPlan(t, p, want).Apply(t.Context(), mustOpen(t, path), ignoreChange); err != nil || len(mustPlan(t, p, want).Changes) > 0 {
					t.Errorf("write %d: it does not go on: %v", fail, err)
				}
			}
			if err := mustOpen(t, path).Undo(t.Context(), p.object, nil, ignoreEntry); err != nil {
				t.Fatal(err)
			}
			for id, s := range before {
				if !p.states[id].has(s) || len(p.states) != len(before) {
					t.Errorf("write %d: %s is %v and was %v", fail, id, p.states[id], s)
				}
			}
		}
	}
}

func TestWhatSomebodyElseChangedIsNotUndoneUnasked(t *testing.T) {
	p, want := world()
	path := filepath.Join(t.TempDir(), "record.json")
	if err := mustPlan(t, p, want).Apply(t.Context(), mustOpen(t, path), ignoreChange); err != nil {
		t.Fatal(err)
	}
	p.states["thing/missing"]["x"] = "somebody else's"
	writes := p.writes
	var conflict *ConflictError
	err := mustOpen(t, path).Undo(t.Context(), p.object, []string{"thing/differs"}, ignoreEntry)
	if !errors.As(err, &conflict) || !slices.Equal(conflict.Objects, []string{"thing/missing"}) || p.writes != writes {
		t.Errorf("%v, %d writes", err, p.writes-writes)
	}
	if err := mustOpen(t, path).Undo(t.Context(), p.object, []string{"thing/missing"}, ignoreEntry); err != nil || p.states["thing/missing"] != nil {
		t.Errorf("asked for: %v %v", err, p.states["thing/missing"])
	}
}

// A later change that fails, or is not made at all, leaves what somebody else makes of the object as safe as before.
func TestWhatSomebodyElseMendsAfterAFailureIsNotUndoneUnasked(t *testing.T) {
	for _, c := range []struct {
		name, x string // what the later plan is to make of it; "2" was there first
		fail    bool   // the write, else it is not tried
	}{{"half way", "3", true}, {"back to what was there first", "2", true}, {"not at all", "3", false}} {
		for _, mended := range []bool{true, false} {
			p, want := world()
			path := filepath.Join(t.TempDir(), "record.json")
			if err := mustPlan(t, p, want).Apply(t.Context(), mustOpen(t, path), ignoreChange); err != nil {
				t.Fatal(err)
			}
			want["thing/differs"] = State{"x": c.x}
			plan := mustPlan(t, p, want)
			if p.fail = p.writes + 1; !c.fail {
				p.states["thing/differs"]["x"] = "in between"
			}
			if err := plan.Apply(t.Context(), mustOpen(t, path), ignoreChange); err == nil {
				t.Fatalf("%s: it did not fail", c.name)
			}
			if p.states["thing/differs"]["z"] = true; mended {
				p.states["thing/differs"]["x"] = "somebody else's"
			} else if !c.fail {
				p.states["thing/differs"]["x"] = "1"
			}
			var conflict *ConflictError
			if err := mustOpen(t, path).Undo(t.Context(), p.object, nil, ignoreEntry); errors.As(err, &conflict) != mended || err != nil && !mended {
				t.Errorf("%s, mended %t: %v", c.name, mended, err)
			}
		}
	}
}

func TestALaterPlanKeepsWhatWasThereFirst(t *testing.T) {
	p, want := world()
	path := filepath.Join(t.TempDir(), "record.json")
	for _, x := range []string{"1", "3"} {
		want["thing/differs"] = State{"x": x, "later " + x: true}
		if err := mustPlan(t, p, want).Apply(t.Context(), mustOpen(t, path), ignoreChange); err != nil {
			t.Fatal(err)
		}
	}
	if err := mustOpen(t, path).Undo(t.Context(), p.object, nil, ignoreEntry); err != nil {
		t.Fatal(err)
	}
	if got := p.states["thing/differs"]; !got.has(State{"x": "2", "y": "mine", "later 1": nil, "later 3": nil}) {
		t.Errorf("%v", got)
	}
}

func TestAWriteThatDoesNotTakeIsNoticed(t *testing.T) {
	p, want := world()
	p.drops = "z"
	err := mustPlan(t, p, want).Apply(t.Context(), mustOpen(t, filepath.Join(t.TempDir(), "record.json")), ignoreChange)
	if err == nil || !strings.Contains(err.Error(), "not what was written: [z]") {
		t.Error(err)
	}
}

func TestAPlanThatIsOldIsNotApplied(t *testing.T) {
	p, want := world()
	plan := mustPlan(t, p, want)
	p.states["thing/differs"]["x"] = "somebody else's"
	err := plan.Apply(t.Context(), mustOpen(t, filepath.Join(t.TempDir(), "record.json")), ignoreChange)
	if err == nil || !strings.Contains(err.Error(), "make a new plan") || p.states["thing/differs"]["x"] != "somebody else's" {
		t.Error(err)
	}
}

func TestARefusedObjectMakesNoPlan(t *testing.T) {
	p, want := world()
	wishes := p.wishes(want)
	wishes[2].Want = func(State) (State, error) { return nil, errFault }
	if _, err := Make(t.Context(), wishes); !errors.Is(err, errFault) {
		t.Error(err)
	}
	wishes = p.wishes(want)
	wishes[1].Read = func(context.Context) (State, error) { return nil, errFault }
	if _, err := Make(t.Context(), wishes); !errors.Is(err, errFault) {
		t.Error(err)
	}
}

func TestABadRecordIsRefused(t *testing.T) {
	const good = `{"target":"the target","entries":[{"kind":"a","name":"b","before":null,"after":{},"done":true}]}`
	path := filepath.Join(t.TempDir(), "record.json")
	for name, text := range map[string]string{
		"good": good, "another target": strings.Replace(good, "the target", "another", 1), "a null entry": `{"target":"the target","entries":[null]}`,
		"cut off": good[:40], "more than is known": strings.Replace(good, `"kind"`, `"sort":1,"kind"`, 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenRecord(path, "the target"); (err == nil) != (name == "good") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASecretThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "etc", "secret")
	o := SecretFile(path, "the secret")
	wish := Wish{Object: o, Want: KeptSecret}
	plan, err := Make(t.Context(), []Wish{wish})
	if err != nil || len(plan.Changes) != 1 {
		t.Fatal(plan, err)
	}
	if err := plan.Apply(t.Context(), mustOpen(t, path+".json"), ignoreChange); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "the secret" {
		t.Error(string(text), err)
	}
	if record, _ := os.ReadFile(path + ".json"); bytes.Contains(record, []byte("the secret")) {
		t.Error("the record holds it")
	}
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	if _, err := Make(t.Context(), []Wish{wish}); err == nil {
		t.Error("others can read it, and nobody minds")
	}
}

func TestThePlanShowsWhatChangesAndWhy(t *testing.T) {
	p, want := world()
	plan := mustPlan(t, p, want)
	plan.Notes = []string{"look\x1b[2J"}
	var out bytes.Buffer
	plan.WriteText(&out, func(s string) string { return strings.ReplaceAll(s, "\x1b", "?") })
	for _, line := range []string{
		"~ thing differs\n    because\n    x: \"2\" → \"1\"\n    z: none → true\n", "- thing goes\n", "+ thing missing\n    because\n    x: \"1\"\n", "= thing as-wished\n", "* look?[2J",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("there is no %q in\n%s", line, &out)
		}
	}
}
