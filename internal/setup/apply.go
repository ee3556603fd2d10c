package setup

import (
	"context"
	"fmt"
)

// Apply makes the changes in their order and reads each one back. Before a change is made, the record at path says what was
// there; when it fails, the changes before it stay, and the record knows them. Done is told of each change that was made.
func (p Plan) Apply(ctx context.Context, r *Record, done func(Change)) error {
	for _, c := range p.Changes {
		entry := r.begin(c)
		if err := r.save(); err != nil {
			return err
		}
		if err := c.write(ctx); err != nil {
			return fmt.Errorf("%s %s: %w", c.Kind, c.Name, err)
		}
		entry.Done = true
		if err := r.save(); err != nil {
			return err
		}
		done(c)
	}
	return nil
}

// write makes the change if the object is still as planned, and reads it back: an API may take a field and drop it.
func (c Change) write(ctx context.Context) error {
	now, err := c.Read(ctx)
	if err != nil {
		return err
	}
	if !c.planned(now) {
		return fmt.Errorf("somebody has changed it since the plan was made: make a new plan")
	}
	return replace(ctx, c.Object, now, c.After)
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
