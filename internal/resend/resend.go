// Package resend is a client's side of a server that is reloaded. Go's HTTP/1.1 server, once it is told to shut down, closes
// what is idle and drops what it reads from then on without an answer; and when two sockets share a port, the system
// resets what waited at the one that is closed. Neither was served, so both may be sent again. HTTP/2 says itself what was
// not served (RFC 9113 section 6.8).
package resend

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"
)

// tries is how often a request without a connection is tried, and pause how long to wait before the second time; it doubles.
const (
	tries = 4
	pause = 50 * time.Millisecond
)

// Transport sends a request again through Inner when its connection was closed before anything of an answer came, as Go's
// transport does for GET. It is for requests of which the gateway serves one only, however often they come: a second one
// is refused or makes the first one's answer void.
type Transport struct{ Inner http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	wait := pause
	for n := 1; ; n++ {
		var connected atomic.Bool
		ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
		})
		again := r.Clone(ctx)
		// An empty value is never sent. It lets net/http repeat what it sent into a connection that was kept too long.
		again.Header["Idempotency-Key"] = nil
		if r.GetBody != nil && n > 1 {
			var err error
			if again.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
		resp, err := t.Inner.RoundTrip(again)
		if err == nil || connected.Load() || !cut(err) || n == tries || r.Body != nil && r.GetBody == nil {
			return resp, err
		}
		select {
		case <-time.After(wait):
			wait *= 2
		case <-r.Context().Done():
			return nil, err
		}
	}
}

// cut reports whether the other side ended a connection that was being made.
func cut(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
