package caddymodule

import (
	"errors"
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/regrant/regrant/upstream"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler puts the gateway of the `regrant` app in front of an identity provider:
// it answers below the configured path, refuses what recovers accounts at the
// identity provider in other ways, and passes everything else on untouched.
type Handler struct {
	app *App
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.regrant",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision finds the app.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("regrant")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return errors.New("the regrant directive needs the regrant app: configure it with the global option regrant { ... }")
	}
	if err != nil {
		return err
	}
	h.app = app.(*App)
	return nil
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	regrant [<matcher>]
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume directive name
	if d.NextArg() || d.NextBlock(0) {
		return d.Err("the regrant directive takes no options: they belong into the global option regrant { ... }")
	}
	return nil
}

// ServeHTTP answers or passes on. A request that passes gets w as it came.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	rt, err := h.app.runtime()
	if err != nil {
		return h.app.serveClosed(w, r, next, err)
	}
	return rt.gateway.ServeHTTP(w, r, next.ServeHTTP)
}

// serveClosed serves while the runtime cannot be opened: nothing recovers an
// account, neither here nor at the identity provider; the rest passes.
func (a *App) serveClosed(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, why error) error {
	parts, err := a.parts()
	// Without the adapter nobody can tell what recovers an account.
	if err == nil && !a.closed.Owns(r.URL.Path) && !guarded(parts.adapter.Guard(r)) {
		return next.ServeHTTP(w, r)
	}
	rt, why := a.awaitRuntime(r.Context(), why)
	if why != nil {
		a.closed.Unavailable(w, r, why)
		return nil
	}
	return rt.gateway.ServeHTTP(w, r, next.ServeHTTP)
}

// guarded tells whether a request is more than one that only passes.
func guarded(v upstream.Verdict) bool { return v.Kind != upstream.Pass || len(v.DropCookies) > 0 }

// clientIP is the address of the client, for limits.
func (a *App) clientIP(r *http.Request) netip.Addr {
	if loose(r) {
		a.warnLoose()
	}
	return clientIP(r)
}

// loose tells whether Caddy took the first address that a trusted proxy sent. A
// proxy that adds to what it was sent leaves there what the client wrote.
func loose(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	server, _ := r.Context().Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	return trusted && server != nil && server.TrustedProxiesStrict == 0
}

// clientIP is the address of the client as Caddy found it, which honours the
// trusted_proxies of the server. The zero Addr stands for one that cannot be told.
func clientIP(r *http.Request) netip.Addr {
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
