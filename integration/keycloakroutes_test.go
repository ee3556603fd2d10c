package integration

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/mailbox"
	"github.com/regrant/regrant/integration/verbatim"
)

// realm is a Keycloak in the table, whose realm can be opened and closed.
type realm struct {
	provider
	server *keycloak.Server
	carol  string // id of the one who is signed in
	form   verbatim.Request
}

func newRealm(t *testing.T, e *env.Env) *realm {
	t.Helper()
	box, err := mailbox.Start()
	fatal(t, err)
	t.Cleanup(box.Stop)
	k := &realm{provider: provider{e: e, box: box}, server: e.Provider.(env.KeycloakProvider).Server}
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

// closed is the realm as README.md says. A reset form that was shown before can still be sent.
func (k *realm) closed(t *testing.T) {
	t.Helper()
	k.form = k.sentForm(t)
	fatal(t, k.server.Admin(t.Context(), "PUT", "", map[string]any{"resetCredentialsFlow": "regrant recover"}, nil))
	k.linking(t, false)
	k.open = false
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

// always is a request that is the same each time.
func always(method, target string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(*testing.T) verbatim.Request {
		return verbatim.Request{Method: method, Target: target, Header: header}
	}
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
	auth, linking, session := base+"/protocol/openid-connect/auth", client.Encode()+"&kc_action=idp_link%3A"+keycloak.Alias, k.session(t)
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

// posted is a form that is the same each time.
func posted(target, body string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(*testing.T) verbatim.Request {
		return verbatim.Request{Method: "POST", Target: target, Body: body, Header: append([][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, header...)}
	}
}

// sentForm is the form of a new flow, with alice's name, as a browser would send it; in a closed realm, the last that there was.
func (k *realm) sentForm(t *testing.T) verbatim.Request {
	t.Helper()
	if !k.open {
		return k.form
	}
	b := browser.New(k.e.Roots)
	page, err := b.Open(t.Context(), k.e.Origin+"/realms/"+keycloak.Realm+"/login-actions/reset-credentials")
	fatal(t, err)
	if len(page.Forms) != 1 || !strings.Contains(page.Body, resetForm) {
		t.Fatalf("no reset form: %d %s", page.Status, page.Text())
	}
	action, err := page.URL.Parse(page.Forms[0].Action)
	fatal(t, err)
	return posted(action.RequestURI(), "username=alice", cookies(b, "AUTH_SESSION_ID", "KC_AUTH_SESSION_HASH", "KC_RESTART"))(t)
}

// pushed is an authorization request whose parameters the identity provider has got beforehand (RFC 9126).
func (k *realm) pushed(parameters string, header ...[2]string) func(*testing.T) verbatim.Request {
	return func(t *testing.T) verbatim.Request {
		t.Helper()
		const base = "/realms/" + keycloak.Realm + "/protocol/openid-connect/"
		push := k.request(t, guarded{good: posted(base+"ext/par/request", parameters)}, verbatim.HTTP11)
		a, err := k.front().Send(t.Context(), push)
		fatal(t, err)
		var out struct {
			RequestURI string `json:"request_uri"`
		}
		if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusCreated {
			t.Fatalf("pushed: %d %s", a.Status, a.Body)
		}
		q := url.Values{"client_id": {"account"}, "request_uri": {out.RequestURI}}
		return verbatim.Request{Method: "GET", Target: base + "auth?" + q.Encode(), Header: header}
	}
}

// cookies are some of b's, as it would send them.
func cookies(b *browser.Browser, names ...string) [2]string {
	var all []string
	for _, name := range names {
		if v := b.Cookie("localhost", name); v != "" {
			all = append(all, name+"="+v)
		}
	}
	return [2]string{"Cookie", strings.Join(all, "; ")}
}

var address = regexp.MustCompile(`https://\S+`)

// mailed has a mail sent and returns the target of the link in it.
func (k *realm) mailed(t *testing.T, send func(*testing.T)) string {
	t.Helper()
	send(t)
	texts := k.box.Texts()
	if len(texts) != k.mails+1 {
		t.Fatalf("%d mails came, want 1", len(texts)-k.mails)
	}
	k.mails++
	link, err := url.Parse(html.UnescapeString(address.FindString(texts[k.mails-1])))
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

// session signs carol in and returns her cookies.
func (k *realm) session(t *testing.T) [2]string {
	t.Helper()
	b := browser.New(k.e.Roots)
	login, err := b.Open(t.Context(), k.e.App.URL+"/")
	fatal(t, err)
	_, err = b.Submit(t.Context(), login, "", url.Values{"username": {"carol"}, "password": {"carol-password"}})
	fatal(t, err)
	return cookies(b, "AUTH_SESSION_ID", "KEYCLOAK_IDENTITY", "KEYCLOAK_SESSION")
}

// unlinks is carol's request to the account API to end the link, with a token that was made now.
func (k *realm) unlinks(target string) func(t *testing.T) verbatim.Request {
	return func(t *testing.T) verbatim.Request {
		t.Helper()
		token, err := k.server.Token(t.Context(), accountReader, "carol", "carol-password")
		fatal(t, err)
		// Without Accept the path is the console's.
		return verbatim.Request{Method: "DELETE", Target: target, Header: [][2]string{{"Authorization", "Bearer " + token}, {"Accept", "application/json"}}}
	}
}

// lists is an administrator's request.
func (k *realm) lists(target string) func(t *testing.T) verbatim.Request {
	return func(t *testing.T) verbatim.Request {
		t.Helper()
		token, err := k.server.AdminToken(t.Context())
		fatal(t, err)
		return verbatim.Request{Method: "GET", Target: target, Header: [][2]string{{"Authorization", "Bearer " + token}}}
	}
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
