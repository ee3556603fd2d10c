package caddymodule

import (
	"errors"
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler puts the gateway of the `regrant` app in front of an identity provider:
// it answers below the configured path, refuses what recovers accounts at the
// identity provider in other ways, and passes everything else on untouched.
//
// Where the app has several upstreams, each answers below its own path at the host of its own origin, and every one of them
// judges what passes. A path of an upstream that is asked for at another host is refused with 421.
type Handler struct {
	// The names of the upstreams that are served here. Those that are named answer at other hosts too, such as a site for
	// devices, where no two of them have the path that is asked for. Others neither answer nor judge what passes.
	// Default: all.
	Upstreams []string `json:"upstreams,omitempty"`

	front front
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.regrant",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision finds the app and the upstreams in it.
func (h *Handler) Provision(ctx caddy.Context) error {
	app, err := ctx.AppIfConfigured("regrant")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return errors.New("the regrant directive needs the regrant app: configure it with the global option regrant { ... }")
	}
	if err != nil {
		return err
	}
	h.front, err = app.(*App).front(h.Upstreams)
	return err
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	regrant [<matcher>] [<upstreams...>]
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume directive name
	h.Upstreams = d.RemainingArgs()
	if d.NextBlock(0) {
		return d.Err("the regrant directive takes no options: they belong into the global option regrant { ... }")
	}
	return nil
}

// ServeHTTP answers or passes on. A request that passes gets w as it came.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return h.front.serve(w, r, next)
}

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
