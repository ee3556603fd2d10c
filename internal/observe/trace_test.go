package observe_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/regrant/regrant/internal/observe"
)

// Without a trace nothing is recorded and nothing told.
func TestARequestWithoutATraceTellsNobodyOfOne(t *testing.T) {
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:9/", http.NoBody)
	seen := r
	_, err := observe.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = r
		return nil, errors.New("enough")
	})).RoundTrip(r)
	if err == nil || seen != r || len(r.Header) > 0 {
		t.Errorf("sent %v with %v, error %v", seen, r.Header, err)
	}
	if trace, span := observe.Trace(t.Context()); trace+span != "" {
		t.Errorf("trace %s, span %s", trace, span)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheTraceGoesAlongToWhoeverIsCalled(t *testing.T) {
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	traceID, _ := trace.TraceIDFromHex(id)
	spanID, _ := trace.SpanIDFromHex(span)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled}))
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9/", http.NoBody)
	sent := ""
	_, _ = observe.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Get("Traceparent")
		return nil, errors.New("enough")
	})).RoundTrip(r)
	if want := "00-" + id + "-" + span + "-01"; sent != want || len(r.Header) > 0 {
		t.Errorf("sent %q, want %q; the caller's own request has %v", sent, want, r.Header)
	}
	if gotTrace, gotSpan := observe.Trace(ctx); gotTrace != id || gotSpan != span {
		t.Errorf("trace %s, span %s", gotTrace, gotSpan)
	}
}

// Requests without a trace are nearly all there are.
func TestWithoutATraceSpansCostNothing(t *testing.T) {
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { observe.Annotate(ctx, "attest", "ok") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
