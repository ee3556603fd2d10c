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

// A Report is the findings of all checks. Status is the worst of those that nobody has accepted.
type Report struct {
	Status   Status    `json:"status"`
	Findings []Finding `json:"findings"`
}

// NewReport puts findings together: one of each check, the worst first, and then as they came. A fault that was seen is worse than what
// nobody could tell. With strict, a warning counts as a failure. Accepted has reasons, by check, for which a warning, or what nobody could
// tell, counts for nothing; a failure always counts.
func NewReport(findings []Finding, strict bool, accepted map[string]string) Report {
	findings = slices.Clone(findings)
	for i := range findings {
		f := &findings[i]
		if f.Status == StatusWarn || f.Status == StatusUnknown {
			f.Accepted = accepted[f.Check]
		}
		if strict && f.Status == StatusWarn && f.Accepted == "" {
			f.Status = StatusFail
		}
	}
	r := Report{Status: StatusPass, Findings: ofEach(findings)}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return b.weight() - a.weight() })
	if len(r.Findings) > 0 && r.Findings[0].Accepted == "" {
		r.Status = r.Findings[0].Status
	}
	return r
}

// ofEach are the findings with one of each check: of those that a check made at several servers, the worst.
func ofEach(findings []Finding) []Finding {
	var list []Finding
	for _, f := range findings {
		i := slices.IndexFunc(list, func(other Finding) bool { return other.Check == f.Check })
		if i < 0 {
			list = append(list, f)
			continue
		}
		list[i] = list[i].or(f)
	}
	return list
}

// or is the worse of two findings of one check, with what both saw if neither passes or both do.
func (f Finding) or(other Finding) Finding {
	if f.Status.weight() < other.Status.weight() {
		f, other = other, f
	}
	if other.Status == StatusPass && f.Status != StatusPass {
		return f
	}
	if f.Seen != other.Seen {
		f.Seen += "; " + other.Seen
	}
	if f.Remedy != other.Remedy {
		f.Remedy += " " + other.Remedy
	}
	return f
}

// weight puts what is accepted right before what passes.
func (f Finding) weight() int {
	if f.Accepted != "" {
		return 1
	}
	return 2 * f.Status.weight()
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
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.standing(), f.Check, plain(f.Seen))
	}
	t.Flush()
	for _, f := range r.Findings {
		switch {
		case f.Accepted != "":
			fmt.Fprintf(w, "\n%s (%s): %s\n", f.Check, f.standing(), plain(f.Accepted))
		case f.Remedy != "":
			fmt.Fprintf(w, "\n%s (%s): %s\n", f.Check, f.Status, plain(f.Remedy))
		}
	}
	fmt.Fprintf(w, "\n%s\n", r.counts())
}

// standing is the status as the table has it.
func (f Finding) standing() string {
	if f.Accepted != "" {
		return string(f.Status) + ", accepted"
	}
	return string(f.Status)
}

func (r Report) counts() string {
	var words []string
	accepted := 0
	for _, f := range r.Findings {
		if f.Accepted != "" {
			accepted++
		}
	}
	for _, s := range []Status{StatusFail, StatusUnknown, StatusWarn, StatusPass} {
		n := 0
		for _, f := range r.Findings {
			if f.Status == s && f.Accepted == "" {
				n++
			}
		}
		words = append(words, fmt.Sprintf("%s %d", s, n))
	}
	if accepted > 0 {
		words = append(words, fmt.Sprintf("accepted %d", accepted))
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
