package integration

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// recorder stands in for an identity provider behind the gateway. It keeps what comes in as it was on the wire, and gives
// an answer of the test's, byte by byte.
type recorder struct {
	addr   string
	answer string
	came   chan string // one request each, with head and body
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fatal(t, err)
	t.Cleanup(func() { _ = l.Close() })
	r := &recorder{addr: l.Addr().String(), came: make(chan string, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	return r
}

func (r *recorder) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		request, err := readRaw(in)
		if err != nil {
			return
		}
		r.came <- request
		if _, err := io.WriteString(conn, r.answer); err != nil {
			return
		}
	}
}

var bodyLength = regexp.MustCompile(`(?i)\r\ncontent-length: ([0-9]+)\r\n`)

// readRaw reads one request whose body, if any, has a length in its head.
func readRaw(in *bufio.Reader) (string, error) {
	var raw strings.Builder
	for !strings.HasSuffix(raw.String(), "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		raw.WriteString(line)
	}
	if m := bodyLength.FindStringSubmatch(raw.String()); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return "", err
		}
		if _, err := io.CopyN(&raw, in, n); err != nil {
			return "", err
		}
	}
	return raw.String(), nil
}
