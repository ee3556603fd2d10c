package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/env"
)

// spoiled are changes of a good Caddyfile with which it cannot be loaded. The further down, the later that shows.
func spoiled(t *testing.T, e *env.Env) map[string]func(string) string {
	t.Helper()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	replaced := func(from, to string) func(string) string {
		return func(text string) string { return strings.Replace(text, from, to, 1) }
	}
	return map[string]func(string) string{
		"an unknown option":              replaced("\tregrant {\n", "\tregrant {\n\t\tgrant everything\n"),
		"an authority that is not there": replaced("risk_analysis RA-DEMO-1", "risk_analysis RA-DEMO-1\n\t\t\tca absent"),
		"a secret that cannot be read":   replaced(e.Dir+"/secret}", e.Dir+"/absent}"),
		"an address that somebody else has": func(text string) string {
			return text + fmt.Sprintf("\nhttp://%s {\n\tregrant\n\trespond late\n}\n", taken.Addr())
		},
	}
}

func TestFailedReloadsLeaveTheOldConfigurationAndNothingElse(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Users: people(1)})
	c := gathered(t, e, people(1))
	good, err := os.ReadFile(e.Caddyfile())
	fatal(t, err)
	fatal(t, c.recover(t.Context(), c.people[0], 0))
	e.Client.CloseIdleConnections()
	baseline := goroutines(t, e)
	file := filepath.Join(t.TempDir(), "Caddyfile")
	for what, spoil := range spoiled(t, e) {
		fatal(t, os.WriteFile(file, []byte(spoil(string(good))), 0o600))
		for range 5 {
			if _, err := e.Run(t.Context(), "caddy", "reload", "--config", file, "--adapter", "caddyfile", "--address", e.Admin, "--force"); err == nil {
				t.Fatalf("%s was loaded", what)
			}
		}
		if err := c.recover(t.Context(), c.people[0], 0); err != nil {
			t.Errorf("after %s: %v", what, err)
		}
	}
	e.Client.CloseIdleConnections()
	until(t, 30*time.Second, fmt.Sprintf("no more than %d goroutines over the %d at the beginning", restless, baseline), func() bool {
		return goroutines(t, e) <= baseline+restless
	})
	fatal(t, e.Reload(t.Context()))
	e.Client.CloseIdleConnections()
	fatal(t, c.recover(t.Context(), c.people[0], 0))
	c.check(false)
	noPanic(t, e)
}

func TestTwoServersShareOneGateway(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	p := enrolled(t, e, "alice")
	second := freeAddr(t)
	fatal(t, e.Configure(t.Context(), func(text string) string {
		site := text[strings.Index(text, "\nhttps://localhost:"):]
		return text + strings.Replace(site, e.Origin, "https://"+second, 1)
	}))

	in := p.initiated()
	e.Client.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: e.Roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, second)
		},
	}
	_, a, err := p.Attest(t.Context(), in.RecoveryID, p.Proof(in.Statement))
	fatal(t, answered("attest at the other server", a, err))
}

// A store belongs to one process. A second one says so, grants nothing, and lets other traffic pass.
func TestASecondProcessDoesNotOpenTheStore(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	p := enrolled(t, e, "alice")
	text, err := os.ReadFile(e.Caddyfile())
	fatal(t, err)
	dir, other := t.TempDir(), freeAddr(t)
	site := strings.LastIndex(string(text), e.Origin)
	changed := string(text)[:site] + "https://" + other + string(text)[site+len(e.Origin):]
	changed = strings.NewReplacer(e.Admin, freeAddr(t), e.Dir+"/caddy", dir).Replace(changed)
	fatal(t, os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(changed), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	fatal(t, err)
	cmd := exec.Command(filepath.Join(bin, "caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, append(os.Environ(), "HOME="+dir), log
	running, err := child.Start(cmd, syscall.SIGKILL)
	fatal(t, err)
	t.Cleanup(running.Stop)

	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	status := func(path string) int {
		resp, err := client.Get("https://" + other + path)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	until(t, 30*time.Second, "other traffic passes", func() bool { return status("/login") == http.StatusOK })
	if got := status("/recovery/jwks.json"); got != http.StatusServiceUnavailable {
		t.Errorf("the second process answers %d", got)
	}
	until(t, 30*time.Second, "its log says why", func() bool {
		said, err := os.ReadFile(filepath.Join(dir, "log"))
		fatal(t, err)
		return strings.Contains(string(said), "locked by another process")
	})
	p.granted() // the first one is not disturbed
}

// During a reload the old configuration still answers what it had begun. Here the identity provider is slow, the same
// person presses again at the new configuration, and one of the two does it.
func TestARecoveryHeldAcrossAReloadIsDoneOnce(t *testing.T) {
	e, proxy := faulty(t, env.Keycloak)
	p := enrolled(t, e, "alice")
	b, page := p.confirming()
	second := b.Tab()
	proxy.set(silent)
	old := make(chan *browser.Page, 1)
	go func() {
		page, err := b.Submit(t.Context(), page, "/continue", nil)
		if err != nil {
			t.Error(err)
		}
		old <- page
	}()
	<-proxy.held
	fatal(t, e.Reload(t.Context()))
	resumed, err := second.Open(t.Context(), e.Issuer+"/continue")
	fatal(t, err)
	if meanwhile := press(t, second, resumed); !waits(meanwhile) {
		t.Errorf("the new configuration answers %d: %q", meanwhile.Status, meanwhile.Text())
	}
	proxy.set(sound)
	last := <-old
	if waits(last) {
		last = goOn(t, b, last)
	}
	isSignedIn(t, e, last, "alice")
	noPanic(t, e)
}
