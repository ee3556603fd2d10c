package integration

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/internal/doctor"
)

// What docs/keycloak.md leads through, with every default: mode assist, and new authenticators that wait for 72 hours.
func TestAPlainRealmIsSetUpAndTriedOut(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Keycloak, Bare: true})
	h := &house{t, e, realServer(e), keycloak.Realm, e.IdP, filepath.Join(e.Dir, "etc")}
	mailing := map[string]any{"resetPasswordAllowed": true}
	fatal(t, h.server.Plain(t.Context(), e.App.CallbackURL(), mailing))
	plan := h.must("--apply")
	fatal(t, e.Configure(t.Context(), func(now string) string { return asPrinted(t, e, now, plan.Caddyfile) }))

	out := try(t, e)
	out.mustBeGreen(t, "program")
	out.isOfModeAssist(t, "has no button for the gateway")
	nothingLeft(t, e)

	leftOpen := []string{"mode-strict", "keycloak-reset-closed", "keycloak-forgot-closed", "keycloak-reset-flow"}
	if report, status := runDoctor(t, e); status != 2 { // nothing failed, and what needs an inspector could not be told
		t.Errorf("without an inspector: exit status %d: %+v", status, report.Findings)
	}
	r := realmOf(t, e)
	fatal(t, r.NewInspector(t.Context(), inspector, inspectorSecret))
	r.change("", func(realm map[string]any) { realm["bruteForceProtected"] = true }) // which init tells people to look at
	report, status := runDoctor(t, e, inspects(t, e)...)
	// The last is a port of this machine's, at which a story that is told beside this one plants a fault.
	green(t, report, status, slices.Concat(leftOpen, []string{"hsts", "client-cert-headers", "keycloak-events", "keycloak-management"})...)
	warned := map[string]doctor.Status{}
	for _, id := range leftOpen {
		warned[id] = doctor.StatusWarn
	}
	foundAll(t, report, warned)

	h.must("--button", "--apply")
	fatal(t, e.Configure(t.Context(), func(text string) string { return withMethods(text, "method passkey") })) // with limits for two tries in a minute
	out = try(t, e)
	out.mustBeGreen(t, "program")
	out.isOfModeAssist(t, "the button on the sign-in page")
}

func TestTryIsGreenInFrontOfAKratosThatRecoversByItself(t *testing.T) {
	t.Parallel()
	e := own(t, env.Options{IdP: env.Kratos, Kratos: plainKratos, Probation: "72h"})
	fatal(t, e.Configure(t.Context(), assisting))
	out := try(t, e)
	out.mustBeGreen(t)
	out.isOfModeAssist(t, "start page")
	report, _ := runDoctor(t, e)
	foundAll(t, report, map[string]doctor.Status{"kratos-recovery-closed": doctor.StatusWarn, "mode-strict": doctor.StatusWarn})
}

// assisting is a Caddyfile of a Kratos' in mode assist.
func assisting(caddyfile string) string {
	return strings.Replace(caddyfile, "\t\t\trecovery_ui /ui/recovery\n", "\t\t\trecovery_ui /ui/recovery\n\t\t\tmode assist\n", 1)
}

// isOfModeAssist demands a line of its own that says what was left as it is, and that the gateway was found this way.
func (r tried) isOfModeAssist(t *testing.T, way string) {
	t.Helper()
	if s := r.step("mode"); !strings.HasPrefix(s, "skipped: this is mode assist") || !strings.Contains(r.step("forgotten"), way) {
		t.Errorf("%+v", r)
	}
}

// asPrinted is the Caddyfile that init printed, with what a test has elsewhere: ports, folders, the store, and the receiver of notices.
func asPrinted(t *testing.T, e *env.Env, now, printed string) string {
	t.Helper()
	global, gateway, found := strings.Cut(now, "\tregrant {\n")
	_, store, _ := strings.Cut(gateway, "\n")
	store, _, cut := strings.Cut(store, "\t\tupstream ")
	if !found || !cut {
		t.Fatalf("the environment's own Caddyfile is another:\n%s", now)
	}
	return strings.NewReplacer(
		"{\n\tregrant {\n", global+"\tregrant {\n"+store,
		"https://hooks.example.com/recovery", e.Hook.URL, "{env.REGRANT_HOOK_SECRET}", "{file."+e.Dir+"/hook.secret}",
	).Replace(printed)
}
