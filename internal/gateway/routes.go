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
)

// handler answers a request or returns why not.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one path of ours. HEAD is GET without the body.
type route struct {
	path string
	kind kind
	get  handler
	post handler
}

// table is every path that is answered here.
func (g *Gateway) table() map[string]*route {
	list := []route{
		{g.Path, page, g.start, nil},
		{g.prefix, page, g.start, nil},

		{g.prefix + "start", page, nil, g.begin},
		{g.prefix + "prove", page, nil, g.prove},
		{g.prefix + "passkey.js", document, public("text/javascript; charset=utf-8", func() []byte { return pages.Script }), nil},

		{g.prefix + "initiate", api, nil, g.initiate},
		{g.prefix + "attest", api, nil, g.attest},
		{g.prefix + "status", api, nil, g.status},

		{g.prefix + "handoff", api, nil, g.handoff},
		{g.prefix + "token", oauth, nil, g.token},
		{g.prefix + "complete", api, nil, g.complete},
		{g.prefix + "introspect", oauth, nil, g.introspect},
		{g.prefix + "revoke", oauth, nil, g.revoke},

		{g.prefix + "continue", page, g.showContinue, g.resume},
		{g.prefix + "authenticators", page, g.authenticators, nil},
		{g.prefix + "login", page, nil, g.startLogin},
		{g.prefix + "login/callback", page, g.landing, nil},
		{g.prefix + "logout", page, nil, g.logout},

		{g.prefix + "oidc/authorize", page, g.authorize, nil},
		{g.prefix + "oidc/cancel", page, nil, g.cancel},
		{g.prefix + "oidc/token", oauth, nil, g.brokerToken},
		{g.prefix + "oidc/jwks", document, public("application/jwk-set+json", g.Broker.JWKS), nil},
		{g.prefix + "oidc/.well-known/openid-configuration", document, public("application/json", g.Broker.Discovery), nil},

		{g.prefix + "devices/enroll", api, nil, g.enroll},
		{g.prefix + "ca.pem", document, public("application/pem-certificate-chain", g.anchors), nil},
		{g.prefix + "jwks.json", document, public("application/jwk-set+json", g.Grant.JWKS), nil},
		{g.wellKnown, document, public("application/json", g.Grant.Metadata), nil},
		{relatedOrigins, document, public("application/json", func() []byte { return g.RelatedOrigins }), nil},
	}
	routes := make(map[string]*route, len(list))
	for i := range list {
		routes[list[i].path] = &list[i]
	}
	return routes
}

// serve answers a request for a path of ours.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	rt := g.routes[r.URL.Path]
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
	if r.Method != http.MethodPost {
		return h(w, r)
	}
	// What a form or a client sends is read from the body alone: a parameter in the URL would be logged on its way, and
	// libraries that merge the two could be made to read another value than we checked.
	if r.URL.RawQuery != "" {
		return malformed("", "a POST takes no query")
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
	default:
		return nil
	}
}

func (rt *route) allow() string {
	switch {
	case rt.get != nil && rt.post != nil:
		return "GET, HEAD, POST"
	case rt.get != nil:
		return "GET, HEAD"
	default:
		return "POST"
	}
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
