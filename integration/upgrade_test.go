package integration

import (
	"net/http"
	"testing"

	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/verbatim"
)

// Keycloak speaks HTTP/2 without TLS to whoever asks it for an upgrade (RFC 7540 section 3.2). Through such a connection no
// proxy would see another request.
func TestNoUpgradeTunnelsPastTheGateway(t *testing.T) {
	p := provider{e: use(t, env.Keycloak)}
	back := itself(p.e)
	good := verbatim.Request{
		Proto: verbatim.HTTP11, Method: "HEAD", Target: "/realms/acme", Host: host(p.e), // the bodies of its refusals do not end
		Header: [][2]string{{"Upgrade", "h2c"}, {"HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"}, {"Connection", "Upgrade, HTTP2-Settings"}},
	}
	if a, err := back.Send(t.Context(), good); err != nil || a.Status != http.StatusSwitchingProtocols {
		t.Fatalf("Keycloak itself answers %d, %v: the test would prove nothing", a.Status, err)
	}
	for _, connection := range []string{"Upgrade, HTTP2-Settings", "HTTP2-Settings, Upgrade", "Upgrade", "upgrade,http2-settings", "HTTP2-Settings", "Upgrade, HTTP2-Settings, Connection", ""} {
		request := good
		request.Header = append(good.Header[:2:2], [2]string{"Connection", connection}, [2]string{"X-Connection", "Upgrade, HTTP2-Settings"})
		a, err := p.front().Send(t.Context(), request)
		if fatal(t, err); a.Status == http.StatusSwitchingProtocols {
			t.Errorf("Connection: %s is answered %d %v", connection, a.Status, a.Header)
		}
	}
}
