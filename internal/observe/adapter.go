package observe

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/upstream"
)

// Adapter is a, with every call of the identity provider timed and traced under the name of the upstream. What calls nobody is a's own.
func Adapter(name string, a upstream.Adapter) upstream.Adapter { return &observedAdapter{a, name} }

type observedAdapter struct {
	upstream.Adapter
	name string
}

// call begins one; the caller ends it with its error.
func (a *observedAdapter) call(ctx context.Context, verb string) (context.Context, func(*error)) {
	ctx, span := start(ctx, "upstream "+verb, attribute.String("upstream", a.name))
	began := time.Now()
	return ctx, func(err *error) {
		outcome := callOutcome(*err)
		observeSince(upstreamSeconds, began, a.name, verb, outcome)
		span.SetAttributes(attribute.String("outcome", outcome))
		if outcome == outcomeUnavailable {
			fail(span)
		}
		span.End()
	}
}

func callOutcome(err error) string {
	switch {
	case err == nil:
		return outcomeOK
	case errors.Is(err, upstream.ErrNoAccount):
		return "no-account"
	case errors.Is(err, upstream.ErrAmbiguous):
		return "ambiguous"
	case errors.Is(err, upstream.ErrRefused):
		return outcomeRefused
	case errors.Is(err, upstream.ErrUnsupported):
		return "unsupported"
	case errors.Is(err, upstream.ErrNoLogin):
		return "no-login"
	default:
		return outcomeUnavailable
	}
}

func (a *observedAdapter) Resolve(ctx context.Context, identifier string) (out upstream.Account, err error) {
	ctx, end := a.call(ctx, "resolve")
	defer end(&err)
	return a.Adapter.Resolve(ctx, identifier)
}

func (a *observedAdapter) State(ctx context.Context, id string) (out upstream.State, err error) {
	ctx, end := a.call(ctx, "state")
	defer end(&err)
	return a.Adapter.State(ctx, id)
}

func (a *observedAdapter) Revoke(ctx context.Context, id string) (err error) {
	ctx, end := a.call(ctx, "revoke")
	defer end(&err)
	return a.Adapter.Revoke(ctx, id)
}

func (a *observedAdapter) Prepare(ctx context.Context, id string, actions []attest.Action) (err error) {
	ctx, end := a.call(ctx, "prepare")
	defer end(&err)
	return a.Adapter.Prepare(ctx, id, actions)
}

func (a *observedAdapter) Session(ctx context.Context, s upstream.Session) (out upstream.Outcome, err error) {
	ctx, end := a.call(ctx, "session")
	defer end(&err)
	return a.Adapter.Session(ctx, s)
}

func (a *observedAdapter) Finish(ctx context.Context, s upstream.Session) (done bool, err error) {
	ctx, end := a.call(ctx, "finish")
	defer end(&err)
	return a.Adapter.Finish(ctx, s)
}

func (a *observedAdapter) Abandon(ctx context.Context, s upstream.Session) (err error) {
	ctx, end := a.call(ctx, "abandon")
	defer end(&err)
	return a.Adapter.Abandon(ctx, s)
}

func (a *observedAdapter) LoginURL(ctx context.Context, l upstream.Login) (to string, err error) {
	ctx, end := a.call(ctx, "login-url")
	defer end(&err)
	return a.Adapter.LoginURL(ctx, l)
}

func (a *observedAdapter) LoginResult(ctx context.Context, back upstream.Answer, l upstream.Login) (who upstream.Principal, err error) {
	ctx, end := a.call(ctx, "login-result")
	defer end(&err)
	return a.Adapter.LoginResult(ctx, back, l)
}
