package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"
)

// A Report is the findings of all checks.
type Report struct {
	Status   Status    `json:"status"`
	Findings []Finding `json:"findings"`
}

// NewReport puts findings together: the worst first, and then as they came. A fault that was seen is worse than what
// nobody could tell. With strict, a warning counts as a failure.
func NewReport(findings []Finding, strict bool) Report {
	r := Report{Status: StatusPass, Findings: slices.Clone(findings)}
	for i := range r.Findings {
		if strict && r.Findings[i].Status == StatusWarn {
			r.Findings[i].Status = StatusFail
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return b.Status.weight() - a.Status.weight() })
	if len(r.Findings) > 0 {
		r.Status = r.Findings[0].Status
	}
	return r
}

func (s Status) weight() int {
	return slices.Index([]Status{StatusPass, StatusWarn, StatusUnknown, StatusFail}, s)
}

// Exit is the status with which a program ends: 0 if nothing failed, 1 if something did, 2 if something could not be told.
func (r Report) Exit() int {
	switch r.Status {
	case StatusFail:
		return 1
	case StatusUnknown:
		return 2
	}
	return 0
}

// JSON writes the report for programs.
func (r Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Table writes the report for people: a line for each check, and below what needs somebody the remedies.
func (r Report) Table(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STATUS\tCHECK\tSEEN")
	for _, f := range r.Findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Status, f.Check, plain(f.Seen))
	}
	t.Flush()
	for _, f := range r.Findings {
		if f.Remedy != "" {
			fmt.Fprintf(w, "\n%s (%s): %s\n", f.Check, f.Status, plain(f.Remedy))
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.counts())
}

func (r Report) counts() string {
	var words []string
	for _, s := range []Status{StatusFail, StatusUnknown, StatusWarn, StatusPass} {
		n := 0
		for _, f := range r.Findings {
			if f.Status == s {
				n++
			}
		}
		words = append(words, fmt.Sprintf("%s %d", s, n))
	}
	return strings.Join(words, ", ")
}

// plain takes out what could steer a terminal: an identity provider's words are among what is shown.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
