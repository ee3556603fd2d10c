package caddymodule

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/regrant/regrant/upstream"
)

// front is the upstreams of one directive.
//
// Its two lines differ. What is answered here belongs to one upstream: the one whose path and host the request has. What
// passes is judged by every upstream, whatever the host: behind two sites may be one server, and a site must not be the
// way around what guards the other's realm.
type front struct {
	realms []*realm
	// settled: the operator has said which upstreams are meant, by name or by having one only, so another host (of a
	// site for devices, say) is one of theirs where the path says whose.
	settled bool
}

var errMisdirected = errors.New("this path belongs to an upstream at another host")

func (a *App) front(names []string) (f front, err error) {
	f.realms, err = a.chosen(names)
	f.settled = len(names) > 0 || len(f.realms) == 1
	return f, err
}

// owner finds whose path r has; nil: nobody's. A path that is only somebody's at another host is refused, and neither
// answered nor passed on.
func (f front) owner(r *http.Request) (owner *realm, err error) {
	owners := 0
	for _, realm := range f.realms {
		if !realm.closed.Owns(r.URL.Path) {
			continue
		}
		if realm.isAt(r) {
			return realm, nil
		}
		owner, owners = realm, owners+1
	}
	if owners == 0 || owners == 1 && f.settled {
		return owner, nil
	}
	return nil, caddyhttp.Error(http.StatusMisdirectedRequest, errMisdirected) // RFC 9110 section 15.5.20
}

// serve answers or passes on. A request that passes gets w as it came.
func (f front) serve(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	owner, err := f.owner(r)
	if err != nil {
		return err
	}
	rt, err := f.app().runtime()
	if err != nil {
		return f.serveClosed(w, r, next, owner, err)
	}
	return f.serveOpen(rt, w, r, next, owner)
}

// app is the one that all belong to.
func (f front) app() *App { return f.realms[0].app }

// serveOpen serves with rt, which may be of the configuration that followed.
func (f front) serveOpen(rt *runtime, w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, owner *realm) error {
	if owner != nil {
		serving := rt.of(owner)
		if serving == nil {
			owner.closed.Unavailable(w, r, errClosed)
			return nil
		}
		return serving.gateway.ServeHTTP(w, r, next.ServeHTTP)
	}
	for _, realm := range f.realms {
		serving := rt.of(realm)
		if serving == nil {
			continue // what the configuration that followed has no more, it does not guard
		}
		if r = serving.gateway.Screen(w, r); r == nil {
			return nil
		}
	}
	return next.ServeHTTP(w, r)
}

// serveClosed serves while the runtime cannot be opened: nothing recovers an
// account, neither here nor at the identity provider; the rest passes.
func (f front) serveClosed(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, owner *realm, why error) error {
	concerned := owner
	if concerned == nil {
		concerned = f.guardian(r)
	}
	if concerned == nil {
		return next.ServeHTTP(w, r)
	}
	rt, why := f.app().awaitRuntime(r.Context(), why)
	if why != nil {
		concerned.closed.Unavailable(w, r, why)
		return nil
	}
	return f.serveOpen(rt, w, r, next, owner)
}

// guardian is a realm that does more than let r pass; nil: there is none.
func (f front) guardian(r *http.Request) *realm {
	parts, err := f.app().parts()
	if err != nil {
		return f.realms[0] // without the adapters nobody can tell what recovers an account
	}
	for _, realm := range f.realms {
		if v := parts.realms[realm.index].adapter.Guard(r); v.Kind != upstream.Pass || len(v.DropCookies) > 0 {
			return realm
		}
	}
	return nil
}
