package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNothing says that there is no record of anything that could be undone.
var ErrNothing = errors.New("nothing is recorded that could be undone")

// ConflictError names the objects that are no longer as they were left.
type ConflictError struct{ Objects []string }

func (e *ConflictError) Error() string {
	return fmt.Sprintf("changed by somebody else since, and so left alone: %s. To put back what was there before nevertheless, name each with --force",
		strings.Join(e.Objects, ", "))
}

// Undo puts back what was there before, the last change first. Find returns the object of an entry. Objects that somebody
// else has changed since are refused, before anything is done, unless force names them ([Object.ID]). An entry leaves the
// record when its object was read back, and done is told of it; so whoever undoes again goes on. A file that another record
// rests on is not taken away.
func (r *Record) Undo(ctx context.Context, find func(kind, name string) (Object, error), force []string, done func(Entry)) error {
	if len(r.Entries) == 0 {
		return ErrNothing
	}
	if err := r.lent(); err != nil {
		return err
	}
	if err := r.conflicts(ctx, find, force); err != nil {
		return err
	}
	for len(r.Entries) > 0 {
		last := r.Entries[len(r.Entries)-1]
		if err := last.restore(ctx, find); err != nil {
			return fmt.Errorf("%s %s: %w", last.Kind, last.Name, err)
		}
		r.Entries = r.Entries[:len(r.Entries)-1]
		if err := r.save(); err != nil {
			return err
		}
		done(*last)
	}
	return nil
}

func (r *Record) conflicts(ctx context.Context, find func(kind, name string) (Object, error), force []string) error {
	var found []string
	for _, e := range r.Entries {
		o, err := find(e.Kind, e.Name)
		if err != nil {
			return err
		}
		now, err := o.Read(ctx)
		if err != nil {
			return fmt.Errorf("reading %s %s: %w", e.Kind, e.Name, err)
		}
		if !e.ours(now) && !slices.Contains(force, e.ID()) {
			found = append(found, e.ID())
		}
	}
	if len(found) > 0 {
		return &ConflictError{found}
	}
	return nil
}

// ours tells whether an object is as it was, or as its change has left it. Where nobody knows how far that came, it may be.
func (e *Entry) ours(now State) bool {
	if now.has(e.Before) || now.has(e.After) {
		return true
	}
	return !e.Done && (e.Left == nil || now.has(e.Left.State))
}

// restore puts back what was there before, unless it is there again already.
func (e *Entry) restore(ctx context.Context, find func(kind, name string) (Object, error)) error {
	o, err := find(e.Kind, e.Name)
	if err != nil {
		return err
	}
	now, err := o.Read(ctx)
	if err != nil || now.has(e.Before) {
		return err
	}
	return replace(ctx, o, now, e.Before)
}
