// Package setup brings an identity provider to what the gateway needs of it, and back.
//
// An [Object] is one thing there that can be read and written, such as a client. A [Wish] says what it should be and why.
// [Make] reads every object and compares: what differs is a [Change], and all of them are the [Plan], which changes nothing.
// [Plan.Apply] makes the changes in their order, reads each one back, and keeps in a [Record] what was there before;
// [Record.Undo] puts that back. Every identity provider has a room below this one, with its own objects.
package setup

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
)

// State is what an object is: its fields, with values as JSON has them, and no secret among them. Nil: it is not there.
// A field that is missing is the same as one that is nil or an empty text.
type State map[string]any

// StateOf returns the state that a value is when it is written as JSON. It must be an object, or nil.
func StateOf(value any) (State, error) {
	raw, err := json.Marshal(value, json.FormatNilMapAsNull(true))
	if err != nil {
		return nil, fmt.Errorf("describing a state: %v", err)
	}
	var s State
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("describing a state: %v", err)
	}
	return s, nil
}

// pick returns the named fields of s. Nil stays nil.
func (s State) pick(names []string) State {
	if s == nil {
		return nil
	}
	picked := State{}
	for _, name := range names {
		picked[name] = s[name]
	}
	return picked
}

// has tells whether s is there and has every field of want.
func (s State) has(want State) bool {
	if s == nil || want == nil {
		return s == nil && want == nil
	}
	return len(s.differences(want)) == 0
}

// differences are the names of the fields of want that s has otherwise, sorted.
func (s State) differences(want State) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !(empty(s[name]) && empty(want[name])) && !reflect.DeepEqual(s[name], want[name]) {
			names = append(names, name)
		}
	}
	return names
}

func empty(value any) bool { return value == nil || value == "" }

// Object is one thing that the gateway needs at an identity provider or beside it.
type Object struct {
	Kind, Name string
	// Read returns the state, nil if the object is not there.
	Read func(context.Context) (State, error)
	// Write makes the object that is now what to says, which may be a part of its fields: the others stay. If now is nil
	// it is made, if to is nil it is removed.
	Write func(ctx context.Context, now, to State) error
}

// ID names the object among all of its identity provider: kind/name.
func (o Object) ID() string { return o.Kind + "/" + o.Name }

// Wish is what an object should be.
type Wish struct {
	Object
	// Why, for the person who reads the plan.
	Why string
	// Want returns the fields that matter, given what is there now. An error refuses what is there: it is somebody else's.
	Want func(now State) (State, error)
}

// Always is a wish for the same whatever is there.
func Always(want State) func(State) (State, error) {
	return func(State) (State, error) { return want, nil }
}

// Change is an object that is not as wished.
type Change struct {
	Wish
	Before State // nil: it is not there; else the fields of After, or all if that is nil
	After  State // nil: it is to go
}

// Fields are the names of the fields that change, sorted.
func (c Change) Fields() []string { return c.Before.differences(c.After) }

// Plan is what differs from the wishes.
type Plan struct {
	Changes []Change
	Kept    []Wish   // as wished already
	Notes   []string // what a person should look at, and what is never changed here
}

// Make reads every object. It changes nothing; if one cannot be read there is no plan.
func Make(ctx context.Context, wishes []Wish) (Plan, error) {
	var p Plan
	for _, w := range wishes {
		now, err := w.Read(ctx)
		if err != nil {
			return Plan{}, fmt.Errorf("reading %s %s: %w", w.Kind, w.Name, err)
		}
		want, err := w.Want(now)
		if err == nil {
			want, err = StateOf(want)
		}
		if err != nil {
			return Plan{}, fmt.Errorf("%s %s: %w", w.Kind, w.Name, err)
		}
		if now.has(want) {
			p.Kept = append(p.Kept, w)
			continue
		}
		before := now
		if want != nil {
			before = now.pick(slices.Collect(maps.Keys(want)))
		}
		p.Changes = append(p.Changes, Change{Wish: w, Before: before, After: want})
	}
	return p, nil
}
