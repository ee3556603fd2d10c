package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Apply makes the changes in their order and reads each one back. Before a change is made, the record at path says what was
// there; when it fails, the changes before it stay, and the record knows them. Done is told of each change that was made.
func (p Plan) Apply(ctx context.Context, r *Record, done func(Change)) error {
	for _, c := range p.Changes {
		if err := c.apply(ctx, r); err != nil {
			return fmt.Errorf("%s %s: %w", c.Kind, c.Name, err)
		}
		done(c)
	}
	return nil
}

// apply makes the change if the object is still as planned, and reads it back: an API may take a field and drop it. What it leaves
// where it fails is recorded, so that it is told apart later from what somebody else has made of it.
func (c Change) apply(ctx context.Context, r *Record) error {
	now, err := c.Read(ctx)
	if err != nil {
		return err
	}
	if !c.planned(now) {
		return fmt.Errorf("somebody has changed it since the plan was made: make a new plan")
	}
	entry := r.begin(c)
	if err := r.save(); err != nil {
		return err
	}
	if err := replace(ctx, c.Object, now, c.After); err != nil {
		entry.Left = c.left(ctx)
		return errors.Join(err, r.save())
	}
	entry.Done = true
	return r.save()
}

// left is what the change has left behind, in the fields that it is about.
func (c Change) left(ctx context.Context) *Left {
	now, err := c.Read(ctx)
	switch {
	case err != nil:
		return nil
	case c.After == nil:
		return &Left{now}
	}
	return &Left{now.pick(slices.Collect(maps.Keys(c.After)))}
}

func (c Change) planned(now State) bool {
	if c.Before == nil {
		// What belongs to an object that was made since, such as the roles of a new client, may have begun to be.
		return true
	}
	return now.has(c.Before)
}

// replace writes a state and reads it back.
func replace(ctx context.Context, o Object, now, to State) error {
	if err := o.Write(ctx, now, to); err != nil {
		return err
	}
	written, err := o.Read(ctx)
	if err != nil {
		return err
	}
	if !written.has(to) {
		return fmt.Errorf("it was written, but is not what was written: %v", written.differences(to))
	}
	return nil
}
