package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/regrant/regrant/internal/trial/person"
)

// tryReport prints the steps as they happen, or all at the end if --json is given.
type tryReport struct {
	out    io.Writer
	asJSON bool
	steps  []person.Step
}

// tryResult is the whole as JSON. Green says that nothing failed: of what was skipped it says nothing.
type tryResult struct {
	Green   bool          `json:"green"`
	Skipped []string      `json:"skipped"`
	Steps   []person.Step `json:"steps"`
}

func newTryReport(cmd *cobra.Command) *tryReport {
	asJSON, _ := cmd.Flags().GetBool("json")
	return &tryReport{out: cmd.OutOrStdout(), asJSON: asJSON}
}

var marks = map[person.Outcome]string{person.Held: "✓", person.Skipped: "–", person.Failed: "✗", person.Untold: "?"}

func (r *tryReport) tell(s person.Step) {
	r.steps = append(r.steps, s)
	if r.asJSON {
		return
	}
	fmt.Fprintf(r.out, "%s %s: %s\n", marks[s.Outcome], s.Name, clean(s.Seen))
	if s.Mend != "" {
		fmt.Fprintf(r.out, "    %s\n", clean(s.Mend))
	}
}

// end says what came of it all.
func (r *tryReport) end() (status int, err error) {
	skipped := []string{}
	for _, s := range r.steps {
		switch {
		case s.Outcome == person.Skipped:
			skipped = append(skipped, s.Name)
		case s.Outcome == person.Failed:
			status, err = exitNotHeld, errNotGreen
		case s.Outcome == person.Untold && status == 0:
			status, err = exitUntold, errNotGreen
		}
	}
	if r.asJSON {
		e := json.NewEncoder(r.out)
		e.SetIndent("", "  ")
		if failed := e.Encode(tryResult{Green: status == 0, Skipped: skipped, Steps: r.steps}); failed != nil {
			return exitUntold, failed
		}
	} else if status == 0 {
		fmt.Fprintln(r.out, held(skipped))
	}
	return status, err
}

// held is the last line, if nothing failed.
func held(skipped []string) string {
	if len(skipped) == 0 {
		return "Everything held."
	}
	return "Everything held but what was skipped: " + strings.Join(skipped, ", ") + "."
}
