package integration

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// From a Kratos that mails recoveries to one that refuses them, and back to the file as it was.
func TestAPlainKratosIsSetUpRefusesItsOwnRecoveryAndIsPutBack(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Kratos: plainKratos, Patient: true, Gateway: []string{env.Method("recovery_code")}})
	h := newKratosHouse(t, e)
	fatal(t, os.Chmod(h.file, 0o640))
	if !h.recovers() {
		t.Fatal("Kratos does not recover to begin with")
	}

	plan := h.must()
	if plan.changes() != "setting/selfservice.flows.settings.privileged_session_max_age" || h.text() != plainKratos {
		t.Errorf("mode assist changes %s", plan.changes())
	}
	for _, words := range []string{"passwordless_enabled is on", "session.whoami.required_aal is not", "mode strict ends that", "serve.admin.host", "ui_url is not at"} {
		if !strings.Contains(strings.Join(plan.Notes, "\n"), words) {
			t.Errorf("the notes do not say %q: %q", words, plan.Notes)
		}
	}
	h.must("--apply")
	if again := h.must(); len(again.Changes) > 0 || !h.recovers() {
		t.Errorf("left to do: %s", again.changes())
	}

	strict := []string{"--mode", "strict", "--administrator", "bob@example.com", "--recovery-ui", "/ui/recovery", "--session-tokens", "--hydra", "http://127.0.0.1:4445"}
	h.refused("name with --administrator", "--mode", "strict", "--apply")
	h.refused("not the one of this Kratos", append(strict, "--url", "http://127.0.0.1:1", "--apply")...)
	h.refused("proven 0 of 2", append(strict, "--apply")...)
	proveTwo(t, e)
	plan = h.must(append(strict, "--apply")...)
	if h.recovers() {
		t.Error("Kratos recovers nevertheless")
	}
	for _, want := range []string{"enabled: false # for now", "\n    # Forgot your password?\n", "link: { enabled: false }", "nobody-may-print", "required_aal: aal1"} {
		if !strings.Contains(h.text(), want) {
			t.Errorf("the file has no %q:\n%s", want, h.text())
		}
	}
	if again := h.must(strict...); len(again.Changes) > 0 {
		t.Errorf("left to do: %s", again.changes())
	}
	record, err := os.ReadFile(filepath.Join(h.dir, "init-kratos.json"))
	fatal(t, err)
	if strings.Contains(string(record), "nobody-may-print") {
		t.Error("the record holds a secret")
	}
	if info, err := os.Stat(h.file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	fits(t, plan.Caddyfile, "hydra http://127.0.0.1:4445", "recovery_ui /ui/recovery", "session_tokens", "mode strict")
	_, _, err = enrolled(t, e, "alice").Recover(t.Context(), "alice@example.com")
	fatal(t, err)

	h.must("--undo")
	if h.text() != plainKratos {
		t.Errorf("the file is another one:\n%s", h.text())
	}
	until(h.t, 20*time.Second, "Kratos recovers again", h.recovers)
}

// proveTwo has bob prove two methods.
func proveTwo(t *testing.T, e *env.Env) {
	t.Helper()
	bob, v := enrolled(t, e, "bob"), newVisitor(t, e)
	in, err := v.SubmitWhere(t.Context(), v.begins(), "method", "password", url.Values{"identifier": {"bob@example.com"}, "password": {"bob-password"}})
	fatal(t, err)
	v.wantIn(in, "bob")
	bob.bindCodesIn(v, in)
	fatal(t, proofs{code: true, rehearse: true}.recover(nil)(t.Context(), bob, 0))
}

// recovers tells whether Kratos begins a recovery at its own address, past the gateway.
func (h *kratosHouse) recovers() bool {
	h.t.Helper()
	resp, err := h.e.Client.Get(h.e.IdP + "/self-service/recovery/api")
	fatal(h.t, err)
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
