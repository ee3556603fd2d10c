package caddymodule

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/regrant/regrant/internal/gateway"
)

// realm is one upstream of the app, with its own place, and so with its own issuer, keys and state. Methods, notifiers,
// clients, limits and the store are the app's.
type realm struct {
	seat
	app      *App
	index    int // among those of the app
	upstream Upstream
	logger   *slog.Logger
	host     string          // of the origin, with its port unless that is 443
	related  []byte          // the document of related origins; nil: there are none
	closed   *gateway.Closed // answers while the runtime is not open
}

// loadRealms takes the upstreams that were loaded.
func (a *App) loadRealms(modules []any) error {
	var seats []seat
	for i, module := range modules {
		u, err := guest[Upstream](module)
		if err != nil {
			return err
		}
		r := &realm{seat: a.seatOf(u), app: a, index: i, upstream: u}
		r.logger = a.logger.With("upstream", r.name)
		origin, err := parseOrigin(r.origin)
		if err != nil {
			return fmt.Errorf("upstream %q: %w", r.name, err)
		}
		r.host = origin.Host
		a.realms, seats = append(a.realms, r), append(seats, r.seat)
	}
	return checkApart(seats)
}

// provision makes what a realm answers while nothing is open. The methods are loaded.
func (r *realm) provision() (err error) {
	if r.related, err = r.app.relatedOrigins(r.origin); err != nil {
		return err
	}
	r.closed = gateway.NewClosed(r.path, r.related, r.logger)
	return nil
}

// isAt tells whether a request came to the realm's own origin. The origin is configured; the request's host only chooses
// among those that are.
func (r *realm) isAt(request *http.Request) bool {
	return strings.EqualFold(strings.TrimSuffix(request.Host, ":443"), r.host)
}

// names are those of the upstreams, for people who have to choose one.
func (a *App) names() string {
	names := make([]string, len(a.realms))
	for i, r := range a.realms {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}

// realm finds the one of that name; without a name, the only one.
func (a *App) realm(name string) (*realm, error) {
	if name == "" && len(a.realms) == 1 {
		return a.realms[0], nil
	}
	if name == "" {
		return nil, fmt.Errorf("there are several upstreams: name one of %s", a.names())
	}
	for _, r := range a.realms {
		if r.name == name {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no upstream is called %q: use one of %s", name, a.names())
}

// chosen finds those of the names, in the order of the app; without names, all.
func (a *App) chosen(names []string) ([]*realm, error) {
	if len(names) == 0 {
		return a.realms, nil
	}
	var list []*realm
	for _, name := range names {
		r, err := a.realm(name)
		if err != nil {
			return nil, err
		}
		for _, before := range list {
			if before == r {
				return nil, fmt.Errorf("upstream %q is there twice: keep one", name)
			}
		}
		list = append(list, r)
	}
	return list, nil
}
