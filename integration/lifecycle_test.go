package integration

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/browser"
	"github.com/regrant/regrant/integration/env"
	"github.com/regrant/regrant/internal/wire"
)

// course is one recovery in steps, between which the gateway may go away.
type course struct {
	p    *person
	b    *browser.Browser
	in   wire.InitiateResponse
	out  wire.AttestResponse
	code string
	last *browser.Page
}

func (c *course) initiate(t *testing.T) {
	var err error
	c.b, err = waiting(t.Context(), c.p.e)
	fatal(t, err)
	c.in = c.p.initiated()
}

func (c *course) attest(t *testing.T) {
	out, a, err := c.p.Attest(t.Context(), c.in.RecoveryID, c.p.Proof(c.in.Statement))
	fatal(t, err)
	if a.Status != http.StatusOK {
		t.Fatalf("attest: %d %s", a.Status, a.Body)
	}
	c.out = out
}

func (c *course) handoff(t *testing.T) {
	out, a, err := c.p.Handoff(t.Context(), c.out.RecoveryToken)
	fatal(t, err)
	if a.Status != http.StatusOK {
		t.Fatalf("handoff: %d %s", a.Status, a.Body)
	}
	c.code = out.Code
}

func (c *course) confirm(t *testing.T) {
	page, err := confirmation(t.Context(), c.b, c.p.e, c.code)
	fatal(t, err)
	if page.Status != http.StatusOK {
		t.Fatalf("continue: %d %q", page.Status, page.Text())
	}
	c.last = page
}

func (c *course) press(t *testing.T) {
	c.last = press(t, c.b, c.last)
	fields := url.Values{"password-new": {"another one"}, "password-confirm": {"another one"}}
	var err error
	c.last, err = c.b.Submit(t.Context(), c.last, "password", fields) // the demo asks for a new one each time
	fatal(t, err)
}

// startAgain returns when the gateway answers too: Caddy may listen before it is open.
func startAgain(t *testing.T, e *env.Env) {
	t.Helper()
	fatal(t, e.StartCaddy(t.Context()))
	until(t, 30*time.Second, "the gateway is open", func() bool { return raw(t, e, "/recovery/jwks.json").StatusCode == http.StatusOK })
}

// idle is a connection that is kept open between two requests.
type idle struct {
	t    *testing.T
	conn net.Conn
}

func connected(t *testing.T, e *env.Env) idle {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(e.Origin, "https://"), &tls.Config{RootCAs: e.Roots, MinVersion: tls.VersionTLS12})
	fatal(t, err)
	_, err = io.WriteString(conn, "GET /recovery/jwks.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
	fatal(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	fatal(t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	fatal(t, err)
	return idle{t, conn}
}

// ended waits until the server has closed the connection, as it closes all that were idle when its configuration went:
// whoever writes into one meanwhile writes to nobody.
func (i idle) ended() {
	i.t.Helper()
	defer i.conn.Close()
	fatal(i.t, i.conn.SetReadDeadline(time.Now().Add(30*time.Second)))
	if _, err := i.conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		i.t.Fatalf("waiting for the end of an idle connection: %v", err)
	}
}

func TestARecoveryOutlivesReloadRestartAndCrash(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	p := enrolled(t, e, "alice")
	reload := func(t *testing.T) {
		idle := connected(t, e)
		fatal(t, e.Reload(t.Context()))
		idle.ended()
	}
	anew := func(end func()) func(*testing.T) {
		return func(t *testing.T) {
			end()
			startAgain(t, e)
		}
	}
	for name, interrupt := range map[string]func(*testing.T){
		"reload":  reload,
		"restart": anew(e.StopCaddy),
		"crash":   anew(e.KillCaddy),
	} {
		steps := []func(*course, *testing.T){(*course).initiate, (*course).attest, (*course).handoff, (*course).confirm, (*course).press}
		for place, before := range []string{1: "attest", 2: "handoff", 3: "continue", 4: "the button"} {
			if before == "" {
				continue
			}
			t.Run(name+" before "+before, func(t *testing.T) {
				p := *p
				p.t = t
				c := &course{p: &p}
				for i, step := range steps {
					if i == place {
						interrupt(t)
					}
					step(c, t)
				}
				isSignedIn(t, e, c.last, "alice")
			})
		}
	}
	noPanic(t, e)
}

// again repeats what got no answer because its connection was closed: Caddy itself drops some, whatever it serves, while
// it changes its configuration. What was dropped was not served either, so the same request is good once more.
type again struct{ inner http.RoundTripper }

func (a again) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := a.inner.RoundTrip(r)
	for tries := 0; tries < 10 && err != nil; tries++ {
		if r.Body, err = r.GetBody(); err != nil {
			return nil, err
		}
		resp, err = a.inner.RoundTrip(r)
	}
	return resp, err
}

func TestReloadsAreNotSeenByThoseWhoRecover(t *testing.T) {
	e := own(t, env.Options{IdP: env.Demo, Patient: true})
	p := enrolled(t, e, "alice")
	e.Client.Transport = again{e.Client.Transport}
	c := watched(t, p.Claimant)
	ctx, end := context.WithCancel(t.Context())
	var done sync.WaitGroup
	var granted atomic.Int32
	for range 4 {
		done.Go(func() {
			for ctx.Err() == nil {
				if _, a, err := c.Recover(t.Context(), p.account); err != nil || a.Status != http.StatusOK {
					t.Errorf("%d %s, %v", a.Status, a.Body, err)
					return
				}
				granted.Add(1)
			}
		})
	}
	for range 5 {
		before := granted.Load()
		if err := e.Reload(t.Context()); err != nil {
			t.Error(err)
		}
		until(t, 30*time.Second, "recoveries go on", func() bool { return t.Failed() || granted.Load() > before+10 })
	}
	end()
	done.Wait()
	if n := len(recoveries(t, e)); n != min(int(granted.Load()), 1000) {
		t.Errorf("%d were granted, of which the gateway knows %d", granted.Load(), n)
	}
	noPanic(t, e)
}

// The person pressed the button, the identity provider was being asked, and the gateway died before it could answer.
func TestACrashInTheMiddleOfTheCompletionIsResumedByTheSameBrowser(t *testing.T) {
	e, proxy := faulty(t, env.Keycloak)
	p := enrolled(t, e, "alice")
	b, page := p.confirming()
	proxy.set(silent)
	gone := make(chan error, 1)
	go func() {
		_, err := b.Submit(t.Context(), page, "/continue", nil)
		gone <- err
	}()
	<-proxy.held
	e.KillCaddy()
	if err := <-gone; err == nil {
		t.Fatal("there was an answer")
	}
	proxy.set(sound)
	startAgain(t, e)

	resumed, err := b.Open(t.Context(), e.Issuer+"/continue")
	fatal(t, err)
	if !strings.Contains(resumed.Text(), p.account) {
		t.Fatalf("the browser is shown %d %q", resumed.Status, resumed.Text())
	}
	isSignedIn(t, e, goOn(t, b, resumed), "alice")
}
