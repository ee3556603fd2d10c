package main

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
)

// event is something that a test compares with what the gateway says of it.
type event struct {
	Kind     string `json:"kind"` // "session" or "password"
	User     string `json:"user"` // id
	Recovery string `json:"recovery,omitempty"`
}

// events is all that happened since the start. Safe for concurrent use.
type events struct {
	mu  sync.Mutex
	all []event
}

func (e *events) add(v event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, v)
}

func (s *server) listEvents(w http.ResponseWriter, _ *http.Request) {
	s.events.mu.Lock()
	all := slices.Clone(s.events.all)
	s.events.mu.Unlock()
	if all == nil {
		all = []event{}
	}
	writeJSON(w, http.StatusOK, all)
}

// onThisMachine answers demos and tests on this machine. What a proxy passes on is from elsewhere, whatever address
// it comes from.
func onThisMachine(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		address, err := netip.ParseAddr(host)
		if err != nil || !address.IsLoopback() || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Via") != "" {
			http.NotFound(w, r)
			return
		}
		next(w, r)
	}
}
