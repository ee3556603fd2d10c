package setup

import (
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// WriteText writes the plan for people. Clean takes out of what the identity provider said whatever could steer a terminal.
func (p Plan) WriteText(w io.Writer, clean func(string) string) {
	for _, c := range p.Changes {
		sign := "~"
		switch {
		case c.Before == nil:
			sign = "+"
		case c.After == nil:
			sign = "-"
		}
		fmt.Fprintf(w, "%s %s %s\n    %s\n", sign, c.Kind, clean(c.Name), c.Why)
		for _, name := range c.Fields() {
			if c.Before == nil {
				fmt.Fprintf(w, "    %s: %s\n", clean(name), clean(text(c.After[name])))
			} else {
				fmt.Fprintf(w, "    %s: %s → %s\n", clean(name), clean(text(c.Before[name])), clean(text(c.After[name])))
			}
		}
	}
	for _, k := range p.Kept {
		fmt.Fprintf(w, "= %s %s\n", k.Kind, clean(k.Name))
	}
	if len(p.Changes) == 0 {
		fmt.Fprintln(w, "\nNothing to change.")
	}
	for i, note := range p.Notes {
		if i == 0 {
			fmt.Fprintln(w, "\nTo look at; this is never changed here:")
		}
		fmt.Fprintf(w, "  * %s\n", clean(note))
	}
}

// text is a value as JSON. A value that is missing is "none".
func text(value any) string {
	if value == nil {
		return "none"
	}
	raw, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return "?" // no value that came from JSON
	}
	return string(raw)
}

// Summary is a change as a program reads it.
type Summary struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Why    string `json:"why"`
	Before State  `json:"before"` // null: it is not there
	After  State  `json:"after"`
}

// Summaries are the changes in their order, as programs read them.
func (p Plan) Summaries() []Summary {
	list := make([]Summary, 0, len(p.Changes))
	for _, c := range p.Changes {
		list = append(list, Summary{c.Kind, c.Name, c.Why, c.Before, c.After})
	}
	return list
}
