// Package verbatim sends requests just as they are written, for tests: client libraries tidy a request target up, and
// some they do not send at all.
package verbatim

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Versions of HTTP.
const (
	HTTP10 = "HTTP/1.0"
	HTTP11 = "HTTP/1.1"
	HTTP2  = "HTTP/2.0"
)

// Request is what goes out. Nothing of it is escaped, checked or completed, but for the length of the body.
type Request struct {
	Proto  string
	Method string
	Target string // the request target; in HTTP/2 the pseudo-header :path
	Host   string // in HTTP/2 the pseudo-header :authority
	Header [][2]string
	Body   string
}

// Answer is what came back. Status 0 stands for a server that closed the connection or the stream without an answer.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Server is who is asked.
type Server struct {
	Addr string
	TLS  *tls.Config // nil: none
}

const patience = 30 * time.Second

// Send sends r on a connection of its own and reads the answer.
func (s Server) Send(ctx context.Context, r Request) (Answer, error) {
	conn, err := s.dial(ctx, r.Proto)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return Answer{}, err
	}
	speak := speak1
	if r.Proto == HTTP2 {
		speak = speak2
	}
	a, err := speak(conn, r)
	if closed(err) {
		return Answer{}, nil
	}
	if err != nil {
		return a, fmt.Errorf("%s %q: %w", r.Method, r.Target, err)
	}
	return a, nil
}

func (s Server) dial(ctx context.Context, proto string) (net.Conn, error) {
	if s.TLS == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", s.Addr)
	}
	config := s.TLS.Clone()
	config.NextProtos = []string{"http/1.1"}
	if proto == HTTP2 {
		config.NextProtos = []string{"h2"}
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.Addr)
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// speak1 speaks HTTP/1.1 or HTTP/1.0 (RFC 9112).
func speak1(conn io.ReadWriter, r Request) (Answer, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s %s\r\n", r.Method, r.Target, r.Proto)
	if r.Host != "" {
		fmt.Fprintf(&out, "Host: %s\r\n", r.Host)
	}
	for _, h := range r.Header {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
	}
	if r.Body != "" {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(r.Body))
	}
	fmt.Fprintf(&out, "Connection: close\r\n\r\n%s", r.Body)
	if _, err := io.WriteString(conn, out.String()); err != nil {
		return Answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: r.Method})
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}, err
}
