package integration

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/faults"
	"github.com/regrant/regrant/internal/doctor"
)

// hsts is what a good site has and the environments, which come and go on one name, leave out.
const hsts = `header Strict-Transport-Security "max-age=31536000"`

// runDoctor runs the command as an operator does, and returns its report and exit status.
func runDoctor(t *testing.T, e *env.Env, args ...string) (report doctor.Report, status int) {
	t.Helper()
	args = append([]string{"regrant", "doctor", "--address", e.Admin, "--ca-file", e.CAFile, "--json"}, args...)
	text, err := e.Run(t.Context(), "caddy", args...)
	var exit *env.ExitError
	if errors.As(err, &exit) {
		status, err = exit.Code, nil
	}
	fatal(t, err)
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v: %s%v", err, text, exit)
	}
	for _, name := range []string{"secret", "client.secret", "broker.secret", "hook.secret"} {
		secret, err := os.ReadFile(filepath.Join(e.Dir, name))
		if err == nil && strings.Contains(text, strings.TrimSpace(string(secret))) {
			t.Errorf("the report tells %s", name)
		}
	}
	return report, status
}

// green demands that nothing but what is accepted needs anybody.
func green(t *testing.T, report doctor.Report, status int, accepted ...string) {
	t.Helper()
	if status != 0 || len(report.Findings) < 30 {
		t.Errorf("exit status %d, %d findings", status, len(report.Findings))
	}
	for _, f := range report.Findings {
		if f.Status == doctor.StatusPass || f.Status == doctor.StatusWarn && slices.Contains(accepted, f.Check) {
			continue
		}
		t.Errorf("%s %s: %s", f.Status, f.Check, f.Seen)
	}
}

// foundAll demands that each of the faults was found.
func foundAll(t *testing.T, report doctor.Report, planted faults.Planted) {
	t.Helper()
	for _, f := range report.Findings {
		want, was := planted[f.Check]
		delete(planted, f.Check)
		switch {
		case was && (f.Status != want || f.Remedy == ""):
			t.Errorf("%s: %s, want %s: %s", f.Check, f.Status, want, f.Seen)
		case f.Status != doctor.StatusPass:
			t.Logf("%s %s: %s", f.Status, f.Check, f.Seen)
		}
	}
	for id := range planted {
		t.Errorf("nobody looked for %s", id)
	}
}
