package recovery

import (
	"os"
	"strings"
	"testing"
)

func TestTheDocsShowTheStateTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), Diagram()) {
		t.Fatalf("docs/architecture.md does not hold the diagram of states.go:\n%s", Diagram())
	}
}

func TestEveryStateEnds(t *testing.T) {
	seen := map[State]bool{}
	for _, tr := range transitions {
		seen[tr.from], seen[tr.to] = true, true
	}
	for s := range seen {
		if s == "" {
			continue
		}
		if s.Final() != (len(outOf(s)) == 0) {
			t.Errorf("%s: final %v, moves out %v", s, s.Final(), outOf(s))
		}
		if !s.Final() && !reachesEnd(s, map[State]bool{}) {
			t.Errorf("%s never ends", s)
		}
	}
}

func outOf(s State) (to []State) {
	for _, tr := range transitions {
		if tr.from == s {
			to = append(to, tr.to)
		}
	}
	return to
}

func reachesEnd(s State, seen map[State]bool) bool {
	if s.Final() {
		return true
	}
	if seen[s] {
		return false
	}
	seen[s] = true
	for _, to := range outOf(s) {
		if reachesEnd(to, seen) {
			return true
		}
	}
	return false
}
