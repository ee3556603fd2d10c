package integration

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/token"
)

func TestKeyInATokenRecoversByTheConnectionThatItsEvidenceNames(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Devices: "request"})
	c := newCard(t, e)
	c.enroll(nil)
	c.mustProve("a program", http.StatusOK)

	begun := c.window().initiate("alice@demo.example") // another browser's
	w := c.window()
	mine := w.initiate("alice@demo.example")
	for name, x := range map[string]struct {
		site, recovery string
		status         int
	}{
		"from a page elsewhere":         {"cross-site", mine.RecoveryID, http.StatusBadRequest},
		"for another browser's account": {"same-origin", begun.RecoveryID, http.StatusForbidden},
	} {
		if status, text := w.attest(x.site, x.recovery, naming(c.curl.Chain)); status != x.status {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if status, text := w.attest("same-origin", mine.RecoveryID, naming(c.curl.Chain)); status != http.StatusOK {
		t.Errorf("a browser: %d %s", status, text)
	}
}

func TestConnectionProvesNothingButWhatTheEvidenceNames(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Devices: "request"})
	c, second := newCard(t, e), newCard(t, e)
	c.enroll(nil)
	second.enroll(nil)
	foreign := newCard(t, e)
	foreign.curl.Chain = foreign.certifiedBy(newOperatorCA(t)).chain()
	bare := newCard(t, e)

	refused := func(what string, answer int) {
		if answer != http.StatusForbidden {
			t.Errorf("%s: %d", what, answer)
		}
	}
	refused("a connection that is not named", c.proves([]byte(`{"method":"device-certificate","certificate_chain":["`+strings.ReplaceAll(c.curl.Chain[0], "\n", `\n`)+`"]}`)).Status)
	refused("another device of the account", second.proves(naming(c.curl.Chain)).Status)
	refused("no certificate shown", bare.proves(naming(c.curl.Chain)).Status)
	refused("a certificate of a foreign CA", foreign.proves(naming(foreign.curl.Chain)).Status)
	refused("a certificate of a foreign CA, another named", foreign.proves(naming(c.curl.Chain)).Status)
	c.curl.Site = e.Origin
	refused("at the site of people, which asks for none", c.proves(naming(c.curl.Chain)).Status)
}

func TestRevokedDeviceIsRefusedOnTheConnectionThatItHas(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Devices: "request"})
	c := newCard(t, e)
	c.enroll(nil)
	if status, reused := c.provesAfter(func() {}); status != http.StatusOK || !reused {
		t.Fatalf("before: %d; on the same connection: %v", status, reused)
	}
	if status, reused := c.provesAfter(c.revoke); status != http.StatusForbidden || !reused {
		t.Errorf("on the same connection: %d; the same: %v", status, reused)
	}
	c.mustProve("on a new one", http.StatusForbidden)
}

// Caddy resumes no session where it asks for certificates, so that none of another site is taken for one of this.
func TestNoSessionIsResumedWithDevices(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Devices: "request"})
	for site, want := range map[string]bool{e.Origin: true, e.Devices: false} {
		client := &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: e.Roots, ClientSessionCache: tls.NewLRUClientSessionCache(1), MinVersion: tls.VersionTLS13},
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, strings.Replace(addr, "devices.localhost", "localhost", 1))
			},
		}}
		resumed := false
		for range 3 {
			resp, err := client.Get(site + "/recovery/jwks.json")
			fatal(t, err)
			resumed = resp.TLS.DidResume
			fatal(t, resp.Body.Close())
		}
		if resumed != want {
			t.Errorf("%s: resumed: %v", site, resumed)
		}
	}
}

func TestSiteForDevicesIsStrict(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Devices: "request"})
	c := newCard(t, e)
	c.enroll(nil)
	people, devices := strings.TrimPrefix(e.Origin, "https://"), strings.TrimPrefix(e.Devices, "https://")
	for name, x := range map[string]struct {
		site, host string
	}{
		"devices for people": {e.Devices, people}, "people for devices": {e.Origin, devices},
	} {
		c.curl.Site, c.curl.More = x.site, []string{"--http1.1", "--header", "Host: " + x.host}
		if status, text := c.window().post("/initiate", "same-origin", map[string]any{"account_identifier": "alice@demo.example", "actions": []string{"sign-in"}}); status.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d %s", name, status.StatusCode, text)
		}
	}
	c.curl.Site, c.curl.More = e.Devices, []string{"--tls-max", "1.2"}
	if _, _, err := c.program().Initiate(t.Context(), "alice@demo.example"); token.Refused(err) == 0 {
		t.Errorf("spoke TLS 1.2: %v", err)
	}
}

func TestHandshakeThatVerifiesKeepsStrangersOut(t *testing.T) {
	ca := newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Devices: "verify_if_given", Method: ca.withOCSP()})
	c, foreign, company := newCard(t, e), newCard(t, e), newCard(t, e)
	c.enroll(nil) // by an authority that was made after Caddy had the pool
	c.mustProve("a device of the gateway", http.StatusOK)
	company.enroll(company.certifiedBy(ca).chain())
	company.mustProve("a device of the company", http.StatusOK)
	foreign.curl.Chain = foreign.certifiedBy(newOperatorCA(t)).chain()
	if _, _, err := foreign.program().Initiate(t.Context(), "alice@demo.example"); token.Refused(err) == 0 {
		t.Errorf("a foreign certificate: %v", err)
	}
}

func TestDeviceOfTheOperatorsOwnCARecoversByItsConnectionUntilItsCRLListsIt(t *testing.T) {
	ca := newOperatorCA(t)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Devices: "require_and_verify", Method: ca.withCRL(crlLife)})
	c := newCard(t, e)
	device := c.certifiedBy(ca)
	c.curl.Chain = device.chain() // nothing gets through without
	c.enroll(device.chain())
	isAnswer(t, held(t, func() claimant.Answer { return c.proves(naming(c.curl.Chain)) }), http.StatusOK, "")
	ca.list(device.certificate)
	until(t, 20*time.Second, "the next CRL is used", func() bool { return c.proves(naming(c.curl.Chain)).Status == http.StatusForbidden })
}
