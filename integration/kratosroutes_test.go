package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/kratos"
	"github.com/regrant/regrant/integration/mailbox"
	"github.com/regrant/regrant/integration/ory"
	"github.com/regrant/regrant/integration/verbatim"
)

// kratosSite is a Kratos in the table, with its login app. Its own recovery is on.
type kratosSite struct {
	provider
	server *kratos.Server
	public ory.API
	box    *mailbox.Box // every mail of Kratos'
	good   []guarded    // a code and a link that were mailed, as they are
	alice  string       // her id
}

func newKratosSite(t *testing.T) *kratosSite {
	t.Helper()
	box, err := mailbox.Start()
	fatal(t, err)
	t.Cleanup(box.Stop)
	e := own(t, env.Options{IdP: env.Kratos, Patient: true, Kratos: everythingOn("link"), SMTP: box.Port})
	server := e.Provider.(*env.KratosProvider).Server
	k := &kratosSite{server: server, public: ory.API(server.PublicURL), box: box}
	k.provider = provider{e: e, back: withoutGateway(t, e), sent: k.messages}
	k.alice, err = server.Find(t.Context(), e.User("alice"))
	fatal(t, err)
	return k
}

// messages counts all that Kratos has sent or is about to send.
func (k *kratosSite) messages(t *testing.T) int {
	t.Helper()
	all, err := k.server.Messages(t.Context())
	fatal(t, err)
	if len(all) >= kratos.MostMessages {
		t.Fatal("Kratos lists no more messages: nobody could tell whether there is another")
	}
	return len(all)
}

// fill lists the routes, with a code and a link that were mailed now.
func (k *kratosSite) fill(t *testing.T) {
	t.Helper()
	link, code, form := k.mailedLink(t), k.mailedCode(t), k.browserForm(t)
	flow, open := k.begin(t).ID, k.begin(t).ID
	const recovery, page = "/self-service/recovery", "/ui/recovery"
	action := k.e.Origin + recovery + "?flow="
	shown := marked(page+"?flow=", `"action":"`+action, `action="`+action, `"show_recovery_ui"`, kratos.SessionCookie+"=", `"ory_session_token"`)
	begun := marked(recovery + "/browser")
	session := marked(kratos.SessionCookie+"=", `"ory_session_token"`)
	k.good = []guarded{{"a mailed code, still good", false, code, session}, {"a mailed link, still good", false, always("GET", link), session}}
	k.routes = []guarded{
		{"a recovery in a browser", false, always("GET", recovery+"/browser"), shown},
		{"a recovery that leads back", false, always("GET", recovery+"/browser?return_to="+k.e.Origin+"/ui/"), shown},
		{"a recovery of a script", false, always("GET", recovery+"/browser", accept), shown},
		{"a recovery in a program", false, always("GET", recovery+"/api"), shown},
		{"a flow", false, always("GET", recovery+"/flows?id="+open), shown},
		{"the address, sent by a program", false, inJSON("POST", recovery+"?flow="+flow, `{"method":"code","email":"`+k.e.User("alice")+`"}`), shown},
		{"the address, sent by a browser", false, form, shown},
		{"the page of the login app", false, always("GET", page), begun},
		{"the page of the login app, with a flow", false, always("GET", page+"?flow="+open), shown},
		{"a mailed code", false, code, shown},
		{"a mailed link", false, always("GET", link), shown},
	}
	k.routes = append(k.routes, k.adminRoutes()...)
}

// adminRoutes are those for which Kratos' public port names the address of the admin API.
func (k *kratosSite) adminRoutes() (routes []guarded) {
	leak := marked(strings.TrimPrefix(k.server.AdminURL, "http://"))
	add := func(method, target string) {
		body := ""
		if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
			body = "{}"
		}
		routes = append(routes, guarded{method + " " + strings.ReplaceAll(target, k.alice, "{id}"), false, inJSON(method, target, body), leak})
	}
	one := "/identities/" + k.alice
	for _, prefix := range []string{"", "/admin"} {
		for _, method := range []string{"GET", "POST"} {
			add(method, prefix+"/identities")
		}
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			add(method, prefix+one)
		}
		add("DELETE", prefix+one+"/credentials/totp")
	}
	add("DELETE", one+"/sessions")
	add("POST", "/recovery/code")
	add("POST", "/recovery/link")
	add("GET", "/admin/courier/messages")
	add("GET", "/admin/courier/messages/"+k.alice)
	return routes
}

// everythingOn is further configuration of Kratos: it mails out recoveries, as codes or links, and has all other flows, too.
func everythingOn(use string) string {
	return "selfservice: {flows: {recovery: {enabled: true, use: " + use + "}, registration: {enabled: true}, verification: {enabled: true, use: code}}}\n"
}

// The Kratos of this test has its own recovery on: only the gateway is left to refuse it.
func TestNoSpellingOfAKratosRouteShowsItsOwnRecovery(t *testing.T) {
	k := newKratosSite(t)
	k.fill(t)
	taken := 0
	for _, r := range k.routes {
		k.bites(t, r)
		n := k.taken(t, r)
		t.Logf("%s: Kratos takes %d disguises", r.name, n)
		taken += n
	}
	if taken < fewest {
		t.Errorf("Kratos takes only %d disguises: the table would prove little", taken)
	}

	k.fill(t)
	k.mails = k.sent(t)
	n, _ := k.table(t, verbatim.HTTP11, verbatim.HTTP2)
	t.Logf("%d requests, and none shows anything; without the gateway Kratos takes %d disguises", n, taken)

	// Nothing of it was used up on the way, or had grown too old.
	for _, r := range append(k.good, k.routes...) {
		k.bites(t, r)
	}
}
