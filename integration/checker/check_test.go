package checker

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var then = time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)

// good is a store with one recovery of each ending and one that waits, and what was seen of them.
func good() (Store, Seen) {
	entry := func(kind, name string) Entry {
		return Entry{Kind: "recovery-" + kind, Txn: "txn-" + name, Reference: "REF-" + name, AccountID: "alice"}
	}
	s := Store{
		Recoveries: []Recovery{
			{Txn: "txn-done", Reference: "REF-done", State: "done", GrantedAt: then, Deadline: then, RedeemedAt: then, EndedAt: then},
			{Txn: "txn-left", Reference: "REF-left", State: "abandoned", GrantedAt: then, EndedAt: then},
			{Txn: "txn-open", Reference: "REF-open", State: "session", GrantedAt: then, Deadline: then, Timer: true},
			{Txn: "txn-more", Reference: "REF-more", State: "proving", Deadline: then, Timer: true},
			{Txn: "txn-wrong", Reference: "REF-wrong", State: "abandoned", Deadline: then, EndedAt: then},
			{Txn: "txn-late", Reference: "REF-late", State: "abandoned", Deadline: then, EndedAt: then},
			{Txn: "txn-tried", Reference: "REF-tried", State: "done", Actions: []string{"rehearse"}, EndedAt: then},
		},
		Journal: []Entry{
			entry("granted", "done"), entry("redeemed", "done"), entry("session", "done"), entry("done", "done"),
			entry("granted", "left"), entry("abandoned", "left"), entry("granted", "open"), entry("redeemed", "open"),
			{Kind: "recovery-refused", Txn: "txn-no", Reference: "REF-no", AccountID: "alice"},
			{Kind: "recovery-refused", Txn: "txn-nobody", Reference: "REF-nobody"},
			{Kind: "device-enrolled", AccountID: "alice"},
			entry("proving", "more"), entry("proving", "wrong"), entry("refused", "wrong"),
			entry("proving", "late"), entry("abandoned", "late"), entry("rehearsed", "tried"),
		},
		Guesses: []Tally{{"activation-code/CODE", 2}},
		Pending: []Notice{{"recovery-granted", "REF-open"}},
		Timers:  []string{"txn-open", "txn-more"},
		Indexed: []string{"txn-open", "txn-open"},
	}
	return s, Seen{
		Granted:  map[string]string{"REF-done": "txn-done", "REF-open": "txn-open"},
		Redeemed: map[string]int{"txn-done": 1},
		Guessed:  map[string]int{"CODE": 1},
		Sessions: map[string]int{"txn-done": 1},
		Told: []Notice{
			{"recovery-granted", "REF-done"},
			{"recovery-done", "REF-done"},
			{"recovery-granted", "REF-left"},
			{"recovery-abandoned", "REF-left"},
			{"recovery-refused", "REF-no"},
			{"device-enrolled", ""},
			{"recovery-proving", "REF-more"},
			{"recovery-proving", "REF-wrong"},
			{"recovery-refused", "REF-wrong"},
			{"recovery-proving", "REF-late"},
			{"recovery-abandoned", "REF-late"},
			{"recovery-rehearsed", "REF-tried"},
		},
	}
}

func TestAGoodStoreIsGood(t *testing.T) {
	if wrong := Check(good()); len(wrong) > 0 {
		t.Fatal(wrong)
	}
}

// Each case is the good store with one thing wrong.
func TestWhatIsWrongIsSeen(t *testing.T) {
	without := func(kind, txn string) func(*Store, *Seen) {
		return func(s *Store, _ *Seen) {
			s.Journal = slices.DeleteFunc(s.Journal, func(e Entry) bool { return e.Kind == kind && e.Txn == txn })
		}
	}
	untold := func(kind, reference string) func(*Store, *Seen) {
		return func(_ *Store, seen *Seen) {
			seen.Told = slices.DeleteFunc(seen.Told, func(n Notice) bool { return n == Notice{kind, reference} })
		}
	}
	for _, c := range []struct {
		name, says string
		spoil      func(*Store, *Seen)
	}{
		{"an answered grant that is not stored", "is not stored", func(_ *Store, seen *Seen) { seen.Granted["REF-x"] = "txn-x" }},
		{"a grant under another reference", "is not stored", func(s *Store, _ *Seen) { s.Recoveries[2].Reference = "REF-y" }},
		{"a grant that is not in the journal", "recovery-granted in the journal: false", without("recovery-granted", "txn-left")},
		{"a rehearsal that is not in the journal", "recovery-rehearsed in the journal: false", without("recovery-rehearsed", "txn-tried")},
		{"a first proof that nobody is told of", "owner is not told", untold("recovery-proving", "REF-more")},
		{"a late one that ended without a word", "recovery-abandoned in the journal: false", without("recovery-abandoned", "txn-late")},
		{"one that was never granted, and was", "recovery-granted in the journal: true", func(s *Store, _ *Seen) {
			s.Journal = append(s.Journal, Entry{Kind: "recovery-granted", Txn: "txn-wrong", Reference: "REF-wrong"})
		}},
		{"a grant that nobody is told of", "owner is not told", untold("recovery-granted", "REF-done")},
		{"a refusal that nobody is told of", "owner is not told", untold("recovery-refused", "REF-no")},
		{"an ending that nobody is told of", "owner is not told", untold("recovery-abandoned", "REF-left")},
		{"a notice of nothing", "which is not in the journal", func(_ *Store, seen *Seen) {
			seen.Told = append(seen.Told, Notice{"recovery-done", "REF-left"})
		}},
		{"a token redeemed twice", "redeemed 2 times", func(_ *Store, seen *Seen) { seen.Redeemed["txn-done"] = 2 }},
		{"a token redeemed twice, as the journal says", "2 times in the journal", func(s *Store, _ *Seen) {
			s.Journal = append(s.Journal, s.Journal[1])
		}},
		{"a redeemed token that the journal lacks", "which is not in the journal", without("recovery-redeemed", "txn-done")},
		{"two sessions", "made 2 sessions", func(_ *Store, seen *Seen) { seen.Sessions["txn-done"] = 2 }},
		{"a session of nobody's", "made a session, which is not", func(_ *Store, seen *Seen) { seen.Sessions["txn-open"] = 1 }},
		{"an entry without its recovery", "which is not stored", func(s *Store, _ *Seen) { s.Recoveries = s.Recoveries[1:] }},
		{"done and abandoned", "recovery-abandoned in the journal: true", func(s *Store, _ *Seen) {
			s.Journal = append(s.Journal, Entry{Kind: "recovery-abandoned", Txn: "txn-done", Reference: "REF-done"})
		}},
		{"nobody looks again", "nobody will look at it again", func(s *Store, _ *Seen) { s.Recoveries[2].Timer = false }},
		{"a lease that is left", "keeps a lease", func(s *Store, _ *Seen) { s.Recoveries[0].Lease = "x" }},
		{"a code that is left", "keeps a lease or a code", func(s *Store, _ *Seen) { s.Recoveries[1].Code = map[string]any{} }},
		{"a timer that is left", "something leads to", func(s *Store, _ *Seen) { s.Timers = append(s.Timers, "txn-done") }},
		{"an index to nothing", "something leads to", func(s *Store, _ *Seen) { s.Indexed = append(s.Indexed, "txn-gone") }},
		{"a guess that is not counted", "answered and 2 counted", func(_ *Store, seen *Seen) { seen.Guessed["CODE"] = 3 }},
		{"guesses of which nothing is left", "answered and 0 counted", func(s *Store, _ *Seen) { s.Guesses = nil }},
		{"not ended in time", "is still in state", func(_ *Store, seen *Seen) { seen.Settled = true }},
	} {
		s, seen := good()
		c.spoil(&s, &seen)
		if wrong := Check(s, seen); !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, c.says) }) {
			t.Errorf("%s: %q", c.name, wrong)
		}
	}
}
