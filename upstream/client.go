package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// MaxAnswer is the most that an adapter reads of one answer, in bytes. The
	// longest is a list of sessions, to which whoever has the password adds: it
	// holds some 50,000.
	MaxAnswer = 16 << 20
	// Timeout bounds one call to the server, reading its answer included.
	Timeout = 10 * time.Second
)

// errTooLarge ends the reading of an answer longer than MaxAnswer.
var errTooLarge = errors.New("answer is too large")

// BoundedClient returns a copy of base (nil: the default transport) that keeps
// the contract's promises for every call: it is over after [Timeout], an
// answer ends in an error after [MaxAnswer] bytes, and a redirect is an answer
// like any other, so that credentials never travel to another place.
func BoundedClient(base *http.Client) *http.Client {
	transport := http.DefaultTransport
	if base != nil && base.Transport != nil {
		transport = base.Transport
	}
	return &http.Client{
		Transport: boundedTransport{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

type boundedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper. The time is up by the context: the
// client's own Timeout has a goroutine wait beside every call, and a completion
// waits for tens of them.
func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, over := context.WithTimeout(r.Context(), Timeout)
	resp, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		over()
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, MaxAnswer, over}
	return resp, nil
}

// boundedBody fails where io.LimitReader would only end: a cut answer must not
// be taken for a whole one.
type boundedBody struct {
	io.ReadCloser
	left int
	over context.CancelFunc
}

func (b *boundedBody) Close() error {
	defer b.over()
	return b.ReadCloser.Close()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
