package integration

import "slices"

// badRun is a run of init that is refused with some words.
type badRun struct {
	words string
	args  []string
}

// allRefused has each refused, also where it is to change something: --apply goes with neither --undo nor --format.
func allRefused(refused func(words string, args ...string), runs []badRun) {
	for _, r := range runs {
		if !slices.Contains(r.args, "--undo") && !slices.Contains(r.args, "--format") {
			r.args = append(r.args, "--apply")
		}
		refused(r.words, r.args...)
	}
}

// anyRuns are refused for each identity provider.
var anyRuns = []badRun{
	{"is not an address like https", []string{"--issuer", "http://id.example.com/recovery"}},
	{"is not the gateway's", []string{"--issuer", "https://id.example.com/recovery?a"}},
	{"is not the gateway's", []string{"--issuer", "https://id.example.com/recovery//"}},
	{"--force is for --undo", []string{"--force", "client/regrant-gateway"}},
	{"nothing is recorded", []string{"--undo"}},
	{"--format \"yaml\" is not known", []string{"--format", "yaml"}},
}
