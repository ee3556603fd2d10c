package integration

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// bounded is how long the gateway may take to be rid of a request that does not arrive: ten seconds, and some for a machine
// that is busy.
const bounded = 20 * time.Second

// halves are requests that stop in the middle. %[1]s is method and path, %[2]s the host, %[3]s the media type.
var halves = map[string]string{
	"half a body":                      "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 100\r\n\r\n{\"a\":",
	"no body":                          "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 100\r\n\r\n",
	"a body that is too large, half":   "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 100000000\r\n\r\n{",
	"half a chunk":                     "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"a\"",
	"chunks that never end":            "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
	"nothing after the word to go on":  "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
	"half a body of another type":      "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nabc",
	"half a header":                    "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Ty",
	"no end of the header":             "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nX: y\r\n",
	"two lengths":                      "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
	"a length and chunks":              "%[1]s HTTP/1.1\r\nConnection: close\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"a chunk that is not as long":      "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
	"a size that is none":              "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"more than it said":                "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 2\r\n\r\n{}{\"a\":1}\r\n\r\n",
	"a length below nothing":           "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: -1\r\n\r\n",
	"a header that is folded":          "%[1]s HTTP/1.1\r\nConnection: close\r\nHost: %[2]s\r\nContent-Type:\r\n %[3]s\r\nContent-Length: 2\r\n\r\n{}",
	"a header without a name":          "%[1]s HTTP/1.1\r\nHost: %[2]s\r\n: x\r\n\r\n",
	"a zero byte in a header":          "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nX: a\x00b\r\n\r\n",
	"a host that is another's":         "%[1]s HTTP/1.1\r\nConnection: close\r\nHost: evil.example\r\nContent-Type: %[3]s\r\nContent-Length: 2\r\n\r\n{}",
	"no host":                          "%[1]s HTTP/1.1\r\nContent-Type: %[3]s\r\nContent-Length: 2\r\n\r\n{}",
	"headers without end, all at once": "%[1]s HTTP/1.1\r\nHost: %[2]s\r\n" + strings.Repeat("X-A: "+strings.Repeat("a", 1000)+"\r\n", 2000),
}

// dial opens a connection to the gateway, which ends by itself when nobody closes it.
func (a *attacker) dial() *tls.Conn {
	conn, err := tls.Dial("tcp", strings.TrimPrefix(a.e.Origin, "https://"), &tls.Config{RootCAs: a.e.Roots, MinVersion: tls.VersionTLS12})
	if err != nil {
		a.t.Errorf("connecting: %v", err)
		return nil
	}
	_ = conn.SetDeadline(time.Now().Add(bounded))
	return conn
}

// listen reads every answer until the server closes the connection, which it must do in time.
func (a *attacker) listen(what string, conn *tls.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				a.t.Errorf("%s: still held after %s", what, bounded)
			}
			return
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		a.lookRaw(what, resp, string(body))
	}
}

// lookRaw is look, where the server itself may have answered.
func (a *attacker) lookRaw(what string, resp *http.Response, body string) {
	if resp.Header.Get("Referrer-Policy") == "" && resp.StatusCode >= 400 && resp.StatusCode < 500 || resp.Header.Get("Server") == "" {
		return // the server's own, or Caddy's empty answer to a host that it does not serve
	}
	a.look(what, resp, body, "")
}

func (a *attacker) half(ep endpoint, what, pattern string) *tls.Conn {
	conn := a.dial()
	if conn == nil {
		return nil
	}
	method := http.MethodPost
	if !ep.post {
		method = http.MethodGet
	}
	mediaType, _ := encode(ep, nil, "")
	_, err := fmt.Fprintf(conn, pattern+"%.0[1]s%.0[2]s%.0[3]s", method+" "+ep.path, strings.TrimPrefix(a.e.Origin, "https://"), mediaType)
	if err != nil && !strings.Contains(what, "without end") { // the server may close before it has read all
		a.t.Errorf("%s %s: %v", what, ep.path, err)
	}
	return conn
}

// Each request is left open as long as the server will have it. Meanwhile others recover, with what the open ones hold.
func TestHalfARequestHoldsNothing(t *testing.T) {
	hostile(t, func(a *attacker, list []endpoint) {
		p := enrolled(t, a.e, "alice")
		began := time.Now()
		for range 21 {
			p.granted()
		}
		free := time.Since(began)
		in := p.initiated()
		var open sync.WaitGroup
		for _, ep := range list {
			for what, pattern := range halves {
				if conn := a.half(ep, what, pattern); conn != nil {
					open.Go(func() { a.listen(what+" to "+ep.path, conn) })
				}
			}
		}
		held := &attacker{t: t, e: a.e}
		text := fmt.Sprintf("%%[1]s HTTP/1.1\r\nHost: %%[2]s\r\nContent-Type: %%[3]s\r\nContent-Length: 9000\r\n\r\n{\"recovery_id\":\"%s\"", in.RecoveryID)
		conn := held.half(endpoint{path: "/recovery/attest", post: true, speaks: "api"}, "a recovery of somebody", text)
		open.Go(func() { a.listen("half a proof", conn) })
		began = time.Now()
		if _, answer, err := p.Attest(t.Context(), in.RecoveryID, p.Proof(in.Statement)); err != nil || answer.Status != http.StatusOK {
			t.Errorf("while half of it is sent by somebody else: %d %s, %v", answer.Status, answer.Body, err)
		}
		for range 20 {
			p.granted()
		}
		took := time.Since(began)
		t.Logf("%d connections held open; 21 recoveries took %s, and %s before", len(list)*len(halves), took, free)
		if took > max(8*time.Second, 3*free) { // the machine may be busy with other things, before too
			t.Errorf("recoveries are held up: 21 took %s, and %s before", took, free)
		}
		a.sent.Add(1 + 2*21*2) // the device was enrolled, and each recovery is two requests
		open.Wait()
	})
}

// The client goes away in the middle of its request.
func TestRequestsThatBreakOffAreOneLineEach(t *testing.T) {
	hostile(t, func(a *attacker, list []endpoint) {
		all(list, []int{0, 1, 5, 50}, func(ep endpoint, _, sent int) {
			if !ep.post {
				return
			}
			pattern := "%[1]s HTTP/1.1\r\nHost: %[2]s\r\nContent-Type: %[3]s\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("x", sent)
			if conn := a.half(ep, "broken off", pattern); conn != nil {
				_ = conn.Close()
				a.sent.Add(1)
			}
		})
	})
}

// drip sends a byte now and then: a body, or a header, that never comes to its end.
func (a *attacker) drip(what, start string) {
	conn := a.dial()
	if conn == nil {
		return
	}
	over := make(chan struct{})
	go func() {
		a.listen(what, conn)
		close(over)
	}()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for _, err := io.WriteString(conn, start); err == nil; _, err = io.WriteString(conn, "x") {
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
	<-over
}

func TestAByteNowAndThenKeepsNoConnection(t *testing.T) {
	hostile(t, func(a *attacker, list []endpoint) {
		var slow sync.WaitGroup
		host := strings.TrimPrefix(a.e.Origin, "https://")
		for _, ep := range list {
			mediaType, _ := encode(ep, nil, "")
			if ep.post {
				slow.Go(func() {
					a.drip("a slow body to "+ep.path, "POST "+ep.path+" HTTP/1.1\r\nHost: "+host+"\r\nContent-Type: "+mediaType+"\r\nContent-Length: 60000\r\n\r\n")
				})
			}
			slow.Go(func() { a.drip("a slow header to "+ep.path, "GET "+ep.path+" HTTP/1.1\r\nHost: "+host+"\r\nX-Slow: ") })
		}
		slow.Wait()
	})
}

// The same over HTTP/2, where one connection carries many requests.
func TestAStreamThatNeverEndsIsGivenUp(t *testing.T) {
	e := use(t, env.Demo)
	client := &http.Client{Timeout: bounded, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: e.Roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
	}}
	body, end := io.Pipe()
	defer func() { _ = end.Close() }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.Issuer+"/devices/enroll", body)
	fatal(t, err)
	req.Header.Set("Content-Type", "application/json")
	go func() { _, _ = io.WriteString(end, `{"activation_code":`) }()
	resp, err := client.Do(req)
	fatal(t, err)
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("HTTP/%d: %d, want 408", resp.ProtoMajor, resp.StatusCode)
	}
}
