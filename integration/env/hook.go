package env

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Notice is one message that the gateway sent to the operator's webhook.
type Notice struct {
	ID          string   `json:"id"`
	Type        string   `json:"type"`
	AccountID   string   `json:"account_id"`
	Identifiers []string `json:"identifiers"`
	Reference   string   `json:"reference"`
	Text        string   `json:"text"`
}

// Hook receives the gateway's notices as an operator would: it checks the signature and keeps each message once.
type Hook struct {
	URL    string
	secret []byte
	server *http.Server

	mu      sync.Mutex
	notices []Notice
	bodies  []byte // all that was sent
	refuse  bool
	bad     int
	arrived chan struct{} // closed and replaced at each arrival
}

func startHook(secret []byte) (*Hook, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &Hook{URL: "http://" + listener.Addr().String() + "/", secret: secret, arrived: make(chan struct{})}
	h.server = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.server.Serve(listener) }()
	return h, nil
}

func (h *Hook) stop() { _ = h.server.Close() }

// ServeHTTP takes one message.
func (h *Hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bodies = append(append(h.bodies, body...), '\n')
	var envelope struct {
		Type string `json:"type"`
		Data Notice `json:"data"`
	}
	if err != nil || !h.signed(r.Header, body) || json.Unmarshal(body, &envelope) != nil {
		h.bad++
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if h.refuse {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	n := envelope.Data
	n.ID, n.Type = r.Header.Get("Webhook-Id"), envelope.Type
	if !slices.ContainsFunc(h.notices, func(have Notice) bool { return have.ID == n.ID }) {
		h.notices = append(h.notices, n)
	}
	close(h.arrived)
	h.arrived = make(chan struct{})
	w.WriteHeader(http.StatusNoContent)
}

// signed checks the signature of Standard Webhooks.
func (h *Hook) signed(header http.Header, body []byte) bool {
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(header.Get("Webhook-Id") + "." + header.Get("Webhook-Timestamp") + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return slices.ContainsFunc(strings.Fields(header.Get("Webhook-Signature")), func(got string) bool {
		return hmac.Equal([]byte(got), []byte(want))
	})
}

// Refuse makes the receiver answer 503 until it is called with false.
func (h *Hook) Refuse(refuse bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = refuse
}

// Notices returns what has arrived, and how many requests were not signed as they should be.
func (h *Hook) Notices() (all []Notice, bad int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.notices), h.bad
}

// Bodies are all messages as they were sent, one a line.
func (h *Hook) Bodies() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.bodies)
}

// Await waits for a notice that match accepts.
func (h *Hook) Await(timeout time.Duration, match func(Notice) bool) (Notice, bool) {
	deadline := time.After(timeout)
	for {
		h.mu.Lock()
		i, arrived := slices.IndexFunc(h.notices, match), h.arrived
		if i >= 0 {
			n := h.notices[i]
			h.mu.Unlock()
			return n, true
		}
		h.mu.Unlock()
		select {
		case <-arrived:
		case <-deadline:
			return Notice{}, false
		}
	}
}
