package integration

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/story"
)

// From a realm as Keycloak makes it to a recovered account, and back to the realm as it was.
func TestAPlainRealmIsSetUpRecoversAndIsPutBack(t *testing.T) {
	t.Parallel()
	codes := env.Method("recovery_code")
	e := own(t, env.Options{IdP: env.Keycloak, Gateway: []string{codes}, Patient: true})
	h := emptied(t, e)
	before := h.export()

	granting := []string{"--application", keycloak.AppID, "--upstream-grant"}
	plan := h.must(granting...)
	for _, want := range []string{
		"client scope/regrant", "authentication flow/regrant recover", "authentication flow/regrant first login", "identity provider/regrant",
		"identity provider mapper/regrant/recovery id", "client/regrant-gateway", "service account role/manage-users of realm-management",
		"required action/idp_link", "default scope of client/" + keycloak.AppID + "/regrant",
		"client/regrant-programs", "default scope of client/regrant-programs/basic",
	} {
		if !strings.Contains(plan.changes(), want) {
			t.Errorf("the plan has no %s: %s", want, plan.changes())
		}
	}
	h.same(before, h.export()) // planning has changed nothing

	h.must(append(granting, "--apply")...)
	if again := h.must(granting...); len(again.Changes) > 0 {
		t.Fatalf("a second run would change %s", again.changes())
	}

	h.refused("--administrator", "--mode", "strict")
	h.refused("proven 0 of 2", "--mode", "strict", "--administrator", "bob")
	bob := enrolled(t, e, "bob")
	bob.bindCodes()
	h.refused("was never rehearsed", "--mode", "strict", "--administrator", "bob")
	fatal(t, proofs{code: true, rehearse: true}.recover(nil)(t.Context(), bob, 0))
	strict := h.must("--upstream-grant", "--mode", "strict", "--administrator", "bob", "--link-on-login", "--button", "--apply")
	if strict.changes() != "identity provider/regrant, realm/"+h.realm {
		t.Errorf("mode strict changes %s", strict.changes())
	}

	// The story is told with devices alone.
	fatal(t, e.Configure(t.Context(), func(text string) string { return strings.Replace(text, codes, "", 1) }))
	var transcript bytes.Buffer
	if err := story.New(e, &transcript).Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, transcript.String())
	}
	if !strings.Contains(transcript.String(), "The session says that it came from a recovery") {
		t.Error("the application was not told that the session came from a recovery")
	}

	for _, name := range []string{"olivia", "barbara"} {
		_, err := h.server.NewUser(t.Context(), name)
		fatal(t, err)
	}
	bindsByBothFactors(t, e, "olivia") // by the class that the realm now has
	h.linksOn("olivia")
	recoversByButton(enrolled(t, e, "barbara"))

	undone := h.must("--undo")
	if !strings.Contains(undone.Leave, "regrant at the site") || undone.Leave != strict.BeforeUndo {
		t.Errorf("what is to leave the Caddyfile before: %q, and when it was applied %q", undone.Leave, strict.BeforeUndo)
	}
	if n := len(undone.PutBack); n == 0 || undone.PutBack[n-1].Kind != "client scope" { // what was made first goes last
		t.Errorf("put back: %v", undone.PutBack)
	}
	h.same(before, h.export())
	if _, err := os.Stat(filepath.Join(h.dir, "init-keycloak-acme.json")); !os.IsNotExist(err) {
		t.Errorf("the record is still there: %v", err)
	}
}

// Whoever does not ask for the grant takes it off, and is shown that.
func TestProgramsGetNothingUnlessThatIsAskedFor(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.must("--upstream-grant", "--apply")
	plan := h.must("--apply")
	if plan.changes() != "identity provider/regrant" || plan.Changes[0].After["config.jwtAuthorizationGrantEnabled"] != "false" {
		t.Errorf("the plan is %+v", plan.Changes)
	}
	if strings.Contains(plan.Caddyfile, "upstream_grant") || !strings.Contains(h.must("--upstream-grant").Caddyfile, "upstream_grant regrant-programs {file."+h.dir+"/programs.secret}\n") {
		t.Error("the Caddyfile does not fit")
	}
}

// People see what was asked for on Keycloak's own login page, also if it is asked for later.
func TestTheLoginPageShowsTheWayToTheGateway(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.must("--apply")
	if page := h.loginPage(browser.New(h.e.Roots)); strings.Contains(page.Text(), shownButton) || strings.Contains(page.Body, "/broker/regrant/login") {
		t.Error("there is a button that nobody asked for")
	}
	hidden := h.export()
	fatal(t, os.Remove(filepath.Join(h.dir, "init-keycloak-"+h.realm+".json"))) // so that it is put back to what it is now
	plan := h.must("--button")
	if plan.changes() != "identity provider/regrant" || plan.Changes[0].Before["displayName"] != "Account recovery" || plan.Changes[0].After["displayName"] != shownButton {
		t.Errorf("the plan is %+v", plan.Changes)
	}
	h.must("--button", "--apply")
	b := browser.New(h.e.Roots)
	if _, err := b.Click(t.Context(), h.loginPage(b), shownButton); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"--button"}, {}} {
		if plan := h.must(args...); len(plan.Changes) > 0 {
			t.Errorf("another run with %q would change %s", args, plan.changes())
		}
	}
	h.must("--undo")
	h.same(hidden, h.export())
}

// A name that an operator has chosen is only looks.
func TestAButtonKeepsTheNameThatAnOperatorGaveIt(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	h.must("--apply")
	var provider map[string]any
	path := "/" + h.realm + "/identity-provider/instances/regrant"
	h.admin(http.MethodGet, path, nil, &provider)
	provider["displayName"] = "Mit einem Gerät"
	h.admin(http.MethodPut, path, provider, nil)
	h.must("--button", "--apply")
	if page := h.loginPage(browser.New(h.e.Roots)); !strings.Contains(page.Text(), "Mit einem Gerät") || strings.Contains(page.Text(), shownButton) {
		t.Errorf("the login page shows: %s", page.Text())
	}
}

// Somebody changes steps of the flows that were made; another run makes them what they were, and a third finds nothing to do.
func TestAFlowThatSomebodyHasChangedIsMended(t *testing.T) {
	h := plainRealm(t, use(t, env.Keycloak))
	before := h.export()
	h.must("--apply")
	h.changeStep("regrant recover", "identity-provider-redirector", func(step map[string]any) { step["requirement"] = "DISABLED" })
	h.mends("regrant recover")
	h.changeStep("regrant recover", "identity-provider-redirector", func(step map[string]any) {
		path := "/" + h.realm + "/authentication/config/" + step["authenticationConfig"].(string)
		var config map[string]any
		h.admin(http.MethodGet, path, nil, &config)
		config["config"] = map[string]string{"defaultProvider": "elsewhere"}
		h.admin(http.MethodPut, path, config, nil)
	})
	h.mends("regrant recover")
	h.changeStep("regrant step-up", "auth-otp-form", func(step map[string]any) { step["requirement"] = "DISABLED" })
	h.mends("regrant step-up")
	h.must("--undo")
	h.same(before, h.export())
}

// changeStep changes the step of an authenticator in a flow.
func (h *house) changeStep(flow, authenticator string, change func(map[string]any)) {
	h.t.Helper()
	path := "/" + h.realm + "/authentication/flows/" + url.PathEscape(flow) + "/executions"
	var steps []map[string]any
	h.admin(http.MethodGet, path, nil, &steps)
	i := slices.IndexFunc(steps, func(s map[string]any) bool { return s["providerId"] == authenticator })
	change(steps[i])
	h.admin(http.MethodPut, path, steps[i], nil)
}

// mends applies what is to be done to one flow.
func (h *house) mends(flow string) {
	h.t.Helper()
	if done := h.must("--apply"); done.changes() != "authentication flow/"+flow {
		h.t.Errorf("it changed %s", done.changes())
	}
	if left := h.must(); len(left.Changes) > 0 {
		h.t.Errorf("a second run would change %s", left.changes())
	}
}

// shownButton is what --button shows, and shownLink what --link-on-login does.
const (
	shownButton = "Recover with a device"
	shownLink   = "Recover your account"
)

// loginPage is that of the account console.
func (h *house) loginPage(b *browser.Browser) *browser.Page {
	h.t.Helper()
	page, err := b.Open(h.t.Context(), h.e.Origin+"/realms/"+h.realm+"/protocol/openid-connect/auth?client_id=account-console&response_type=code&scope=openid"+
		"&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&redirect_uri="+url.QueryEscape(h.e.Origin+"/realms/"+h.realm+"/account/"))
	fatal(h.t, err)
	return page
}

// leads follows the link of a page of Keycloak's to the gateway's start page.
func (v *visitor) leads(from *browser.Page, text string) {
	v.t.Helper()
	start, err := v.Click(v.t.Context(), from, text)
	fatal(v.t, err)
	if start.Status != http.StatusOK || !strings.HasPrefix(start.URL.String(), v.e.Issuer+"/oidc/authorize") {
		v.t.Errorf("%q leads to %d at %s: %s", text, start.Status, start.URL.Redacted(), start.Text())
	}
}

// linksOn follows the link on the page for the password and on the one for the one-time password, to which olivia's leads.
func (h *house) linksOn(olivia string) {
	h.t.Helper()
	v := newVisitor(h.t, h.e)
	v.leads(h.loginPage(v.Browser), shownLink)
	v = newVisitor(h.t, h.e)
	second := v.signs(h.loginPage(v.Browser), olivia)
	if len(second.Forms) == 0 || !second.Forms[0].Values.Has("otp") {
		h.t.Fatalf("%s asks for no one-time password: %s", second.URL.Redacted(), second.Text())
	}
	v.leads(second, shownLink)
}

// recoversByButton goes from the application's login page by the button, and back to the application.
func recoversByButton(p *person) {
	p.t.Helper()
	v := newVisitor(p.t, p.e)
	login, err := v.Open(p.t.Context(), p.e.Entrance())
	fatal(p.t, err)
	v.leads(login, shownButton)
	v.wantAtApp(v.presses(v.confirms(p.handoff())), p.user)
}

// emptied puts a plain realm, with people and an application, in the place of the environment's.
func emptied(t *testing.T, e *env.Env) *house {
	t.Helper()
	h := &house{t, e, e.Provider.(env.KeycloakProvider).Server, keycloak.Realm, e.IdP, filepath.Join(e.Dir, "etc")}
	fatal(t, h.server.Plain(t.Context(), e.App.CallbackURL(), nil, "alice", "bob"))
	// The gateway runs already, with secrets of its own.
	fatal(t, os.MkdirAll(h.dir, 0o700))
	for from, to := range map[string]string{"client.secret": "keycloak.secret", "broker.secret": "broker.secret", "programs.secret": "programs.secret"} {
		secret, err := os.ReadFile(filepath.Join(e.Dir, from))
		fatal(t, err)
		fatal(t, os.WriteFile(filepath.Join(h.dir, to), secret, 0o600))
	}
	return h
}
