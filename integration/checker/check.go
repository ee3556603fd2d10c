package checker

import (
	"fmt"
	"slices"
	"strings"
)

// Seen is what was seen outside of the gateway.
type Seen struct {
	Granted  map[string]string // reference → txn of each grant that was answered
	Redeemed map[string]int    // txn → how often somebody was answered that its token was consumed
	Sessions map[string]int    // txn → sessions that the identity provider made
	Told     []Notice          // what arrived at the receiver of notices
	Guessed  map[string]int    // activation code → wrong guesses that were answered before it had to rest
	Settled  bool              // there was time for every recovery to come to its end
}

// Check returns what does not hold.
func Check(s Store, seen Seen) (wrong []string) {
	c := check{Store: s, Seen: seen, byTxn: map[string]Recovery{}, entries: map[Entry]int{}}
	for _, r := range s.Recoveries {
		c.byTxn[r.Txn] = r
	}
	for _, e := range s.Journal {
		key := Entry{Kind: e.Kind, Txn: e.Txn}
		key.Detail.Step = e.Detail.Step
		c.entries[key]++
	}
	c.answers()
	c.journal()
	c.notices()
	c.guesses()
	for _, r := range s.Recoveries {
		c.course(r)
		c.ending(r)
	}
	c.leftovers()
	return c.wrong
}

type check struct {
	Store
	Seen
	byTxn   map[string]Recovery
	entries map[Entry]int // by kind, txn and step
	wrong   []string
}

func (c *check) fail(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *check) entry(kind, txn string) int { return c.entries[Entry{Kind: kind, Txn: txn}] }

// answers: whatever was answered is stored.
func (c *check) answers() {
	for reference, txn := range c.Granted {
		if r, ok := c.byTxn[txn]; !ok || r.Reference != reference {
			c.fail("grant %s was answered and is not stored", reference)
		}
	}
	for txn, times := range c.Redeemed {
		if times > 1 {
			c.fail("the token of %s was redeemed %d times", txn, times)
		}
		if c.entry("recovery-redeemed", txn) == 0 {
			c.fail("the token of %s was redeemed, which is not in the journal", txn)
		}
	}
	for txn, times := range c.Sessions {
		if times > 1 {
			c.fail("recovery %s made %d sessions", txn, times)
		}
		if c.entry("recovery-session", txn) == 0 {
			c.fail("recovery %s made a session, which is not in the journal", txn)
		}
	}
}

// journal: what is journalled of a recovery is once there, and the recovery with it.
func (c *check) journal() {
	for e, times := range c.entries {
		if e.Kind == "recovery-refused" || e.Detail.Step == "grant" || e.Txn == "" { // of what is not stored, too, and of each proof
			continue
		}
		if times > 1 {
			c.fail("%s is %d times in the journal for %s", strings.TrimSpace(e.Kind+" "+e.Detail.Step), times, e.Txn)
		}
		if _, ok := c.byTxn[e.Txn]; !ok {
			c.fail("%s is in the journal for %s, which is not stored", e.Kind, e.Txn)
		}
	}
}

// noticeOf is the notice that belongs to an entry of the journal about somebody's account.
var noticeOf = map[string]string{
	"recovery-granted": "recovery-granted", "recovery-refused": "recovery-refused",
	"recovery-done": "recovery-done", "recovery-abandoned": "recovery-abandoned",
	"recovery-proving": "recovery-proving", "recovery-rehearsed": "recovery-rehearsed",
}

// notices: no entry without its notice, which was delivered or will be, and no notice without its entry.
func (c *check) notices() {
	told := map[Notice]bool{}
	for _, n := range c.Pending {
		told[n] = true
		if c.Settled {
			c.fail("the owner has not been told %s of %s yet", n.Type, n.Reference)
		}
	}
	for _, n := range c.Told {
		told[n] = true
	}
	entered := map[Notice]bool{}
	for _, e := range c.Journal {
		kind, ok := noticeOf[e.Kind]
		if !ok || e.AccountID == "" {
			continue
		}
		n := Notice{Type: kind, Reference: e.Reference}
		if entered[n] = true; !told[n] {
			c.fail("%s of %s is in the journal, and its owner is not told", e.Kind, e.Reference)
		}
	}
	for n := range told {
		if _, ours := noticeOf[n.Type]; ours && !entered[n] {
			c.fail("the owner is told %s of %s, which is not in the journal", n.Type, n.Reference)
		}
	}
}

// guesses: whoever was answered that he guessed wrongly was counted before.
func (c *check) guesses() {
	counted := map[string]int{}
	for _, g := range c.Guesses {
		counted[g.Secret] = g.Wrong
	}
	for code, times := range c.Guessed {
		if n := counted["activation-code/"+code]; n < times {
			c.fail("%d wrong guesses of a code were answered and %d counted", times, n)
		}
	}
}

// course: the journal says of a recovery what its state says.
func (c *check) course(r Recovery) {
	granted, rehearsal := !r.GrantedAt.IsZero(), slices.Contains(r.Actions, "rehearse")
	// A wrong second proof ends a recovery too: it is refused then, and was never granted.
	refused := !granted && c.entry("recovery-refused", r.Txn) > 0
	abandoned := r.State == "abandoning" || r.State == "abandoned"
	for kind, want := range map[string]bool{
		"recovery-granted":   granted,
		"recovery-redeemed":  granted && !r.Deadline.IsZero(),
		"recovery-session":   !r.RedeemedAt.IsZero(),
		"recovery-done":      r.State == "done" && !rehearsal,
		"recovery-rehearsed": r.State == "done" && rehearsal,
		"recovery-abandoned": abandoned && !refused,
	} {
		if got := c.entry(kind, r.Txn) > 0; got != want {
			c.fail("recovery %s is in state %s; %s in the journal: %v", r.Txn, r.State, kind, got)
		}
	}
}

// ending: what has ended holds nothing any more, and what has not will be looked at again.
func (c *check) ending(r Recovery) {
	switch {
	case !r.final() && c.Settled && r.State != "proving": // that waits for its person, for up to fifteen minutes
		c.fail("recovery %s is still in state %s", r.Txn, r.State)
	case !r.final() && !r.Timer:
		c.fail("recovery %s is in state %s and nobody will look at it again", r.Txn, r.State)
	case !r.final():
	case r.Lease != "" || len(r.Handoff) > 0 || r.Code != nil || r.EndedAt.IsZero():
		c.fail("recovery %s is %s and keeps a lease or a code", r.Txn, r.State)
	case r.Timer:
		c.fail("recovery %s is %s and will be looked at again", r.Txn, r.State)
	}
}

// leftovers: timers and indexes lead to recoveries that are under way.
func (c *check) leftovers() {
	for _, txn := range slices.Concat(c.Timers, c.Indexed) {
		if r, ok := c.byTxn[txn]; !ok || r.final() {
			c.fail("something leads to recovery %s, which is %q", txn, r.State)
		}
	}
}
