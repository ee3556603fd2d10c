package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/setup"
)

func initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Brings an identity provider to what the gateway needs of it, and back",
		Long: `
Reads what the identity provider has, and shows what would change and why. With
--apply it is changed, each change is read back, and what was there before is
recorded; --undo puts that back. A second run changes nothing.`,
	}
	cmd.AddCommand(initKeycloakCommand(), initKratosCommand(), initHydraCommand())
	return cmd
}

// initFlags are those that every identity provider has.
type initFlags struct {
	apply, undo bool
	force       []string
	dir         string
}

func (f *initFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.apply, "apply", false, "Make the changes of the plan")
	flags.BoolVar(&f.undo, "undo", false, "Put back what was there before")
	flags.StringArrayVar(&f.force, "force", nil, "With --undo: put this object back though somebody else has changed it since (may be given again)")
	flags.StringVar(&f.dir, "dir", "/etc/regrant", "Where the secrets and the record are kept")
	cmd.MarkFlagsMutuallyExclusive("apply", "undo")
}

// initTarget is an identity provider as the frame needs it.
type initTarget struct {
	name      string   // in the record
	record    string   // path
	secrets   []string // files that nobody else has
	plan      func(context.Context) (setup.Plan, error)
	find      func(kind, name string) (setup.Object, error)
	settled   func(context.Context) error // waits until it works as applied; nil: it does at once
	caddyfile string
	next      string // what people do once it is applied
}

// initAnswer is what a program reads of a run.
type initAnswer struct {
	Target    string          `json:"target"`
	Applied   bool            `json:"applied"`
	Changes   []setup.Summary `json:"changes"`
	Notes     []string        `json:"notes"`
	Caddyfile string          `json:"caddyfile"`
}

// run plans, and applies or undoes what the flags ask for.
func (f *initFlags) run(cmd *cobra.Command, t initTarget) error {
	if len(f.force) > 0 && !f.undo {
		return errors.New("--force is for --undo")
	}
	record, err := setup.OpenRecord(t.record, t.name)
	if err != nil {
		return err
	}
	asJSON, _ := cmd.Flags().GetBool("json")
	out := cmd.OutOrStdout()
	if f.undo {
		return record.Undo(cmd.Context(), t.find, f.force, func(e setup.Entry) {
			if !asJSON {
				fmt.Fprintf(out, "put back: %s %s\n", e.Kind, clean(e.Name))
			}
		})
	}
	if err := record.Alone(t.secrets); err != nil {
		return err
	}
	plan, err := t.plan(cmd.Context())
	if err != nil {
		return err
	}
	if !asJSON {
		fmt.Fprintf(out, "%s\n\n", clean(t.name))
		plan.WriteText(out, clean)
	}
	if f.apply {
		err = plan.Apply(cmd.Context(), record, func(c setup.Change) {
			if !asJSON {
				fmt.Fprintf(out, "done: %s %s\n", c.Kind, clean(c.Name))
			}
		})
		if err != nil {
			return fmt.Errorf("%v\n\nWhat came before it is done, and recorded in %s: run this again to go on, or with --undo to go back", err, t.record)
		}
		if t.settled != nil {
			if err := t.settled(cmd.Context()); err != nil {
				return err
			}
		}
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(initAnswer{t.name, f.apply, plan.Summaries(), append([]string{}, plan.Notes...), t.caddyfile})
	}
	return f.goOn(out, plan, t)
}

// What people do next who have loaded the Caddyfile.
const (
	lookThen = `caddy regrant doctor looks for what stands open.`
	tryThen  = `caddy regrant try --as YOU goes through a whole recovery, with an account that is
     made for it; ` + lookThen
	nextStrict = `Next: load it, and run caddy regrant try and caddy regrant doctor again. Then sign out, and click
"Forgot password?": it leads to the gateway.`
)

// goOn says what comes next.
func (f *initFlags) goOn(out io.Writer, plan setup.Plan, t initTarget) error {
	if len(plan.Changes) > 0 && !f.apply {
		_, err := fmt.Fprintln(out, "\nNothing has been changed. The same command with --apply makes these changes.")
		return err
	}
	if len(plan.Changes) > 0 {
		fmt.Fprintf(out, "\nWhat was there before is in %s; --undo puts it back.\n", t.record)
	}
	_, err := fmt.Fprintf(out, "\nThe Caddyfile that fits, once it says where people are told of recoveries (notify):\n\n%s\n%s\n", t.caddyfile, t.next)
	return err
}

// listed is a list in words.
func listed(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
