package integration

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/internal/doctor"
)

// weakSites replace the good site by one on which the directive sees its own path only, and add others, each with one fault.
func weakSites(t *testing.T, e *env.Env, provider, admin string) func(string) string {
	t.Helper()
	port := func() int {
		p, err := keycloak.FreePort()
		fatal(t, err)
		return p
	}
	more := fmt.Sprintf(`
https://localhost:%d {
	tls internal
	reverse_proxy %[6]s
}
http://localhost:%[2]d {
	regrant
	reverse_proxy %[6]s
}
https://localhost:%[3]d {
	tls internal
	route {
		reverse_proxy /login/* %[6]s
		regrant
	}
}
https://localhost:%[4]d {
	tls internal
	route {
		regrant
		uri strip_prefix /id
		reverse_proxy %[6]s
	}
}
https://localhost:%[5]d {
	tls internal
	reverse_proxy %[7]s
}
`, port(), port(), port(), port(), port(), provider, admin)
	return func(text string) string {
		everywhere := strings.Replace(e.Admin, "127.0.0.1:", "0.0.0.0:", 1)
		text = strings.Replace(text, "admin "+e.Admin, "admin "+everywhere+" {\n\t\torigins "+e.Admin+"\n\t}", 1)
		text = strings.Replace(text, "\tskip_install_trust", "\tskip_install_trust\n\tdebug\n\tservers {\n\t\ttrusted_proxies static 0.0.0.0/0\n\t\tlog_credentials\n\t}", 1)
		text = strings.Replace(text, "\n\tregrant\n", "\n\tregrant /recovery*\n\theader >Set-Cookie \";\\s*Secure\" \"\"\n", 1)
		text = strings.Replace(text, "notify webhook "+e.Hook.URL, "notify webhook http://127.0.0.1:1/", 1)
		return text + more
	}
}

// weakEverywhere is found of every deployment that weakSites has weakened.
func weakEverywhere() map[string]doctor.Status {
	return map[string]doctor.Status{
		"caddy-admin-listen": doctor.StatusFail, "route-unguarded": doctor.StatusFail, "route-matcher": doctor.StatusFail, "route-order": doctor.StatusFail,
		"route-rewrite": doctor.StatusFail, "site-plain-http": doctor.StatusFail, "trusted-proxies": doctor.StatusFail,
		"trusted-proxies-strict": doctor.StatusWarn, "log-credentials": doctor.StatusFail, "log-debug": doctor.StatusWarn, "hsts": doctor.StatusWarn,
		"secret-files": doctor.StatusFail, "notifier-reachable": doctor.StatusFail, "issuer": doctor.StatusFail, "idp-cookies": doctor.StatusFail,
		"idp-admin-paths": doctor.StatusFail, "path-variants": doctor.StatusFail,
	}
}

// expose takes connections at an address of this machine that others reach, on the port of an address on loopback, as a
// server does that listens everywhere. It tells whether there is such an address.
func expose(t *testing.T, address string) bool {
	t.Helper()
	u, err := url.Parse(address)
	fatal(t, err)
	for _, a := range doctor.NewSite(doctor.Deployment{}, nil).Addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(a.String(), u.Port()))
		if err != nil {
			continue
		}
		t.Cleanup(func() { l.Close() })
		return true
	}
	return false
}

func TestDoctorNamesEveryFaultOfAWeakKratos(t *testing.T) {
	e := own(t, env.Options{IdP: env.Kratos, Kratos: `{selfservice: {
		allowed_return_urls: ["https://elsewhere.invalid"],
		methods: {code: {passwordless_enabled: true}},
		flows: {recovery: {enabled: true}, registration: {enabled: true}}}}`})
	server := e.Provider.(*env.KratosProvider).Server
	fatal(t, os.Chmod(filepath.Join(e.Dir, "hook.secret"), 0o644))
	fatal(t, e.Configure(t.Context(), weakSites(t, e, server.PublicURL, server.AdminURL)))
	planted := weakEverywhere()
	for _, id := range []string{"kratos-recovery-closed", "kratos-mail-login", "kratos-returns", "kratos-admin-leak", "idp-admin-routed"} {
		planted[id] = doctor.StatusFail
	}
	delete(planted, "idp-admin-paths") // Kratos leads these away, which is the leak
	planted["kratos-registration"] = doctor.StatusWarn
	if expose(t, server.PublicURL) && expose(t, server.AdminURL) {
		planted["idp-listens"], planted["idp-admin-listens"] = doctor.StatusFail, doctor.StatusFail
	}
	report, status := runDoctor(t, e)
	if status != 1 {
		t.Errorf("exit status %d", status)
	}
	foundAll(t, report, planted)
}
