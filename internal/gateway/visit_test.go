package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/regrant/regrant/internal/observe/observetest"
	"github.com/regrant/regrant/internal/wire"
	"github.com/regrant/regrant/upstream"
)

// record is the one line that a request leaves.
func record(t *testing.T, h *house, r *http.Request) map[string]any {
	t.Helper()
	var out bytes.Buffer
	h.Logger = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.serve(r)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("not one line: %v\n%s", err, &out)
	}
	return line
}

func TestEveryRequestLeavesOneLineInTheCommonSchema(t *testing.T) {
	h := open(t)
	for name, c := range map[string]struct {
		r    *http.Request
		want map[string]any
	}{
		"a page": {request(t, "GET", "/recovery/", nil), map[string]any{
			"level": "INFO", "event.action": "start", "event.outcome": "success", "http.request.method": "GET", "http.response.status_code": 200.0,
		}},
		"a document": {request(t, "HEAD", "/.well-known/oauth-authorization-server/recovery", nil), map[string]any{"event.action": "metadata", "event.outcome": "success"}},
		"a refusal": {jsonRequest(t, "/recovery/initiate", "{", "Origin", origin), map[string]any{
			"level": "INFO", "event.action": "initiate", "event.outcome": "failure", "http.response.status_code": 400.0, "error.type": "malformed",
		}},
		"an error of OAuth": {request(t, "POST", "/recovery/token", strings.NewReader("a=b"), "Content-Type", formType), map[string]any{
			"event.action": "token", "event.outcome": "failure", "error.code": "invalid_request",
		}},
		"another method":     {request(t, "EVIL", "/recovery/token", nil), map[string]any{"http.request.method": "other", "error.type": "method-not-allowed"}},
		"nobody's path":      {request(t, "GET", "/recovery/alice", nil), map[string]any{"event.action": "unknown", "error.type": "not-found"}},
		"a path not in form": {request(t, "GET", "/recovery/x/../token", nil), map[string]any{"event.action": "unknown", "error.type": "malformed"}},
	} {
		t.Run(name, func(t *testing.T) {
			line := record(t, h, c.r)
			c.want["event.kind"] = "event"
			for field, want := range c.want {
				if line[field] != want {
					t.Errorf("%s is %v, want %v", field, line[field], want)
				}
			}
			if took, ok := line["event.duration"].(float64); !ok || took <= 0 {
				t.Errorf("it took %v", line["event.duration"])
			}
		})
	}
}

func TestWhatIsTurnedAwayIsLoggedAndWhatPassesIsNot(t *testing.T) {
	h := open(t)
	h.get("/realms/acme/account")
	if h.log.Len() > 0 {
		t.Errorf("a request that passes: %s", h.log)
	}
	h.idp.verdict = upstream.Verdict{Kind: upstream.Blocked, Reason: "test"}
	if line := record(t, h, request(t, "GET", "/realms/acme/alice", nil)); line["event.action"] != "guarded" || line["http.response.status_code"] != 404.0 {
		t.Errorf("%v", line)
	}
}

func TestTheLineNamesItsTrace(t *testing.T) {
	h := open(t)
	id, _ := trace.TraceIDFromHex("0af7651916cd43dd8448eb211c80319c")
	span, _ := trace.SpanIDFromHex("b7ad6b7169203331")
	r := request(t, "GET", "/recovery/", nil)
	line := record(t, h, r.WithContext(trace.ContextWithSpanContext(r.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span}))))
	if line["trace.id"] != id.String() || line["span.id"] != span.String() {
		t.Errorf("%v", line)
	}
	if line = record(t, h, request(t, "GET", "/recovery/", nil)); line["trace.id"] != nil {
		t.Errorf("a trace of nobody's: %v", line)
	}
}

func TestEveryRequestIsCountedByWhatCameOfIt(t *testing.T) {
	h := open(t)
	for series, do := range map[string]func(){
		`regrant_requests_total{endpoint="start",outcome="ok"}`:           func() { h.get("/recovery") },
		`regrant_requests_total{endpoint="unknown",outcome="not-found"}`:  func() { h.get("/recovery/alice") },
		`regrant_requests_total{endpoint="initiate",outcome="malformed"}`: func() { h.postJSON("/recovery/initiate", "{", "Origin", origin) },
		`regrant_requests_total{endpoint="ca.pem",outcome="unavailable"}`: func() {
			NewClosed("/recovery", nil, h.Logger).Unavailable(httptest.NewRecorder(), request(t, "GET", "/recovery/ca.pem", nil), errDown)
		},
		`regrant_requests_total{endpoint="guarded",outcome="unavailable"}`: func() {
			NewClosed("/recovery", nil, h.Logger).Unavailable(httptest.NewRecorder(), request(t, "GET", "/realms/acme/alice", nil), errDown)
		},
		`regrant_request_duration_seconds{endpoint="status"}`: func() { h.postJSON("/recovery/status", "{}") },
	} {
		before := observetest.Value(t, series)
		do()
		if got := observetest.Value(t, series); got != before+1 {
			t.Errorf("%s is %v, was %v", series, got, before)
		}
	}
}

func TestAPanicIsAnAnswerANumberAndALine(t *testing.T) {
	h := open(t)
	const panicked, failed = `regrant_panics_total`, `regrant_requests_total{endpoint="initiate",outcome="failed"}`
	panicsBefore, failedBefore := observetest.Value(t, panicked), observetest.Value(t, failed)
	h.idp.panics = true
	line := record(t, h, jsonRequest(t, "/recovery/initiate", wish, "Origin", origin))
	stack, _ := line["error.stack_trace"].(string)
	if line["level"] != "ERROR" || line["event.outcome"] != "unknown" || line["http.response.status_code"] != 500.0 || !strings.Contains(stack, "gateway.(*Gateway).initiate") {
		t.Errorf("%v", line)
	}
	if strings.Contains(stack+line["error.message"].(string), "alice") {
		t.Error("the line repeats what the panic said")
	}
	if observetest.Value(t, panicked) != panicsBefore+1 || observetest.Value(t, failed) != failedBefore+1 {
		t.Error("not counted")
	}
	h.idp.panics = false
	answer[wire.InitiateResponse](t, h.postJSON("/recovery/initiate", wish, "Origin", origin))
}

// deadlines is a connection that remembers until when it would read.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// stuck is a body that does not come before its deadline.
type stuck struct{}

func (stuck) Read([]byte) (int, error) {
	return 0, &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}
}

func TestABodyHasTenSecondsToArrive(t *testing.T) {
	h := open(t)
	pass := func(http.ResponseWriter, *http.Request) error { return nil }
	for name, c := range map[string]struct {
		r      *http.Request
		status int
		set    int // 0: no deadline is set; 1: it stays; 2: it is taken away when the body is there
	}{
		"it arrives":         {jsonRequest(t, "/recovery/status", "{}"), 400, 2},
		"it does not":        {request(t, "POST", "/recovery/status", stuck{}, "Content-Type", "application/json"), 408, 1},
		"it is not read":     {request(t, "GET", "/recovery/", stuck{}), 200, 1},
		"there is none":      {request(t, "GET", "/recovery/", nil), 200, 0},
		"the request passes": {request(t, "POST", "/realms/acme/x", stuck{}), 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if c.r.URL.Path == "/recovery/status" { // who asks is decided before the body is read
				c.r.Header.Set("Origin", origin)
				c.r.AddCookie(&http.Cookie{Name: holderCookie, Value: newSecret()})
			}
			w, began := &deadlines{ResponseRecorder: httptest.NewRecorder()}, time.Now()
			must(t, h.ServeHTTP(w, c.r, pass))
			if w.Code != c.status || min(len(w.set), 2) != c.set {
				t.Fatalf("%d with deadlines %v, want %d with %d", w.Code, w.set, c.status, c.set)
			}
			if c.set > 0 && (w.set[0].Before(began.Add(bodyTime)) || w.set[0].After(time.Now().Add(bodyTime))) {
				t.Errorf("the body may take until %v, from %v", w.set[0], began)
			}
			if c.set > 1 && !w.set[len(w.set)-1].IsZero() {
				t.Errorf("the deadline stays when the body is there: %v", w.set)
			}
		})
	}
}
