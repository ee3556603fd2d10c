package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
)

// forwarded adds what a proxy would say about the client, or a client about itself.
type forwarded struct {
	by    string
	inner http.RoundTripper
}

func (f forwarded) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Client-Ip"} {
		r.Header.Set(name, f.by)
	}
	r.Header.Set("Forwarded", "for="+f.by)
	return f.inner.RoundTrip(r)
}

// initiateAs begins a recovery with an address in the headers, and tells which network the gateway took it for; "" if it
// was turned away.
func initiateAs(t *testing.T, e *env.Env, addresses string) (network string) {
	t.Helper()
	client := *e.Client
	client.Transport = forwarded{addresses, client.Transport}
	c := &claimant.Claimant{Issuer: e.Issuer, Client: &client, Holder: claimant.NewKey()}
	in, a, err := c.Initiate(t.Context(), "alice@demo.example")
	fatal(t, err)
	switch a.Status {
	case http.StatusOK:
		_, after, _ := strings.Cut(in.Statement, " from ")
		network, _, _ = strings.Cut(after, "\n")
		return network
	case http.StatusTooManyRequests:
		if a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return ""
	default:
		t.Fatalf("%d %s", a.Status, a.Body)
		return ""
	}
}

func TestWhatAClientSaysOfItsAddressChangesNothing(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Network: "3 1h"})
	for i := range 6 {
		network := initiateAs(t, e, fmt.Sprintf("203.0.%d.9", i))
		if (network != "") != (i < 3) {
			t.Errorf("attempt %d: let through %v", i+1, network != "")
		}
		if strings.HasPrefix(network, "203.") {
			t.Errorf("believed to come from %s", network)
		}
	}
}

// trusting makes Caddy believe whatever runs on this machine.
const trusting = `servers {
		trusted_proxies static 127.0.0.1/32 ::1/128
		trusted_proxies_strict
	}`

func TestATrustedProxyIsBelievedAndTheClientBehindItIsNot(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Network: "3 1h", Global: trusting})
	for i := range 6 { // each from a network of its own
		want := fmt.Sprintf("203.0.%d.0/24", i)
		if network := initiateAs(t, e, fmt.Sprintf("203.0.%d.9", i)); network != want {
			t.Errorf("attempt %d: from %q, want %s", i+1, network, want)
		}
	}
	for i := range 6 { // from one network, and the client writes another in front
		network := initiateAs(t, e, fmt.Sprintf("198.51.%d.7, 192.0.2.%d", i, i))
		if i < 3 && network != "192.0.2.0/24" || i >= 3 && network != "" {
			t.Errorf("attempt %d: from %q", i+1, network)
		}
	}
}

func TestAReloadGivesNobodyAttemptsBack(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Network: "3 1h"})
	for range 3 {
		initiateAs(t, e, "")
	}
	fatal(t, e.Reload(t.Context()))
	if network := initiateAs(t, e, ""); network != "" {
		t.Error("let through after the reload")
	}
}
