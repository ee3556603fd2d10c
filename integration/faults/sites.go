package faults

import (
	"fmt"
	"strings"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
)

// sites replace the good site by one on which the directive sees its own path only, and add others, each with one fault.
func sites(e *env.Env, admin string) (func(string) string, error) {
	var ports [5]any
	for i := range ports {
		port, err := keycloak.FreePort()
		if err != nil {
			return nil, err
		}
		ports[i] = port
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
`, append(ports[:], e.IdP, admin)...)
	return func(text string) string {
		everywhere := strings.Replace(e.Admin, "127.0.0.1:", "0.0.0.0:", 1)
		text = strings.Replace(text, "admin "+e.Admin, "admin "+everywhere+" {\n\t\torigins "+e.Admin+"\n\t}", 1)
		text = strings.Replace(text, "\tskip_install_trust", "\tskip_install_trust\n\tdebug\n\tservers {\n\t\ttrusted_proxies static 0.0.0.0/0\n\t\tlog_credentials\n\t}", 1)
		text = strings.Replace(text, "\n\tregrant\n", "\n\tregrant /recovery*\n\theader >Set-Cookie \";\\s*Secure\" \"\"\n", 1)
		text = strings.Replace(text, "notify webhook "+e.Hook.URL, "notify webhook http://127.0.0.1:1/", 1)
		return text + more
	}, nil
}
