// Package doctor judges a running deployment: what is open in it, and what to do about that.
//
// A [Check] asks one question about a subject, and gives a [Finding] under an id that never changes. A subject is whatever
// a vantage point shows: the configuration that runs ([Config]), the site as people reach it ([Site]), the identity provider
// as somebody meets it who goes around the site ([Server]), the gateway from inside ([Gateway]). What is particular to an
// identity provider has a folder of its own.
//
// Checks change nothing that anybody has. What an identity provider makes when it is asked, such as a login that nobody goes on
// with, ends by itself. A finding tells what was seen and never a secret.
package doctor

import (
	"context"
	"fmt"
	"time"
)

// Status is how a check ended.
type Status string

// Statuses.
const (
	StatusPass Status = "pass"
	// StatusWarn is worth a look: legal, and sometimes meant.
	StatusWarn Status = "warn"
	// StatusFail is a fault that is open now.
	StatusFail Status = "fail"
	// StatusUnknown says that nobody could tell, which is never a pass.
	StatusUnknown Status = "unknown"
)

// A Finding is what one check found.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Seen says what was seen, for people.
	Seen string `json:"seen"`
	// Remedy says what to do; "" if nothing has to be done.
	Remedy string `json:"remedy,omitempty"`
	// Accepted is why the operator lives with it; "" if nobody said so.
	Accepted string `json:"accepted,omitempty"`
}

// A Verdict is how a check ends, and what it saw.
type Verdict struct {
	Status Status
	Seen   string
}

// Pass says that all is well.
func Pass(format string, args ...any) Verdict {
	return Verdict{StatusPass, fmt.Sprintf(format, args...)}
}

// Warn says that something is worth a look.
func Warn(format string, args ...any) Verdict {
	return Verdict{StatusWarn, fmt.Sprintf(format, args...)}
}

// Fail says that a fault is there.
func Fail(format string, args ...any) Verdict {
	return Verdict{StatusFail, fmt.Sprintf(format, args...)}
}

// Unknown says that nobody could tell.
func Unknown(format string, args ...any) Verdict {
	return Verdict{StatusUnknown, fmt.Sprintf(format, args...)}
}

// Fault is a failure for each of the lines, or a pass with what is said otherwise.
func Fault(lines []string, otherwise string) Verdict { return among(StatusFail, lines, otherwise) }

// Doubt is a warning for each of the lines, or a pass with what is said otherwise.
func Doubt(lines []string, otherwise string) Verdict { return among(StatusWarn, lines, otherwise) }

// Each makes a check of what lists lines for [Fault] or [Doubt].
func Each[T any](judge func([]string, string) Verdict, list func(T) []string, otherwise string) func(context.Context, T) Verdict {
	return func(_ context.Context, subject T) Verdict { return judge(list(subject), otherwise) }
}

// shown is how many lines of one finding are told.
const shown = 6

func among(status Status, lines []string, otherwise string) Verdict {
	if len(lines) == 0 {
		return Verdict{StatusPass, otherwise}
	}
	var text string
	for i, line := range lines[:min(len(lines), shown)] {
		if i > 0 {
			text += "; "
		}
		text += line
	}
	if more := len(lines) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return Verdict{status, text}
}

// A Check asks one question about a T.
type Check[T any] struct {
	ID string
	// Asks is the question.
	Asks string
	// Remedy is what to do unless it passes.
	Remedy string
	Look   func(context.Context, T) Verdict
}

// patience bounds one check.
const patience = 30 * time.Second

// Examine runs the checks on a subject, one after another.
func Examine[T any](ctx context.Context, subject T, checks []Check[T]) []Finding {
	findings := make([]Finding, 0, len(checks))
	for _, c := range checks {
		findings = append(findings, c.finding(ctx, subject))
	}
	return findings
}

func (c Check[T]) finding(ctx context.Context, subject T) (f Finding) {
	// What is examined comes from others: a check that it breaks must not take the other findings along.
	defer func() {
		if broken := recover(); broken != nil {
			f = Finding{Check: c.ID, Status: StatusUnknown, Seen: "the check broke on what it saw", Remedy: "Report this as a mistake of the program."}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v := c.Look(ctx, subject)
	f = Finding{Check: c.ID, Status: v.Status, Seen: v.Seen}
	if v.Status != StatusPass {
		f.Remedy = c.Remedy
	}
	return f
}

// CouldNotTell are the findings of checks that could not be run, each with the reason.
func CouldNotTell[T any](why string, checks []Check[T]) []Finding {
	findings := make([]Finding, len(checks))
	for i, c := range checks {
		findings[i] = Finding{Check: c.ID, Status: StatusUnknown, Seen: why, Remedy: c.Remedy}
	}
	return findings
}

// An Entry describes a check.
type Entry struct{ ID, Asks, Remedy string }

// Describe lists checks for people.
func Describe[T any](checks []Check[T]) []Entry {
	list := make([]Entry, len(checks))
	for i, c := range checks {
		list[i] = Entry{c.ID, c.Asks, c.Remedy}
	}
	return list
}
