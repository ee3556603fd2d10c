package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// suite is what the scoring program says about one suite.
type suite struct {
	Scored   int               `json:"scored"`
	Accepts  int               `json:"right accepts"`
	Wrong    int               `json:"wrong"`
	Errors   int               `json:"errors"`
	Crashes  int               `json:"crashes"`
	Known    map[string]string `json:"known"`
	Stale    []string          `json:"stale"`
	Faults   []string          `json:"faults"`
	Failures []any             `json:"failures"`
}

// The suites of others are not part of the repository; their folder stands beside it, or where REGRANT_SHARED says.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir, said := os.LookupEnv("REGRANT_SHARED")
	if !said {
		dir = "../../shared"
	}
	if _, err := os.Stat(filepath.Join(dir, "acceptance", "feed.py")); err != nil {
		if said || os.Getenv("CI") == "true" {
			t.Fatalf("the suites of others: %v", err)
		}
		t.Skip("no folder with the suites; REGRANT_SHARED names one")
	}
	return dir
}

// score puts suites before the program, fails the test where one is judged wrong, and says how each was judged.
func score(t *testing.T, names ...string) map[string]suite {
	t.Helper()
	shared := sharedFolder(t)
	result := filepath.Join(t.TempDir(), "result.json")
	args := []string{
		filepath.Join(shared, "acceptance", "feed.py"), "--suites", filepath.Join(shared, "vectors"),
		"--baseline", "testdata/appraise-baseline.json", "--json", result, "--appraise", filepath.Join(bin, "regrant") + " appraise --lines",
	}
	for _, name := range names {
		args = append(args, "--only", name)
	}
	out, err := exec.CommandContext(t.Context(), "python3", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(result)
	fatal(t, err)
	var scores struct {
		Suites map[string]suite `json:"suites"`
	}
	fatal(t, json.Unmarshal(text, &scores))
	for name, s := range scores.Suites {
		if s.Wrong+s.Errors+s.Crashes+len(s.Faults)+len(s.Failures)+len(s.Stale) > 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	return scores.Suites
}

func TestCertificatesAreJudgedAsTheSuitesOfOthersDemand(t *testing.T) {
	scores := score(t, "x509-limbo", "bettertls")
	limbo, better := scores["x509-limbo"], scores["bettertls"]
	if better.Scored != 81 || limbo.Scored < 131 || limbo.Accepts < 41 {
		t.Errorf("too few cases were judged: %+v", scores)
	}
	if len(limbo.Known) != 1 || len(better.Known) != 0 {
		t.Errorf("known deviations %v %v", limbo.Known, better.Known)
	}
}

// The vectors of WebAuthn section 16. Three of the thirty are not scored, and refused: the two with Ed448, and the statement of an Android key whose
// description does not say that the hardware made the key, which section 8.4 asks for.
func TestPasskeysAreJudgedAsTheVectorsOfTheStandardDemand(t *testing.T) {
	w3c := score(t, "webauthn-w3c")["webauthn-w3c"]
	if w3c.Scored != 173 || w3c.Accepts != 27 || len(w3c.Known) != 0 {
		t.Errorf("scores %+v", w3c)
	}
}
