package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/regrant/regrant/integration/env"
)

// From a Hydra that knows nothing of the gateway to people who sign in and a program that recovers, and back.
func TestAPlainHydraIsSetUpServesAndIsPutBack(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Hydra, Patient: true, NoGrant: true, Gateway: []string{env.Method("recovery_code")}})
	h := newHydraHouse(t, e)
	h.call(http.MethodDelete, "/admin/clients/regrant-gateway", nil, nil)
	before := h.clients()
	all := []string{"--recovery-ui", "/ui/recovery", "--risk-analysis", "RA-DEMO-2", "--upstream-grant", "orders:read", "--upstream-grant", "orders:write"}

	plan := h.must()
	if want := "file/" + h.dir + "/hydra.secret, client/regrant-gateway, client secret/regrant-gateway"; plan.changes() != want || h.clients() != before {
		t.Errorf("the plan is %s, want %s", plan.changes(), want)
	}
	if !strings.Contains(strings.Join(plan.Notes, "\n"), "--risk-analysis") || strings.Contains(plan.Caddyfile, "assume_unprivileged") {
		t.Errorf("nobody has accepted that everybody counts as ordinary: %q\n%s", plan.Notes, plan.Caddyfile)
	}
	h.must("--apply")
	if again := h.must(); len(again.Changes) > 0 {
		t.Errorf("left to do: %s", again.changes())
	}
	plan = h.must(append(all, "--apply")...)
	if want := "file/" + h.dir + "/programs.secret, client/regrant-programs, client secret/regrant-programs"; plan.changes() != want {
		t.Errorf("with a grant the plan is %s, want %s", plan.changes(), want)
	}
	if again := h.must(all...); len(again.Changes) > 0 {
		t.Errorf("left to do: %s", again.changes())
	}
	fits(t, plan.Caddyfile)

	h.takesOver(plan.Caddyfile)
	v := newVisitor(t, e)
	in, err := v.Submit(t.Context(), v.begins(), "", url.Values{"username": {"bob@example.com"}, "password": {"bob-password"}})
	fatal(t, err)
	v.wantIn(in, "bob@example.com")
	p := enrolled(t, e, "alice")
	done, a, err := p.Complete(t.Context(), p.exchanged(p.granted().RecoveryToken))
	fatal(t, err)
	if a.Status != http.StatusOK || done.Outcome != "session" || done.ExpiresIn > 300 {
		t.Fatalf("%d %+v", a.Status, done)
	}
	fatal(t, p.isHydras(t.Context(), done))

	h.must("--undo")
	if h.clients() != before {
		t.Errorf("the clients are others: %s", h.clients())
	}
	if left, err := os.ReadDir(h.dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// takesOver gives the gateway that runs the upstream of a Caddyfile that was printed.
func (h *hydraHouse) takesOver(printed string) {
	h.t.Helper()
	block := func(text string) (from, to int) {
		from = strings.Index(text, "\t\tupstream hydra ")
		to = from + strings.Index(text[from:], "\n\t\t}\n")
		return from, to
	}
	from, to := block(printed)
	fatal(h.t, h.e.Configure(h.t.Context(), func(text string) string {
		start, end := block(text)
		return text[:start] + printed[from:to] + text[end:]
	}))
}

// A client of the same name that is somebody else's is shown as it is and as it would be, narrowed, and put back but for its
// secret; what was changed in between is asked about.
func TestAClientOfHydraThatWasThereIsShownAndPutBack(t *testing.T) {
	h := newHydraHouse(t, own(t, env.Options{IdP: env.Hydra}))
	theirs := map[string]any{
		"client_id": "regrant-gateway", "client_name": "Theirs", "client_secret": "a secret that they know, of course",
		"grant_types": []string{"authorization_code", "implicit", "client_credentials", "refresh_token"}, "response_types": []string{"code", "token"},
		"redirect_uris": []string{"https://theirs.example/*"}, "post_logout_redirect_uris": []string{"https://theirs.example/out"},
		"scope": "openid offline", "audience": []string{"https://api.example"}, "token_endpoint_auth_method": "none", "jwks_uri": "https://theirs.example/jwks.json",
		"metadata": map[string]any{"owner": "them"}, "skip_consent": true,
	}
	h.call(http.MethodPut, "/admin/clients/regrant-gateway", theirs, nil)
	before := h.clients()
	plan := h.must("--apply")
	if plan.changes() != "file/"+h.dir+"/hydra.secret, client/regrant-gateway, client secret/regrant-gateway" {
		t.Fatalf("the plan is %s", plan.changes())
	}
	change := plan.Changes[1]
	for field, want := range map[string]string{
		"grant_types": "[authorization_code]", "response_types": "[code]", "redirect_uris": "[" + h.e.Issuer + "/login/callback]", "post_logout_redirect_uris": "[]",
		"scope": "openid profile email", "audience": "[]", "token_endpoint_auth_method": "client_secret_basic",
	} {
		if fmt.Sprint(change.After[field]) != want || fmt.Sprint(change.Before[field]) != fmt.Sprint(theirs[field]) {
			t.Errorf("%s: %v → %v, want %s", field, change.Before[field], change.After[field], want)
		}
	}
	if !strings.Contains(strings.Join(plan.Notes, "\n"), "cannot put the earlier one back") {
		t.Errorf("the notes do not say what is lost: %q", plan.Notes)
	}
	if again := h.must(); len(again.Changes) > 0 {
		t.Errorf("left to do: %s", again.changes())
	}

	var now map[string]any
	h.call(http.MethodGet, "/admin/clients/regrant-gateway", nil, &now)
	if fmt.Sprint(now["metadata"]) != "map[owner:them]" || now["client_name"] != "Theirs" {
		t.Errorf("what is not the gateway's business was changed: %v", now)
	}
	now["scope"] = "openid"
	delete(now, "jwks")
	h.call(http.MethodPut, "/admin/clients/regrant-gateway", now, nil)
	h.refused("client/regrant-gateway. To put back", "--undo")
	h.must("--undo", "--force", "client/regrant-gateway")
	if h.clients() != before {
		t.Errorf("the clients are others:\n%s\n%s", before, h.clients())
	}
}

// What is used by another gateway keeps its secret where the file has it, and gets the file's where it has not.
func TestTheSecretOfAClientIsTriedBeforeItIsChanged(t *testing.T) {
	h := newHydraHouse(t, own(t, env.Options{IdP: env.Hydra}))
	secret, err := os.ReadFile(filepath.Join(h.e.Dir, "client.secret"))
	fatal(t, err)
	fatal(t, os.MkdirAll(h.dir, 0o700))
	file := filepath.Join(h.dir, "hydra.secret")
	fatal(t, os.WriteFile(file, secret, 0o600))
	if plan := h.must(); len(plan.Changes) > 0 {
		t.Errorf("a client made by hand would change: %s", plan.changes())
	}
	fatal(t, os.WriteFile(file, []byte(strings.Repeat("another ", 5)), 0o600))
	if plan := h.must(); plan.changes() != "client secret/regrant-gateway" {
		t.Errorf("with another secret the plan is %s", plan.changes())
	}
}

// Where Hydra fails half way, the same command goes on, and --undo goes back.
func TestAHalfMadeClientOfHydraIsGoneOnFromOrTakenBack(t *testing.T) {
	h := newHydraHouse(t, own(t, env.Options{IdP: env.Hydra}))
	h.call(http.MethodDelete, "/admin/clients/regrant-gateway", nil, nil)
	before := h.clients()
	var broken atomic.Bool // then the secret does not arrive
	h.admin = standingBefore(t, h.admin, func(r *http.Request) bool { return broken.Load() && r.Method == http.MethodPut }, badAnswers["500"])
	for _, goOn := range []bool{true, false} {
		broken.Store(true)
		if _, err := h.run("--apply"); err == nil || !strings.Contains(err.Error(), "run this again to go on") || h.clients() == before {
			t.Fatal(err)
		}
		broken.Store(false)
		if goOn {
			if rest := h.must("--apply"); rest.changes() != "client secret/regrant-gateway" || len(h.must().Changes) > 0 {
				t.Errorf("what was left to do is %s", rest.changes())
			}
		}
		h.must("--undo")
		if h.clients() != before {
			t.Errorf("the clients are others: %s", h.clients())
		}
	}
}
