package gateway

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/internal/wire"
)

// fill takes every place of a lane, from many networks, until the end of the test.
func fill(t testing.TB, l *throttle.Lane) {
	t.Helper()
	for i := range 1 << 16 {
		leave, ok := l.Enter(network(i))
		if !ok {
			return
		}
		t.Cleanup(leave)
	}
	t.Fatal("the lane never fills")
}

// placed is an address in the nth network.
func placed(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 1}) }

func network(n int) netip.Prefix { return throttle.Prefix(placed(n)) }

func fits(l *throttle.Lane, n int) bool {
	_, ok := l.Enter(network(n))
	return ok
}

// Every endpoint that takes a POST is here: a new one has to say whose it is.
func TestEveryEndpointHasItsLane(t *testing.T) {
	h := open(t)
	want := map[string]*throttle.Lane{}
	for _, path := range []string{"initiate", "attest", "start", "prove", "devices/challenge", "devices/enroll", "login", "authenticators/{method}/begin", "authenticators/{method}/finish", devicePath + "/begin"} {
		want[path] = h.Throttle.Strangers
	}
	for _, path := range []string{"status", "handoff", "token", "complete", "continue", "oidc/token", "oidc/cancel", "introspect", "revoke", "logout", "authenticators/{id}", "report-lost", devicePath + "/finish"} {
		want[path] = h.Throttle.Holders
	}
	for path, rt := range h.routes {
		if rt.post == nil {
			continue
		}
		name := strings.TrimPrefix(path, h.prefix)
		if lane := want[name]; lane == nil || lane != h.lane(request(t, http.MethodPost, spelled(path), nil)) {
			t.Errorf("%s is in no lane, or in the wrong one", path)
		}
		delete(want, name)
	}
	for path := range want {
		t.Errorf("%s is no endpoint", path)
	}
}

func TestAFullLaneOfStrangersIsToldSoAtOnce(t *testing.T) {
	h := open(t)
	fill(t, h.Throttle.Strangers)
	for _, path := range []string{"/recovery/initiate", "/recovery/attest", "/recovery/devices/enroll"} {
		w := h.postJSON(path, wish, "Origin", origin)
		wantProblem(t, w, http.StatusTooManyRequests, wire.ProblemTooManyRequests, "")
		if w.Header().Get("Retry-After") != "2" {
			t.Errorf("%s: Retry-After is %q", path, w.Header().Get("Retry-After"))
		}
	}
}

func TestAFloodOfStrangersKeepsNoGrantedRecoveryFromItsEnd(t *testing.T) {
	h := open(t)
	p := h.enrolled()
	token := p.granted("sign-in")
	fill(t, h.Throttle.Strangers)
	wantProblem(t, p.post("/recovery/initiate", wish), http.StatusTooManyRequests, wire.ProblemTooManyRequests, "")
	code := answer[wire.HandoffResponse](t, p.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: token})).Code
	b := h.browser()
	form := b.post("/recovery/continue", "cross-site", map[string][]string{"code": {code}})
	if w := b.press(form); w.Code != http.StatusSeeOther {
		t.Fatalf("not led on to the sign-in: %d %s", w.Code, w.Body)
	}
}

func TestAFullLaneAnswersClientsInTheirOwnWords(t *testing.T) {
	h := open(t)
	fill(t, h.Throttle.Holders)
	w := h.serve(request(t, http.MethodPost, "/recovery/token", strings.NewReader("grant_type=x"), "Content-Type", formType))
	if w.Code != http.StatusTooManyRequests || !strings.Contains(w.Body.String(), `"error":"temporarily_unavailable"`) || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	wantPage(t, h.browser().post("/recovery/continue", "same-origin", nil), http.StatusTooManyRequests, "<h1>")
}

func TestPassingTrafficNeverWaits(t *testing.T) {
	h := open(t)
	for _, lane := range []*throttle.Lane{h.Throttle.Strangers, h.Throttle.Holders} {
		fill(t, lane)
		occupy(t, lane)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if w := h.serve(request(t, method, "/realms/acme/account", nil)); w.Code != 299 {
			t.Errorf("%s: %d, want it passed on", method, w.Code)
		}
	}
	wantPage(t, h.get("/recovery/"), http.StatusOK, "<h1>")
}

// occupy keeps a processor of the lane busy until the end of the test.
func occupy(t testing.TB, l *throttle.Lane) {
	t.Helper()
	busy, end := make(chan struct{}), make(chan struct{})
	go func() { _ = l.Compute(t.Context(), func() { close(busy); <-end }) }()
	<-busy
	t.Cleanup(func() { close(end) })
}

// slowBody is a request that is still being sent.
type slowBody struct {
	reached chan struct{}
	rest    chan struct{}
}

func (b *slowBody) Read([]byte) (int, error) {
	close(b.reached)
	<-b.rest
	return 0, io.ErrUnexpectedEOF
}

func TestWhoeverSendsSlowlyHoldsNoPlace(t *testing.T) {
	h := open(t)
	body := &slowBody{make(chan struct{}), make(chan struct{})}
	done := make(chan *httptest.ResponseRecorder)
	r := request(t, http.MethodPost, "/recovery/attest", body, "Content-Type", "application/json")
	go func() { done <- h.serve(r) }()
	<-body.reached
	places, free := 0, throttle.New(throttle.Config{})
	for fits(free.Strangers, places) {
		places++
	}
	for i := range places {
		if !fits(h.Throttle.Strangers, i) {
			t.Fatalf("only %d of %d places are free", i, places)
		}
	}
	close(body.rest)
	wantProblem(t, <-done, http.StatusBadRequest, wire.ProblemMalformed, "")
}

func TestANetworkWithoutTokensIsNotReadFrom(t *testing.T) {
	h := open(t, func(h *house) { h.limiter.PerNetwork = throttle.Rate{Burst: 1, Every: time.Minute} })
	h.postJSON("/recovery/attest", "{}")
	r := request(t, http.MethodPost, "/recovery/attest", failingBody{t}, "Content-Type", "application/json")
	wantProblem(t, h.serve(r), http.StatusTooManyRequests, wire.ProblemTooManyRequests, "")
}

type failingBody struct{ t *testing.T }

func (b failingBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}

// Whoever shares a network with an attacker can still bring a recovery to its end.
func TestHoldersAreNotLimitedByNetwork(t *testing.T) {
	h := open(t, func(h *house) { h.limiter.PerNetwork = throttle.Rate{Burst: 3, Every: time.Hour} })
	p := h.enrolled() // one
	token := p.granted("sign-in")
	wantProblem(t, p.post("/recovery/initiate", wish), http.StatusTooManyRequests, wire.ProblemTooManyRequests, "")
	answer[wire.HandoffResponse](t, p.post("/recovery/handoff", wire.HandoffRequest{RecoveryToken: token}))
}
