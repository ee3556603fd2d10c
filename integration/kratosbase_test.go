package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/faults"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/integration/verbatim"
	"github.com/regrant/regrant/internal/doctor"
)

// strippers are the ways in which a site takes the path of the public API off, %s being the address of Kratos.
var strippers = map[string]string{
	"handle_path":       "handle_path /id/* {\n\t\treverse_proxy %s\n\t}",
	"a shorter matcher": "handle_path /id* {\n\t\treverse_proxy %s\n\t}",
	"a rewrite":         "route {\n\t\turi strip_prefix /id\n\t\treverse_proxy %s\n\t}",
}

// likeBase are spellings that Caddy takes for a path below /id.
var likeBase = []string{"/id", "/ID", "/iD", "/%69d", "/%49%44", "/id/", "/ID/.", "/x/../id", "/id.", "/id.."}

// stripping adds sites to Caddy that take the path off, one with the gateway before it and one without.
func stripping(t *testing.T, e *env.Env, how string) (guarded, bare verbatim.Server) {
	t.Helper()
	ports, err := keycloak.FreePorts(2)
	fatal(t, err)
	upstream := strings.TrimPrefix(e.IdP, "http://")
	write := func(port int, directive string) string {
		return fmt.Sprintf("\nhttps://localhost:%d {\n\ttls internal\n\t%s\n\t%s\n}\n", port, directive, fmt.Sprintf(how, upstream))
	}
	fatal(t, e.Configure(t.Context(), func(text string) string {
		if !strings.Contains(text, "base_path") {
			text = strings.Replace(text, "recovery_ui ", "base_path /id\n\t\t\trecovery_ui ", 1)
		}
		return text + write(ports[0], "regrant") + write(ports[1], "")
	}))
	return site(e, fmt.Sprintf("localhost:%d", ports[0])), site(e, fmt.Sprintf("localhost:%d", ports[1]))
}

// The Kratos of this test has its own recovery on, and is behind a path that the site takes off before it: what Caddy takes for that
// path, in capitals or without a slash after it, the gateway must know, too.
func TestNoSpellingOfThePathOfAKratosLeadsAroundTheGateway(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Patient: true, Kratos: everythingOn("link")})
	admin := strings.TrimPrefix(e.Provider.(*env.KratosProvider).Server.AdminURL, "http://")
	routes := map[string]func(verbatim.Answer) string{
		"self-service/recovery/api":     marked(`"ui":{`),
		"self-service/recovery/browser": marked("flow="),
		"admin/identities":              marked(admin),
	}
	for name, how := range strippers {
		front, back := stripping(t, e, how)
		taken := 0
		for route, shows := range routes {
			for _, base := range likeBase {
				for _, between := range []string{"/", ""} {
					target := base + between + route
					request := verbatim.Request{Proto: verbatim.HTTP11, Method: "GET", Target: target, Host: front.Addr}
					if a, err := back.Send(t.Context(), request); err == nil && shows(a) != "" {
						taken++
					}
					if a, err := front.Send(t.Context(), request); err == nil && shows(a) != "" {
						t.Errorf("%s: %s shows %s: %d", name, target, shows(a), a.Status)
					}
				}
			}
		}
		t.Logf("%s: Kratos takes %d disguises", name, taken)
		if taken < 2*len(routes) {
			t.Errorf("%s: Kratos takes only %d: the table would prove little", name, taken)
		}
	}
	// The site of the environment takes nothing off, so that the whole of Kratos is beside the path that the gateway knows.
	report, _ := runDoctor(t, e)
	foundAll(t, report, faults.Planted{"path-variants": doctor.StatusFail})
}
