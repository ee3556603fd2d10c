package integration

import (
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/mailbox"
	"github.com/regrant/regrant/integration/verbatim"
)

// realm is a Keycloak in the table, whose realm can be opened and closed.
type realm struct {
	provider
	server *keycloak.Server
	box    *mailbox.Box       // every mail of Keycloak's
	carol  string             // id of the one who is signed in
	forms  []verbatim.Request // reset forms, each good once, that were shown before the realm was closed
}

func newRealm(t *testing.T, e *env.Env) *realm {
	t.Helper()
	box, err := mailbox.Start()
	fatal(t, err)
	t.Cleanup(box.Stop)
	k := &realm{box: box, server: e.Provider.(env.KeycloakProvider).Server}
	k.provider = provider{e: e, back: itself(e), sent: func(*testing.T) int { return len(box.Texts()) }}
	k.carol, err = k.server.UserID(t.Context(), "carol")
	fatal(t, err)
	fatal(t, k.server.Admin(t.Context(), "POST", "/clients", map[string]any{
		"clientId": accountReader, "publicClient": true, "directAccessGrantsEnabled": true, "fullScopeAllowed": true,
	}, nil))
	return k
}

// opened gives the realm the reset flow, the mail server and the linking that Keycloak comes with.
func (k *realm) opened(t *testing.T) {
	t.Helper()
	smtp := map[string]string{"host": "127.0.0.1", "port": fmt.Sprint(k.box.Port), "from": "idp@example.com"}
	fatal(t, k.server.Admin(t.Context(), "PUT", "", map[string]any{
		"resetCredentialsFlow": "reset credentials", "smtpServer": smtp, "actionTokenGeneratedByUserLifespan": 3600,
	}, nil))
	k.linking(t, true)
	k.open = true
}

// closed is the realm as README.md says. Reset forms that were shown before can still be sent, each once.
func (k *realm) closed(t *testing.T) {
	t.Helper()
	for range 3 { // one to look at, and one for each version of HTTP in the table
		k.forms = append(k.forms, k.sentForm(t))
	}
	fatal(t, k.server.Admin(t.Context(), "PUT", "", map[string]any{"resetCredentialsFlow": "regrant recover"}, nil))
	k.linking(t, false)
	k.open = false
	k.outlives(t)
}

var formAction = regexp.MustCompile(`action="https://[^/]+([^"]+)"`)

// outlives checks what Keycloak does with a reset form that it showed before the realm was closed: it asks once more where the
// form names nobody, and goes on to the gateway where it does. No other form is shown, and nothing is mailed.
func (k *realm) outlives(t *testing.T) {
	t.Helper()
	request := k.request(t, guarded{good: k.sentForm}, verbatim.HTTP11)
	request.Body = "username="
	again, err := k.front().Send(t.Context(), request)
	fatal(t, err)
	action := formAction.FindStringSubmatch(again.Body)
	if again.Status != http.StatusOK || !strings.Contains(again.Body, resetForm) || action == nil {
		t.Fatalf("a reset form from before, with no name: %d %s", again.Status, again.Body)
	}
	request.Target, request.Body = html.UnescapeString(action[1]), "username=alice"
	on, err := k.front().Send(t.Context(), request)
	fatal(t, err)
	if to := on.Header.Get("Location"); !strings.Contains(to, "/broker/"+keycloak.Alias+"/login?") {
		t.Errorf("a reset form from before leads with a name to %q: %d %.300s", to, on.Status, on.Body)
	}
	if n := k.sent(t); n != k.mails {
		t.Errorf("reset forms from before had %d mails sent", n-k.mails)
	}
}

// linking switches the required action idp_link.
func (k *realm) linking(t *testing.T, on bool) {
	t.Helper()
	const path = "/authentication/required-actions/idp_link"
	var action map[string]any
	fatal(t, k.server.Admin(t.Context(), "GET", path, nil, &action))
	action["enabled"] = on
	fatal(t, k.server.Admin(t.Context(), "PUT", path, action, nil))
}

// accountReader is a client whose tokens are good for the account API.
const accountReader = "account-reader"

// What Keycloak's own answers hold, and no others.
const (
	resetForm    = "kc-reset-password-form"
	mailSent     = "You should receive an email"
	passwordForm = `name="password-new"`
	signedIn     = "KEYCLOAK_IDENTITY="
	actionForm   = "/login-actions/required-action"
	actionLink   = "/login-actions/action-token?"
)

// fill lists the routes. The realm must be open, so that there are mails.
func (k *realm) fill(t *testing.T) {
	t.Helper()
	base := "/realms/" + keycloak.Realm
	reset, forgot := base+"/login-actions/reset-credentials", base+"/protocol/openid-connect/forgot-credentials"
	client := url.Values{"client_id": {"account"}, "redirect_uri": {k.e.Origin + base + "/account/"}, "response_type": {"code"}, "scope": {"openid"}}
	link := "/linked-accounts/" + keycloak.Alias
	object := maps.Clone(client)
	object.Set("kc_action", "idp_link:"+keycloak.Alias)
	auth, linking, session := base+"/protocol/openid-connect/auth", object.Encode(), k.session(t)
	form := marked(resetForm, mailSent, passwordForm, signedIn, actionForm)
	action := marked(passwordForm, signedIn, actionForm, actionLink)
	linked := marked("execution=idp_link", "/broker/", "kc_action_status=success")
	console := marked("/admin/", "adminBaseUrl")
	actions := k.mailed(t, k.byTheOperator)
	k.routes = []guarded{
		{"reset-credentials", true, always("GET", reset), form},
		{"reset-credentials of an application", true, always("GET", reset+"?client_id=demo-app&tab_id=x"), form},
		{"the reset form, sent", true, k.sentForm, form},
		{"forgot-credentials", true, always("GET", forgot+"?"+client.Encode()), form},
		{"a mailed link to a new password", false, always("GET", k.mailed(t, k.byThePerson)), action},
		{"a mailed link to required actions", false, always("GET", actions), action},
		{"its token, sent to the reset form", false, posted(strings.Replace(actions, "action-token", "reset-credentials", 1), ""), action},
		{"linking by an action", false, always("GET", auth+"?"+linking, session), linked},
		{"linking by an action, as a form", true, posted(auth, linking, session), linked},
		{"linking by an action, in a request object", true, inObject(auth, object, session), linked},
		{"linking by an action, pushed", true, k.pushed(linking, session), linked},
		{"the end of the link", false, k.unlinks(base + "/account" + link), removed},
		{"the end of the link, by a version of the API", false, k.unlinks(base + "/account/v1alpha1" + link), removed},
		{"the console", false, always("GET", "/admin/master/console/"), console},
		{"the start page", false, always("GET", "/"), console},
		{"the admin API", false, k.lists("/admin/realms/" + keycloak.Realm + "/users"), marked(`"username"`)},
		{"the realm master", false, always("GET", "/realms/master"), marked(`"realm":"master"`)},
	}
}

// removed is how Keycloak tells that something is deleted.
func removed(a verbatim.Answer) string {
	if a.Status == http.StatusNoContent {
		return "that it is done"
	}
	return ""
}

var address = regexp.MustCompile(`https://\S+`)

// linkIn is the first address in a mail.
func linkIn(mail string) string { return html.UnescapeString(address.FindString(mail)) }

// mailed has a mail sent and returns the target of the link in it.
func (k *realm) mailed(t *testing.T, send func(*testing.T)) string {
	t.Helper()
	send(t)
	texts := k.box.Texts()
	if len(texts) != k.mails+1 {
		t.Fatalf("%d mails came, want 1", len(texts)-k.mails)
	}
	k.mails++
	link, err := url.Parse(linkIn(texts[k.mails-1]))
	fatal(t, err)
	return link.RequestURI()
}

func (k *realm) byThePerson(t *testing.T) {
	request := k.request(t, guarded{good: k.sentForm}, verbatim.HTTP11)
	_, err := k.front().Send(t.Context(), request)
	fatal(t, err)
}

func (k *realm) byTheOperator(t *testing.T) {
	alice, err := k.server.UserID(t.Context(), "alice")
	fatal(t, err)
	fatal(t, k.server.Admin(t.Context(), "PUT", "/users/"+alice+"/execute-actions-email", []string{"UPDATE_PASSWORD"}, nil))
}

// link gives carol a link, if she has none.
func (k *realm) link(t *testing.T) {
	t.Helper()
	if !k.linked(t) {
		fatal(t, k.server.Admin(t.Context(), "POST", "/users/"+k.carol+"/federated-identity/"+keycloak.Alias, map[string]string{"userId": "standing", "userName": "x"}, nil))
	}
}

func (k *realm) linked(t *testing.T) bool {
	t.Helper()
	n, err := k.e.Provider.Links(t.Context(), "carol")
	fatal(t, err)
	return n == 1
}

// The Keycloak of this test takes paths in any spelling, as those before 26.4.4 do: only the gateway and the realm are left to
// refuse them. With the realm as Keycloak comes, the gateway is alone. Then its reset form passes, since in a realm that is set
// up it leads to the gateway; but no link in the mails works.
func TestNoSpellingOfAKeycloakRouteShowsItsOwnRecovery(t *testing.T) {
	e := own(t, env.Options{IdP: env.Keycloak, Patient: true, Keycloak: []string{"--http-accept-non-normalized-paths=true"}})
	k := newRealm(t, e)
	k.opened(t)
	k.fill(t)
	taken := 0
	for _, r := range k.routes {
		k.link(t)
		k.bites(t, r)
		taken += k.taken(t, r)
	}
	if taken < fewest {
		t.Errorf("Keycloak takes only %d disguises: the table would prove little", taken)
	}
	k.link(t)
	k.mails = len(k.box.Texts())

	n, shown := k.table(t, verbatim.HTTP11)
	t.Logf("the realm as it comes: %d requests; of the %d disguises that Keycloak takes, the gateway passes none; undisguised pass %v", n, taken, shown)
	k.closed(t)
	n, _ = k.table(t, verbatim.HTTP11, verbatim.HTTP2)
	t.Logf("the realm as README.md says: %d requests, and none shows anything", n)

	if !k.linked(t) {
		t.Error("the link is gone")
	}

	// Nothing of it was used up on the way, or had grown too old.
	k.opened(t)
	for _, r := range k.routes {
		k.link(t)
		k.bites(t, r)
	}
}
