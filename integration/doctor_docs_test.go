package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/internal/doctor/catalogue"
)

// checks are all that the doctor makes, as docs/doctor.md lists them.
func checks() (text string, ids []string) {
	var b strings.Builder
	for _, part := range catalogue.All() {
		fmt.Fprintf(&b, "\n### %s\n\n| id | asks | remedy |\n|---|---|---|\n", part.Title)
		for _, e := range part.Checks {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.ID, e.Asks, e.Remedy)
			ids = append(ids, e.ID)
		}
	}
	return b.String(), ids
}

// begins is the heading of the list.
const begins = "## The checks\n"

func TestTheChecksOfTheDoctorAreListed(t *testing.T) {
	raw, err := os.ReadFile("../docs/doctor.md")
	fatal(t, err)
	head, listed, found := strings.Cut(string(raw), begins)
	text, ids := checks()
	if *update {
		fatal(t, os.WriteFile("../docs/doctor.md", []byte(head+begins+text), 0o600))
		return
	}
	if !found || listed != text {
		t.Error("docs/doctor.md lists other checks: run this test with -update")
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) < 50 {
		t.Errorf("only %d checks", len(ids))
	}
}
