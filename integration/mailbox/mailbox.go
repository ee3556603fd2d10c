// Package mailbox is a mail server that keeps what it is sent and passes nothing on, for tests.
package mailbox

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
)

// Box is a running server.
type Box struct {
	Port int

	listener net.Listener
	mu       sync.Mutex
	texts    []string
}

// Start listens on 127.0.0.1 until Stop.
func Start() (*Box, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Box{Port: l.Addr().(*net.TCPAddr).Port, listener: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go b.serve(conn)
		}
	}()
	return b, nil
}

// Stop takes no more mail.
func (b *Box) Stop() { _ = b.listener.Close() }

// Texts are the texts of all mails so far, in the order in which they came.
func (b *Box) Texts() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.texts...)
}

// serve takes mails as RFC 5321 says, and believes everybody.
func (b *Box) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { _, _ = fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 mailbox")
	for {
		line, err := lines.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			say("354 go on")
			message, err := io.ReadAll(lines.DotReader())
			if err != nil {
				return
			}
			b.keep(string(message))
			say("250 kept")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}

func (b *Box) keep(message string) {
	text, err := read(message)
	if err != nil {
		text = message
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.texts = append(b.texts, text)
}

// read returns the first part of a message as a person would read it.
func read(message string) (string, error) {
	m, err := mail.ReadMessage(strings.NewReader(message))
	if err != nil {
		return "", err
	}
	body, encoding := m.Body, m.Header.Get("Content-Transfer-Encoding")
	if kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		part, err := multipart.NewReader(body, params["boundary"]).NextRawPart()
		if err != nil {
			return "", err
		}
		body, encoding = part, part.Header.Get("Content-Transfer-Encoding")
	}
	if strings.EqualFold(encoding, "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	return string(text), err
}
