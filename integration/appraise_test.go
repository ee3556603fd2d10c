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

func TestCertificatesAreJudgedAsTheSuitesOfOthersDemand(t *testing.T) {
	shared := sharedFolder(t)
	result := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join(shared, "acceptance", "feed.py"), "--suites", filepath.Join(shared, "vectors"),
		"--only", "x509-limbo", "--only", "bettertls", "--baseline", "testdata/appraise-baseline.json", "--json", result,
		"--appraise", filepath.Join(bin, "regrant")+" appraise --lines")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(result)
	fatal(t, err)
	var scores struct {
		Suites map[string]suite `json:"suites"`
	}
	fatal(t, json.Unmarshal(text, &scores))
	limbo, better := scores.Suites["x509-limbo"], scores.Suites["bettertls"]
	if better.Scored != 81 || limbo.Scored < 131 || limbo.Accepts < 41 {
		t.Errorf("too few cases were judged\n%s", out)
	}
	for name, s := range scores.Suites {
		if s.Wrong+s.Errors+s.Crashes+len(s.Faults)+len(s.Failures)+len(s.Stale) > 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if len(limbo.Known) != 1 || len(better.Known) != 0 {
		t.Errorf("known deviations %v %v", limbo.Known, better.Known)
	}
}
