package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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
recorded; --undo puts that back. A second run changes nothing.

Before --undo, take regrant and the upstream out of the Caddyfile and reload it:
whatever still asks the gateway afterwards gets nothing but refusals.`,
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
	Target     string          `json:"target"`
	Applied    bool            `json:"applied"`
	Changes    []setup.Summary `json:"changes"`
	Notes      []string        `json:"notes"`
	Caddyfile  string          `json:"caddyfile"`
	BeforeUndo string          `json:"before_undo"` // what people do before they undo this
}

// undoAnswer is what a program reads of a run with --undo.
type undoAnswer struct {
	Target  string    `json:"target"`
	PutBack []putBack `json:"put_back"`
	Leave   string    `json:"leave"` // what people do who have not done it before
}

// putBack is an object that is as it was.
type putBack struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
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
	if f.undo {
		return f.putsBack(cmd, t, record)
	}
	asJSON, _ := cmd.Flags().GetBool("json")
	out := cmd.OutOrStdout()
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
		return printJSON(out, initAnswer{t.name, f.apply, plan.Summaries(), append([]string{}, plan.Notes...), t.caddyfile, t.leave()})
	}
	return f.goOn(out, plan, t)
}

// putsBack undoes what is recorded, and says what a Caddyfile must not have then.
func (f *initFlags) putsBack(cmd *cobra.Command, t initTarget, record *setup.Record) error {
	asJSON, _ := cmd.Flags().GetBool("json")
	out := cmd.OutOrStdout()
	answer := undoAnswer{t.name, []putBack{}, t.leave()}
	err := record.Undo(cmd.Context(), t.find, f.force, func(e setup.Entry) {
		answer.PutBack = append(answer.PutBack, putBack{e.Kind, e.Name})
		if !asJSON {
			fmt.Fprintf(out, "put back: %s %s\n", e.Kind, clean(e.Name))
		}
	})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, answer)
	}
	_, err = fmt.Fprintf(out, "\nIf you have not done it yet: %s\n", answer.Leave)
	return err
}

// leave says what people do before they undo, so that nobody is left with a gateway that can only refuse.
func (t initTarget) leave() string {
	then := "A gateway in mode strict would go on refusing the identity provider's own recovery."
	if len(t.secrets) > 0 {
		then = `Else recovery answers 503 for want of its client, mode strict goes on
refusing links that are mailed, and Caddy does not start again without the files of the secrets.`
	}
	return `take this out of the Caddyfile, and reload it: regrant at the site, and its
upstream (the whole block regrant where there is no other). ` + then
}

// goOn says what comes next.
func (f *initFlags) goOn(out io.Writer, plan setup.Plan, t initTarget) error {
	if len(plan.Changes) > 0 && !f.apply {
		_, err := fmt.Fprintln(out, "\nNothing has been changed. The same command with --apply makes these changes.")
		return err
	}
	if len(plan.Changes) > 0 {
		fmt.Fprintf(out, "\nWhat was there before is in %s; --undo puts it back. Before you undo, %s\n", t.record, t.leave())
	}
	_, err := fmt.Fprintf(out, "\nThe Caddyfile that fits, once it says where people are told of recoveries (notify):\n\n%s\n%s\n", t.caddyfile, t.next)
	return err
}

func printJSON(out io.Writer, answer any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}
