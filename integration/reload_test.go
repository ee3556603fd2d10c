package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/child"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/integration/keycloak"
	"github.com/regrant/regrant/internal/resend"
)

// behaved is a client that behaves, over HTTP/2 as browsers do: what was never served because no connection came about is
// sent again. It counts what fails all the same.
type behaved struct {
	inner http.RoundTripper

	mu     sync.Mutex
	served int
	failed map[string]int
}

func newBehaved(c *tls.Config) *behaved {
	return &behaved{failed: map[string]int{}, inner: resend.Transport{Inner: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}}}
}

func (s *behaved) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.inner.RoundTrip(r)
	s.count(r, resp, err)
	return resp, err
}

func (s *behaved) count(r *http.Request, resp *http.Response, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && r.Context().Err() != nil: // its own user went away
	case err != nil:
		s.failed[fmt.Sprintf("%s %s: %v", r.Method, r.URL.Path, errors.Unwrap(err))]++
	case resp.StatusCode >= http.StatusInternalServerError:
		s.failed[fmt.Sprintf("%s %s: %d", r.Method, r.URL.Path, resp.StatusCode)]++
	default:
		s.served++
	}
}

// said is how many requests were served and which were not.
func (s *behaved) said() (served int, failed map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.served, s.failed
}

// passing sends what has nothing to do with recovery, by GET and by POST, until stop is closed.
func passing(origin string, through http.RoundTripper, stop <-chan struct{}) {
	client := &http.Client{Transport: through}
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		var resp *http.Response
		var err error
		if n%2 == 0 {
			resp, err = client.Get(origin + "/login")
		} else {
			resp, err = client.Post(origin+"/login", "application/x-www-form-urlencoded", strings.NewReader("username=nobody&password=wrong"))
		}
		if err == nil { // what fails is counted where it is sent
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
}

// Reloads while people recover and others only pass. The same traffic goes through a Caddy without the gateway that is
// reloaded in step, so that what Caddy itself drops is not taken for ours.
func TestSoakReloadsFailNoRequestAndLoseNoRecovery(t *testing.T) {
	names := people(3)
	e := own(t, env.Options{IdP: env.Demo, Patient: true, Users: names})
	plain := plainCaddy(t, e)
	c := gathered(t, e, names)
	trusted := func() *behaved { return newBehaved(&tls.Config{RootCAs: e.Roots, MinVersion: tls.VersionTLS12}) }
	ours, passed, theirs := trusted(), trusted(), newBehaved(&tls.Config{InsecureSkipVerify: true})
	e.Client.Transport, c.strict = ours, true
	c.window = func() *browser.Browser { return browser.New(e.Roots).Fresh(ours) }
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() { passing(e.Origin, passed, stop) })
	others.Go(func() { passing(plain.origin, theirs, stop) })
	c.begin()
	counted := counters(scrape(t, e))
	for range rounds(100) {
		before := c.arrived()
		fatal(t, e.Reload(t.Context()))
		plain.reload(t, e)
		counted = goOnFrom(t, counted, counters(scrape(t, e)))
		until(t, time.Minute, "recoveries go on", func() bool { return t.Failed() || c.arrived() > before })
	}
	close(stop)
	others.Wait()
	c.end()
	for who, s := range map[string]*behaved{"recoveries": ours, "what only passes": passed, "Caddy without the gateway": theirs} {
		served, failed := s.said()
		t.Logf("%s: %d requests served, not served: %v", who, served, failed)
		if len(failed) > 0 && s != theirs {
			t.Errorf("of %s were not served: %v", who, failed)
		}
	}
	c.check(false)
	noPanic(t, e)
	refusedLogins(t, e)
}

// refusedLogins logs why the identity provider did not sign somebody in: its own calls are requests too.
func refusedLogins(t *testing.T, e *env.Env) {
	t.Helper()
	for _, line := range saying(t, e, "login refused") {
		t.Logf("%.300s", line)
	}
}

// goOnFrom checks that no counter fell, and returns what they are now.
func goOnFrom(t *testing.T, before, now map[string]float64) map[string]float64 {
	t.Helper()
	for series, v := range before {
		if now[series] < v {
			t.Errorf("%s fell from %v to %v", series, v, now[series])
		}
	}
	return now
}

// plain is Caddy without the gateway, before the same identity provider.
type plain struct{ origin, admin, file string }

var gatewayBlock = regexp.MustCompile(`(?s)\n\tregrant \{\n.*?\n\t\}\n`)

// plainCaddy runs the Caddyfile of e without the lines of the gateway, at addresses of its own.
func plainCaddy(t *testing.T, e *env.Env) plain {
	t.Helper()
	text, err := os.ReadFile(e.Caddyfile())
	fatal(t, err)
	p := plain{origin: "https://" + freeAddr(t), admin: freeAddr(t), file: filepath.Join(t.TempDir(), "Caddyfile")}
	without := gatewayBlock.ReplaceAllString(string(text), "\n")
	without = strings.NewReplacer(e.Admin, p.admin, e.Origin, p.origin, e.Dir+"/caddy", filepath.Dir(p.file), "\n\tregrant\n", "\n").Replace(without)
	fatal(t, os.WriteFile(p.file, []byte(without), 0o600))
	fatal(t, env.Swept(filepath.Dir(p.file)))
	cmd := exec.Command(filepath.Join(bin, "caddy"), "run", "--config", p.file, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(p.file))
	running, err := child.Start(cmd, syscall.SIGKILL)
	fatal(t, err)
	t.Cleanup(running.Stop)
	until(t, 30*time.Second, "Caddy without the gateway serves", func() bool {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(p.origin, "https://"), &tls.Config{InsecureSkipVerify: true})
		return err == nil && conn.Close() == nil
	})
	return p
}

func (p plain) reload(t *testing.T, e *env.Env) {
	t.Helper()
	_, err := e.Run(t.Context(), "caddy", "reload", "--config", p.file, "--adapter", "caddyfile", "--address", p.admin, "--force")
	fatal(t, err)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	port, err := keycloak.FreePort()
	fatal(t, err)
	return fmt.Sprintf("localhost:%d", port)
}
