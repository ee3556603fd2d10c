package observe

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// scope names what the spans are made by.
const scope = "github.com/regrant/regrant"

// start begins a span below that of ctx, in whose provider it is made. Without one, nothing is recorded: whether there
// are traces is decided where Caddy takes the request.
func start(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.SpanContext().IsValid() {
		return ctx, parent
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithAttributes(attributes...))
}

// fail marks a span. The text of an error stays out of it, since it may name an account.
func fail(span trace.Span) { span.SetStatus(codes.Error, "") }

// Verify begins the verification of one piece of evidence. The caller says at its end whether the evidence holds.
func Verify(ctx context.Context) (end func(holds bool)) {
	_, span := start(ctx, "verify evidence")
	return func(holds bool) {
		span.SetAttributes(attribute.Bool("holds", holds))
		span.End()
	}
}

// Step begins one step of a completion. The caller ends it with ok, refused, or neither: then it could not be told.
func Step(ctx context.Context, step string) (_ context.Context, end func(ok, refused bool)) {
	ctx, span := start(ctx, "step "+step)
	began := time.Now()
	return ctx, func(ok, refused bool) {
		outcome := outcomeUnavailable
		switch {
		case ok:
			outcome = outcomeOK
		case refused:
			outcome = outcomeRefused
		default:
			fail(span)
		}
		observeSince(stepSeconds, began, step, outcome)
		span.SetAttributes(attribute.String("outcome", outcome))
		span.End()
	}
}

// Trace names the span that ctx is in, empty without one.
func Trace(ctx context.Context) (traceID, spanID string) {
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc.TraceID().String(), sc.SpanID().String()
	}
	return "", ""
}

// Annotate says on the span of ctx, which is Caddy's, what the gateway made of the request.
func Annotate(ctx context.Context, endpoint, outcome string) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attribute.String("regrant.endpoint", endpoint), attribute.String("regrant.outcome", outcome))
	}
}

// Transport is inner, with the trace of a request told to whoever is called (W3C Trace Context). Nothing else that
// the claimant sent goes along.
func Transport(inner http.RoundTripper) http.RoundTripper { return traced{inner} }

type traced struct{ inner http.RoundTripper }

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace.SpanContextFromContext(r.Context()).IsValid() {
		r = r.Clone(r.Context()) // a RoundTripper may not change what it is given
		propagation.TraceContext{}.Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	}
	return t.inner.RoundTrip(r)
}
