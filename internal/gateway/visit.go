package gateway

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/internal/observe"
)

// bodyTime is how long a body may take to arrive. Caddy sets no such limit by default, and whoever sends a byte now and
// then would hold a connection for as long as he likes. What only passes is not ours to cut off.
const bodyTime = 10 * time.Second

// guarded is the name of all routes of the identity provider that are refused.
const guarded = "guarded"

// backChannel are the endpoints, below the prefix, that the identity provider asks by itself. No connection is kept there:
// it asks in the middle of a person's sign-in, and does not ask again when one that it kept turns out to be dead. If we
// were restarted or reloaded since it was last used, the sign-in would end with the provider's error page.
var backChannel = map[string]bool{"oidc/token": true, "oidc/jwks": true, "oidc/.well-known/openid-configuration": true}

// visit is one request that is answered here. It is counted and logged once, when it is over.
type visit struct {
	http.ResponseWriter
	r        *http.Request
	endpoint string // word of ours for the route
	began    time.Time
	status   int           // 0 until something is answered
	problem  *problemError // nil: answered as asked
	stack    string        // of a panic
}

// visit begins one. rt is nil where we have no route.
func (g *Gateway) visit(w http.ResponseWriter, r *http.Request, rt *route) *visit {
	v := &visit{ResponseWriter: w, r: r, endpoint: g.endpoint(rt), began: time.Now()}
	if r.Body != nil && r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(v.began.Add(bodyTime)) // fails only where there is no connection
	}
	harden(w.Header())
	// HTTP/3 has no such field, and its clients refuse an answer that carries it (RFC 9114 section 4.2).
	if backChannel[v.endpoint] && r.ProtoMajor < 3 {
		w.Header().Set("Connection", "close")
	}
	return v
}

// endpoint is the route's name in metrics and logs. A path that is not ours is not repeated: anything may be in it.
func (g *Gateway) endpoint(rt *route) string {
	switch {
	case rt == nil:
		return "unknown"
	case rt.path == g.Path, rt.path == g.prefix:
		return "start"
	case rt.path == g.wellKnown:
		return "metadata"
	default:
		return strings.TrimPrefix(rt.path, g.prefix)
	}
}

// arrived ends the limit of bodyTime: what the server reads from now on is whether the client is still there.
func arrived(w http.ResponseWriter) { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }

// WriteHeader implements [http.ResponseWriter]. The first status is the one that counts.
func (v *visit) WriteHeader(status int) {
	if v.status == 0 {
		v.status = status
		v.ResponseWriter.WriteHeader(status)
	}
}

func (v *visit) Write(b []byte) (int, error) {
	v.WriteHeader(http.StatusOK)
	return v.ResponseWriter.Write(b)
}

// Unwrap lets [http.ResponseController] find the connection.
func (v *visit) Unwrap() http.ResponseWriter { return v.ResponseWriter }

// over counts the visit and logs it: one line, whatever happened, and nothing in it that the sender chose.
func (g *Gateway) over(v *visit) {
	outcome := "ok"
	if v.problem != nil {
		outcome = v.problem.outcome()
	}
	took := time.Since(v.began)
	observe.Requested(v.endpoint, outcome, took)
	observe.Annotate(v.r.Context(), v.endpoint, outcome)
	level, attrs := slog.LevelInfo, []slog.Attr{
		slog.String("event.kind", "event"), slog.Any("event.category", []string{"authentication"}),
		slog.String("event.action", v.endpoint), slog.String("event.outcome", v.outcome()), slog.Int64("event.duration", took.Nanoseconds()),
		slog.String("http.request.method", knownMethod(v.r.Method)), slog.Int("http.response.status_code", v.status),
	}
	if p := v.problem; p != nil {
		attrs = append(attrs, slog.String("error.type", outcome))
		if p.oauth != "" {
			attrs = append(attrs, slog.String("error.code", p.oauth))
		}
		if p.cause != nil {
			attrs = append(attrs, slog.String("error.message", causeText(p.cause)))
		}
		if p.cause != nil && p.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	if v.stack != "" {
		attrs = append(attrs, slog.String("error.stack_trace", v.stack))
	}
	if trace, span := observe.Trace(v.r.Context()); trace != "" {
		attrs = append(attrs, slog.String("trace.id", trace), slog.String("span.id", span))
	}
	g.Logger.LogAttrs(v.r.Context(), level, "recovery request answered", attrs...)
}

// outcome is the visit in the words of the Elastic Common Schema: unknown is what could not be told.
func (v *visit) outcome() string {
	switch {
	case v.status >= http.StatusInternalServerError || v.status == 0:
		return "unknown"
	case v.problem != nil:
		return "failure"
	default:
		return "success"
	}
}

// outcome is the problem as a word of a closed list.
func (p *problemError) outcome() string {
	if p.code == "" {
		return "failed"
	}
	return string(p.code)
}

// knownMethod is the method, unless the sender made it up.
func knownMethod(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}, method) {
		return method
	}
	return "other"
}
