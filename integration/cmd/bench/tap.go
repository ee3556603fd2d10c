package main

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/regrant/regrant/integration/env"
)

// call is a request and its answer.
type call struct {
	span
	head string // how the request begins
	asks []byte // the whole of it, where the gateway asks for something and sends nothing
}

// taps stand between Caddy and the servers behind it. They pass on what comes, byte by byte, and note when each call was
// under way: from the first byte of the request that they have to the last of its answer. What they take is HTTP/1.1
// without TLS, in which the requests of a connection follow one another.
type taps struct {
	mu        sync.Mutex
	calls     []call
	listeners map[string]net.Listener // by the address behind
}

// behind is where a Caddyfile of [env] names a server behind Caddy.
var behind = regexp.MustCompile(`(reverse_proxy |(?:upstream \w+|admin|hydra) http://)(127\.0\.0\.1:\d+)`)

// between puts taps between the gateway of e and everything behind it.
func (t *taps) between(ctx context.Context, e *env.Env) error {
	var failed error
	err := e.Configure(ctx, func(text string) string {
		text, failed = t.into(text)
		return text
	})
	return cmp.Or(failed, err)
}

// into rewrites a Caddyfile so that every call goes through a tap.
func (t *taps) into(caddyfile string) (string, error) {
	var failed error
	text := behind.ReplaceAllStringFunc(caddyfile, func(found string) string {
		parts := behind.FindStringSubmatch(found)
		address, err := t.before(parts[2])
		if err != nil {
			failed = err
		}
		return parts[1] + address
	})
	return text, failed
}

// before is the address of the tap before another address.
func (t *taps) before(address string) (string, error) {
	if known := t.listeners[address]; known != nil {
		return known.Addr().String(), nil
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	t.listeners[address] = listener
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // stopped
			}
			go t.join(conn, address)
		}
	}()
	return listener.Addr().String(), nil
}

func newTaps() *taps { return &taps{listeners: map[string]net.Listener{}} }

func (t *taps) stop() {
	for _, l := range t.listeners {
		_ = l.Close()
	}
}

// join connects near with the address until one of the two ends it.
func (t *taps) join(near net.Conn, address string) {
	defer near.Close()
	far, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return
	}
	c := &tappedConn{taps: t, answered: true}
	go func() {
		defer far.Close()
		pass(far, near, c.asks)
	}()
	pass(near, far, c.answers)
}

// pass copies until one of the two ends it, and says when something came.
func pass(to, from net.Conn, came func(at time.Time, what []byte)) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			came(time.Now(), buffer[:n])
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// tappedConn is one connection.
type tappedConn struct {
	taps     *taps
	call     int  // the one under way, or the last
	answered bool // the last that came was of an answer
}

// asks notes that a part of a request came: the first after an answer begins the next call.
func (c *tappedConn) asks(at time.Time, what []byte) {
	c.taps.mu.Lock()
	defer c.taps.mu.Unlock()
	if c.answered {
		c.call, c.answered = len(c.taps.calls), false
		line, rest, _ := strings.Cut(string(what), "\r\n")
		next := call{span: span{at, at}, head: line}
		if strings.HasPrefix(line, "GET ") && !strings.Contains(rest, "\r\nX-Forwarded-For:") { // which only passes
			next.asks = bytes.Clone(what)
		}
		c.taps.calls = append(c.taps.calls, next)
	}
}

// answers notes that a part of the answer came.
func (c *tappedConn) answers(at time.Time, _ []byte) {
	c.taps.mu.Lock()
	defer c.taps.mu.Unlock()
	c.answered = true
	c.taps.calls[c.call].to = at
}

// within are the calls that began in s and whose first line is one of those that count.
func (t *taps) within(s span, counts func(head string) bool) (found []span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.calls {
		if !c.from.Before(s.from) && c.from.Before(s.to) && counts(c.head) {
			found = append(found, c.span)
		}
	}
	return found
}
