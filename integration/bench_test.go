package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The figures of a quick run mean nothing, and nothing is demanded of them; what is counted must be right all the same.
func TestTheBenchmarkWorksAndWritesItsPage(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	_, err := exec.LookPath("strace")
	demand(t, err)
	page := filepath.Join(t.TempDir(), "performance.md")
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "bench"), "-quick", "-bin", bin, "-out", page).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(page)
	fatal(t, err)
	for _, want := range []string{
		"This is a quick run", "32 requests at a time", "**0 calls**", "A: attests", "A: redemptions", "| demo, browser |", "| x509-signature |", "| webauthn-assertion P-256 |", "| sshsig Ed25519 |", "| tpm-quote |", "| passphrase |", "make bench",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
}

func TestThePageOfTheBenchmarkIsAWholeOne(t *testing.T) {
	page, err := os.ReadFile("../docs/performance.md")
	fatal(t, err)
	template, err := os.ReadFile("cmd/bench/performance.md.tmpl")
	fatal(t, err)
	if strings.Contains(string(page), "quick run that shows") {
		t.Error("docs/performance.md was not written by make bench")
	}
	for line := range strings.Lines(string(template)) {
		if strings.HasPrefix(line, "## ") && !strings.Contains(string(page), line) {
			t.Errorf("docs/performance.md is older than its template: it has no %q", line)
		}
	}
}
