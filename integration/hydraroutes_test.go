package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/verbatim"
)

// Hydra recovers nobody and mails nothing. What must not be reached is the recovery of its login app, for which a page stands
// in here, and the admin API, which Caddy has been put in front of by mistake.
func TestNoSpellingOfAHydraRouteShowsARecoveryOrTheAdminAPI(t *testing.T) {
	const page = "the login app's own recovery"
	pages := http.NewServeMux()
	pages.HandleFunc("/ui/recovery", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) })
	app := httptest.NewServer(pages)
	t.Cleanup(app.Close)
	e := own(t, env.Options{IdP: env.Hydra, Patient: true})
	admin := e.Provider.(*env.HydraProvider).Server.AdminURL
	fatal(t, e.Configure(t.Context(), func(text string) string {
		text = regexp.MustCompile(`(/ui/\* \{\s+reverse_proxy )\S+`).ReplaceAllString(text, "${1}"+app.Listener.Addr().String())
		return strings.Replace(text, "reverse_proxy "+strings.TrimPrefix(e.IdP, "http://"), "reverse_proxy "+strings.TrimPrefix(admin, "http://"), 1)
	}))
	p := provider{e: e, back: withoutGateway(t, e), sent: func(*testing.T) int { return 0 }}
	p.routes = []guarded{
		{"the recovery of the login app", false, always("GET", "/ui/recovery"), marked(page)},
		{"the recovery of the login app, sent", false, posted("/ui/recovery", "a=b"), marked(page)},
		{"the clients", false, always("GET", "/admin/clients"), marked(`"client_id"`)},
		{"one client", false, always("GET", "/admin/clients/regrant-gateway"), marked(`"client_id"`)},
		{"introspection", false, posted("/admin/oauth2/introspect", "token=x"), marked(`"active"`)},
	}
	taken := 0
	for _, r := range p.routes {
		p.bites(t, r)
		taken += p.taken(t, r)
	}
	n, _ := p.table(t, verbatim.HTTP11, verbatim.HTTP2)
	t.Logf("%d requests, and none shows anything; without the gateway %d disguises do", n, taken)
	if taken == 0 {
		t.Error("no disguise is taken: the table would prove little")
	}
}
