package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// route is one of Caddy's.
type route struct {
	Match  []json.RawMessage `json:"match"`
	Handle []handler         `json:"handle"`
	// Terminal tells that requests which match go no further.
	Terminal bool `json:"terminal"`
}

// handler is what is read of a handler of HTTP that can lead on to others, or to the identity provider.
type handler struct {
	Handler   string          `json:"handler"`
	Name      string          `json:"name"`      // of invoke
	Routes    []route         `json:"routes"`    // of subroute
	Errors    *fallback       `json:"errors"`    // of subroute
	Upstreams json.RawMessage `json:"upstreams"` // of reverse_proxy where it leads, of regrant the names that it serves
	Dynamic   *struct {
		Source string `json:"source"`
	} `json:"dynamic_upstreams"`
	Rewrite        json.RawMessage `json:"rewrite"` // of reverse_proxy
	URI            string          `json:"uri"`     // this and what follows: of rewrite
	StripPrefix    string          `json:"strip_path_prefix"`
	StripSuffix    string          `json:"strip_path_suffix"`
	Replaces       json.RawMessage `json:"uri_substring"`
	PathRegexp     json.RawMessage `json:"path_regexp"`
	Headers        *changes        `json:"headers"` // of reverse_proxy
	Request        *edits          `json:"request"` // of headers
	HandleResponse []struct {
		Routes []route `json:"routes"`
	} `json:"handle_response"`
}

type changes struct {
	Request *edits `json:"request"`
}

type edits struct {
	Delete []string `json:"delete"`
}

// strips tells whether a request loses the header with which a proxy says what certificate a client has (RFC 9440).
func (e *edits) strips() bool {
	return e != nil && slices.ContainsFunc(e.Delete, func(name string) bool {
		return strings.EqualFold(strings.TrimSuffix(name, "*"), "Client-Cert")
	})
}

type fallback struct {
	Routes []route `json:"routes"`
}

type dialed struct {
	Dial string `json:"dial"`
}

// A detour is a way to the identity provider that does not lead past the gateway as it should.
type detour struct {
	kind  string // one of those below
	where string
	dial  string
	// named tells that only the address of its name is the identity provider's.
	named bool
}

const (
	unguarded    = "unguarded"    // nothing of ours is before it
	byMatcher    = "matcher"      // what is before it looks at some requests only
	afterwards   = "order"        // what should be before it comes after
	rewritten    = "rewritten"    // what reaches it differs from what was judged
	undecidable  = "undecidable"  // where it leads is known at the time of a request
	adminRouted  = "admin-routed" // leads to the admin API
	certificates = "certificates" // passes on what a client says of its certificate
)

func (d detour) String() string {
	if d.named {
		return fmt.Sprintf("%s leads to %s, a name of the same address", d.where, d.dial)
	}
	return fmt.Sprintf("%s leads to %s", d.where, d.dial)
}

// state is what has happened to a request on its way through the handlers.
type state struct{ guarded, sometimes, rewritten, stripped bool }

// walker goes the ways that a request can go.
type walker struct {
	places
	name    string // of the upstream
	named   map[string]route
	base    string // path of the identity provider at the site, which is stripped where it has none itself
	site    string
	targets []string // of the identity provider; nil: everything that is reached through the gateway
	admins  []string
	dials   []string // all that proxies lead to
	reached []string // through the gateway
	detours []detour
	guards  int
	led     int // how many proxies lead to the identity provider
}

// ways are all those to the identity provider, with the ones around the gateway.
func (c Config) ways() *walker {
	targets := []string{target(c.Provider.URL)}
	if targets[0] == target(c.Origin) {
		// The gateway calls the identity provider by its public name, so only the ways through the gateway say where it is.
		targets = c.walk(nil).reached
	}
	return c.walk(targets)
}

func (c Config) walk(targets []string) *walker {
	w := &walker{places: c.places, name: c.Name, targets: targets, base: c.Provider.BasePath}
	for _, admin := range c.Provider.Admins() {
		if target(admin) != target(c.Provider.URL) {
			w.admins = append(w.admins, target(admin))
		}
	}
	c.servers(func(name string, s *server) {
		w.named = s.NamedRoutes
		w.tops(name, "routes", s.Routes)
		w.tops(name, "errors/routes", s.Errors.Routes)
	})
	return w
}

// tops walks the outermost routes. A route that comes before the gateway's handler in the same site is named as what it is.
func (w *walker) tops(server, kind string, routes []route) {
	var s state
	for i, r := range routes {
		w.site = fmt.Sprintf("%s/%s/%d%s", server, kind, i, hosts(r))
		from, guards := len(w.detours), w.guards
		s = w.route(r, s, 0)
		for j := from; j < len(w.detours); j++ {
			if w.detours[j].kind == unguarded && w.guards > guards {
				w.detours[j].kind = afterwards
			}
		}
	}
}

// hosts are those that a route is for.
func hosts(r route) string {
	var names []string
	for _, raw := range r.Match {
		var m struct {
			Host []string `json:"host"`
		}
		if json.Unmarshal(raw, &m) == nil {
			names = append(names, m.Host...)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// depth bounds routes that invoke one another.
const depth = 32

func (w *walker) routes(routes []route, s state, deep int) state {
	for _, r := range routes {
		s = w.route(r, s, deep)
	}
	return s
}

// route is walked by requests that match it. Whether one does is not known, so what it guards holds for what is inside, and
// what it rewrites may be rewritten for what follows.
func (w *walker) route(r route, s state, deep int) state {
	after := s
	for _, h := range r.Handle {
		after = w.handler(h, after, deep)
	}
	switch {
	case r.Terminal:
		return s
	case len(r.Match) == 0:
		return after
	}
	s.sometimes = s.sometimes || after.sometimes || after.guarded && !s.guarded
	s.rewritten = s.rewritten || after.rewritten && s.guarded
	return s
}

func (w *walker) handler(h handler, s state, deep int) state {
	if deep > depth {
		return s
	}
	switch h.Handler {
	case "regrant":
		if !h.serves(w.name) {
			return s
		}
		w.guards++
		s.guarded, s.rewritten = true, false
	case "rewrite":
		s.rewritten = s.guarded && (s.rewritten || !h.onlyStrips(w.base))
	case "subroute":
		if h.Errors != nil { // of any handler inside, also of one before the gateway's
			w.routes(h.Errors.Routes, s, deep+1)
		}
		s = w.routes(h.Routes, s, deep+1)
	case "invoke":
		s = w.route(w.named[h.Name], s, deep+1)
	case "headers":
		s.stripped = s.stripped || h.Request.strips()
	case "reverse_proxy":
		w.proxy(h, s)
	}
	for _, response := range h.HandleResponse {
		w.routes(response.Routes, s, deep+1)
	}
	return s
}

// serves tells whether a directive regrant judges for the upstream of that name: without names it does for all.
func (h handler) serves(name string) bool {
	var names []string
	err := json.Unmarshal(h.Upstreams, &names)
	return len(h.Upstreams) == 0 || err == nil && (len(names) == 0 || slices.Contains(names, name))
}

func (h handler) dials() (list []dialed) {
	if json.Unmarshal(h.Upstreams, &list) != nil {
		return nil // none, or none that this Caddy could run
	}
	return list
}

// onlyStrips tells whether a rewrite takes off the prefix that the gateway knows of, and changes nothing else.
func (h handler) onlyStrips(base string) bool {
	return base != "" && h.StripPrefix == base && h.URI == "" && h.StripSuffix == "" && len(h.Replaces) == 0 && len(h.PathRegexp) == 0
}

func (w *walker) proxy(h handler, s state) {
	if h.Dynamic != nil {
		w.add(undecidable, "upstreams found by "+orDefault(h.Dynamic.Source, "a module"), true)
	}
	for _, u := range h.dials() {
		to := target(u.Dial)
		w.dials = append(w.dials, u.Dial)
		found, certain := w.among(w.targets, to)
		admin, sure := w.among(w.admins, to)
		if found {
			w.led++
		}
		switch {
		case strings.Contains(u.Dial, "{"):
			w.add(undecidable, u.Dial, true)
		case admin && (sure || !certain):
			w.add(adminRouted, u.Dial, sure)
		case s.guarded && w.targets == nil:
			w.reached = append(w.reached, to)
		case !found:
		case !s.guarded && s.sometimes:
			w.add(byMatcher, u.Dial, certain)
		case !s.guarded:
			w.add(unguarded, u.Dial, certain)
		case s.rewritten || len(h.Rewrite) > 0:
			w.add(rewritten, u.Dial, certain)
		}
		if found && !s.stripped && (h.Headers == nil || !h.Headers.Request.strips()) {
			w.add(certificates, u.Dial, certain)
		}
	}
}

func (w *walker) add(kind, dial string, certain bool) {
	w.detours = append(w.detours, detour{kind, w.site, dial, !certain})
}

// judge judges the detours of a kind. Where none of them is certain, they are worth a look.
func (w *walker) judge(judge func([]string, string) Verdict, kind, otherwise string) Verdict {
	var lines []string
	certain := false
	for _, d := range w.detours {
		if d.kind == kind {
			lines, certain = append(lines, d.String()), certain || !d.named
		}
	}
	if !certain {
		judge = Doubt
	}
	return judge(slices.Compact(lines), otherwise)
}
