package recovery

import (
	"fmt"
	"slices"
	"strings"
)

// State is where a recovery stands.
type State string

// The states. A record is first written with the first proof that held; before that there is nothing to store.
const (
	StateProving    State = "proving"    // policy wants another proof
	StateGranted    State = "granted"    // the recovery token is out and not consumed
	StatePrepare    State = "prepare"    // consumed; old sessions and tokens are ended, the account unlocked, required actions set
	StateSession    State = "session"    // waits for the browser that makes the session
	StateFinish     State = "finish"     // the way in is taken away, the lost factor removed last
	StateDone       State = "done"       //
	StateAbandoning State = "abandoning" // what was opened is being taken back
	StateAbandoned  State = "abandoned"  // ended without a session; the lost factor was left
)

// transition is one allowed move: by names what causes it.
type transition struct {
	from State
	by   string
	to   State
}

// transitions is the whole machine: a move that is not listed here cannot be made. [Diagram] draws it for the docs.
var transitions = []transition{
	{"", "grant", StateGranted},
	{"", "more is wanted", StateProving},
	{"", "rehearsed", StateDone},
	{StateProving, "grant", StateGranted},
	{StateProving, "rehearsed", StateDone},
	{StateProving, "refused, vetoed or late", StateAbandoned},
	{StateGranted, "redeem", StatePrepare},
	{StatePrepare, "prepared", StateSession},
	{StatePrepare, "session made at once", StateFinish},
	{StatePrepare, "prepared, no sign-in asked", StateDone},
	{StateSession, "code redeemed, or session made", StateFinish},
	{StateFinish, "session seen", StateDone},
	{StateGranted, "vetoed, superseded or late", StateAbandoning},
	{StatePrepare, "refused, vetoed, superseded or late", StateAbandoning},
	{StateSession, "refused, vetoed, superseded or late", StateAbandoning},
	{StateFinish, "vetoed, superseded, or no session came", StateAbandoning},
	{StateAbandoning, "taken back", StateAbandoned},
}

// mayMove reports whether the machine has a move between the two states.
func mayMove(from, to State) bool {
	return slices.ContainsFunc(transitions, func(t transition) bool { return t.from == from && t.to == to })
}

// Final reports whether nothing moves out of s.
func (s State) Final() bool { return s == StateDone || s == StateAbandoned }

// Diagram is the state machine as a Mermaid diagram; docs/architecture.md holds it and a test compares the two.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for _, t := range transitions {
		from := string(t.from)
		if from == "" {
			from = "[*]"
		}
		fmt.Fprintf(&b, "    %s --> %s: %s\n", from, t.to, t.by)
	}
	for _, s := range []State{StateDone, StateAbandoned} {
		fmt.Fprintf(&b, "    %s --> [*]\n", s)
	}
	return b.String()
}
