package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
)

// hops sends the requests of a browser or a program and notes when each was under way, from its sending to the last byte of
// its answer. Not safe for concurrent use.
type hops struct {
	next    http.RoundTripper
	origin  string // of the site
	gateway string // what the gateway answers itself begins so
	until   string // where the application begins: what goes there, and after, is not noted
	over    bool
	taken   []hop
}

// hop is one request.
type hop struct {
	span
	passes bool // the gateway does not answer it
}

// RoundTrip implements http.RoundTripper.
func (h *hops) RoundTrip(r *http.Request) (*http.Response, error) {
	to := r.URL.String()
	h.over = h.over || strings.HasPrefix(to, h.until)
	began := time.Now()
	resp, err := h.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !h.over {
		h.taken = append(h.taken, hop{span{began, time.Now()}, !strings.HasPrefix(to, h.gateway)})
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, err
}

// reset forgets what was noted.
func (h *hops) reset() { h.taken, h.over = nil, false }
