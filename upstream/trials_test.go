package upstream

import "testing"

func TestOnlyTheNameOfATrialMakesAnAccountOne(t *testing.T) {
	name := TrialName("ABC")
	if name != "regrant-trial-abc" {
		t.Errorf("name %q", name)
	}
	for want, accounts := range map[bool][][]string{
		true:  {{name}, {TrialAddress(name)}, {"alias", name}},
		false: {nil, {"alice"}, {name + "x"}, {"regrant-trial-other"}, {"x" + name}, {name + "@example.com"}},
	} {
		for _, identifiers := range accounts {
			if got := (Account{ID: "1", Identifiers: identifiers}).IsTrial(name); got != want {
				t.Errorf("%q: %v", identifiers, got)
			}
		}
	}
	for _, no := range []string{"", "alice", TrialPrefix, "trial-abc"} {
		if (Account{ID: "1", Identifiers: []string{no, TrialAddress(no)}}).IsTrial(no) {
			t.Errorf("%q is the name of no trial", no)
		}
	}
}
