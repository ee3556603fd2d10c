package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/regrant/regrant/internal/gateway/pages"
)

// kind is how an endpoint speaks, and so how it refuses.
type kind uint8

const (
	page     kind = iota // HTML for a person
	api                  // JSON, RFC 9457
	oauth                // a form, and errors of RFC 6749 section 5.2
	document             // public and cacheable
	either               // api to whoever sends JSON or a method that no form has, page to everybody else
)

// handler answers a request or returns why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one path of ours, in which a segment in braces stands for any one. HEAD is GET without the body.
type route struct {
	path string
	kind kind
	get  handler
	post handler
	del  handler
}

// table is every path that is answered here.
func (g *Gateway) table() map[string]*route {
	list := []route{
		{g.Path, page, g.start, nil, nil},
		{g.prefix, page, g.start, nil, nil},

		{g.prefix + "start", page, nil, g.begin, nil},
		{g.prefix + "prove", page, nil, g.prove, nil},
		{g.prefix + "passkey.js", document, public("text/javascript; charset=utf-8", func() []byte { return pages.Script }), nil, nil},

		{g.prefix + "initiate", api, nil, g.initiate, nil},
		{g.prefix + "attest", api, nil, g.attest, nil},
		{g.prefix + "status", api, nil, g.status, nil},

		{g.prefix + "handoff", api, nil, g.handoff, nil},
		{g.prefix + "token", oauth, nil, g.token, nil},
		{g.prefix + "complete", api, nil, g.complete, nil},
		{g.prefix + "introspect", oauth, nil, g.introspect, nil},
		{g.prefix + "revoke", oauth, nil, g.revoke, nil},

		{g.prefix + "continue", page, g.showContinue, g.resume, nil},
		{g.prefix + "authenticators", page, g.authenticators, nil, nil},
		{g.prefix + "authenticators/{id}", either, g.authenticator, g.removeByForm, g.remove},
		{g.prefix + "authenticators/{method}/begin", either, nil, g.beginBinding, nil},
		{g.prefix + "authenticators/{method}/finish", either, nil, g.finishBinding, nil},
		{g.prefix + "authenticators/device-certificate", page, g.waitingDevices, nil, nil},
		{g.prefix + "authenticators/device-certificate/begin", page, nil, g.addDevice, nil},
		{g.prefix + "authenticators/device-certificate/finish", page, nil, g.settleDevice, nil},
		{g.prefix + "report-lost", either, nil, g.reportLost, nil},
		{g.prefix + "login", page, nil, g.startLogin, nil},
		{g.prefix + "login/callback", page, g.landing, nil, nil},
		{g.prefix + "logout", page, nil, g.logout, nil},

		{g.prefix + "downloads", page, g.listDownloads, nil, nil},
		{g.prefix + "downloads/{name}", page, g.download, nil, nil},

		{g.prefix + "devices/challenge", api, nil, g.challenge, nil},
		{g.prefix + "devices/enroll", api, nil, g.enroll, nil},
		{g.prefix + "ca.pem", document, public("application/pem-certificate-chain", g.anchors), nil, nil},
		{g.prefix + "jwks.json", document, public("application/jwk-set+json", g.Grant.JWKS), nil, nil},
		{g.wellKnown, document, public("application/json", g.Grant.Metadata), nil, nil},
		{relatedOrigins, document, public("application/json", func() []byte { return g.RelatedOrigins }), nil, nil},
	}
	if g.Adapter == nil || !g.Adapter.Facts().Direct {
		list = append(list, g.brokerRoutes()...)
	}
	routes := make(map[string]*route, len(list))
	for i := range list {
		routes[list[i].path] = &list[i]
	}
	return routes
}

// brokerRoutes are those that an identity provider which brokers to us needs.
func (g *Gateway) brokerRoutes() []route {
	return []route{
		{g.prefix + "oidc/authorize", page, g.authorize, nil, nil},
		{g.prefix + "oidc/cancel", page, nil, g.cancel, nil},
		{g.prefix + "oidc/token", oauth, nil, g.brokerToken, nil},
		{g.prefix + "oidc/jwks", document, public("application/jwk-set+json", g.Broker.JWKS), nil, nil},
		{g.prefix + "oidc/.well-known/openid-configuration", document, public("application/json", g.Broker.Discovery), nil, nil},
	}
}

// route finds the one of a path, or nil. Only what people have bound, and files, are addressed by a path that is not a constant.
func (g *Gateway) route(path string) *route {
	if rt, ok := g.routes[path]; ok {
		return rt
	}
	if file, ok := strings.CutPrefix(path, g.prefix+"downloads/"); ok && file != "" && !strings.Contains(file, "/") {
		return g.routes[g.prefix+"downloads/{name}"]
	}
	rest, ok := strings.CutPrefix(path, g.prefix+"authenticators/")
	if !ok {
		return nil
	}
	name, verb, deeper := strings.Cut(rest, "/")
	switch {
	case name == "":
		return nil
	case !deeper:
		return g.routes[g.prefix+"authenticators/{id}"]
	default:
		return g.routes[g.prefix+"authenticators/{method}/"+verb]
	}
}

// named is the segment of r's path that stands for an authenticator or a method.
func (g *Gateway) named(r *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, g.prefix+"authenticators/"), "/")
	return name
}

// serve answers a request for a path of ours.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	rt := g.route(r.URL.Path)
	v := g.visit(w, r, rt)
	g.offerNonce(v, r)
	defer g.over(v)
	defer g.answerPanic(v, rt)
	if err := g.dispatch(v, r, rt); err != nil {
		g.answerError(v, rt, err)
	}
}

// harden sets what every answer of ours carries. Only public documents loosen no-store.
func harden(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // pages say more
}

func (g *Gateway) dispatch(w http.ResponseWriter, r *http.Request, rt *route) error {
	if !canonical(r.URL) {
		return errNotCanonical
	}
	if rt == nil {
		return errNotFound
	}
	h := rt.handler(r.Method)
	if h == nil {
		return methodNotAllowed(rt.allow())
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return h(w, r)
	}
	// What a form or a client sends is read from the body alone: a parameter in the URL would be logged on its way, and
	// libraries that merge the two could be made to read another value than we checked.
	if r.URL.RawQuery != "" {
		return malformed("", "a request that changes something takes no query")
	}
	leave, err := g.admit(w, r)
	if err != nil {
		return err
	}
	defer leave()
	if rt.kind == oauth { // a library reads the form
		if err := demandType(r, formType); err != nil {
			return err
		}
	}
	return h(w, r)
}

func (rt *route) handler(method string) handler {
	switch method {
	case http.MethodGet, http.MethodHead:
		return rt.get
	case http.MethodPost:
		return rt.post
	case http.MethodDelete:
		return rt.del
	default:
		return nil
	}
}

func (rt *route) allow() string {
	var methods []string
	if rt.get != nil {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if rt.post != nil {
		methods = append(methods, http.MethodPost)
	}
	if rt.del != nil {
		methods = append(methods, http.MethodDelete)
	}
	return strings.Join(methods, ", ")
}

// canonical reports whether u's path came in its one normal form: nothing in our routes needs an escape, so whatever
// was escaped was meant to be read differently by somebody else on the way.
func canonical(u *url.URL) bool { return u.RawPath == "" && canonicalPath(u.Path) }

func canonicalPath(path string) bool {
	for i := range len(path) {
		if c := path[i]; !isAlphanumeric(c) && !strings.ContainsRune("/-._~", rune(c)) {
			return false
		}
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return !strings.Contains(path, "//")
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// public serves a document that anybody may keep for a while.
func public(mediaType string, content func() []byte) handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Header().Set("Content-Type", mediaType)
		_, _ = w.Write(content()) // a client that left is nobody's error
		return nil
	}
}
