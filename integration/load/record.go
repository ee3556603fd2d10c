package load

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// Recorder is a [http.RoundTripper] that sends nothing. It keeps each request in the form in which HTTP/1.1 would send
// it, for a later run, and answers {} to it. So whoever speaks a protocol through an [http.Client] makes requests to
// measure with. It is for one goroutine.
type Recorder struct {
	Requests [][]byte
}

// RoundTrip keeps r.
func (c *Recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, err
	}
	c.Requests = append(c.Requests, wire.Bytes())
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
}

// Client sends through c.
func (c *Recorder) Client() *http.Client { return &http.Client{Transport: c} }
