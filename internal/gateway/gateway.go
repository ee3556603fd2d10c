// Package gateway is the front of Regrant as an HTTP handler. It answers what lies under its own path, judges what is
// on the way to the identity provider's guarded routes, and hands everything else on untouched.
//
// routes.go lists every endpoint. A handler returns an error or writes an answer, never both; problem.go is the only
// file that turns errors into answers. holder.go decides who is asking, origin.go whether a page of ours asked, and
// jar.go keeps what has to wait in the browser.
package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/regrant/regrant/fosite/broker"
	"github.com/regrant/regrant/fosite/grant"
	"github.com/regrant/regrant/internal/authority"
	"github.com/regrant/regrant/internal/downloads"
	"github.com/regrant/regrant/internal/enrolment"
	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/keys"
	"github.com/regrant/regrant/internal/login"
	"github.com/regrant/regrant/internal/recovery"
	"github.com/regrant/regrant/internal/throttle"
	"github.com/regrant/regrant/upstream"
)

// Config is what a Gateway stands on. All members are required, but for Clock, Downloads and RelatedOrigins, and Broker where the
// identity provider makes its sessions itself.
type Config struct {
	Origin string // scheme and authority, as configured: the only source of our own address
	Path   string // prefix of our routes, such as "/recovery"

	Recovery  *recovery.Service
	Grant     *grant.Server
	Broker    *broker.Server
	Authority *authority.Authority
	Programs  *authority.Programs
	Login     *login.Service
	Enrolment *enrolment.Service
	Adapter   upstream.Adapter
	Ring      *keys.Ring
	Throttle  *throttle.Limiter

	// RelatedOrigins is the document by which pages elsewhere may use the passkeys made here (WebAuthn section 5.11). Nil: there are none, and
	// its path is not ours.
	RelatedOrigins []byte

	Downloads *downloads.Folder // programs for people's devices; nil: none are offered

	Nonces bool // programs must prove possession with a nonce of ours (RFC 9449 section 8)

	ClientIP func(*http.Request) netip.Addr // whom limits count; must not believe headers that anybody can send
	Logger   *slog.Logger
	Clock    func() time.Time // nil: time.Now
}

// Gateway answers for one issuer. It is safe for concurrent use.
type Gateway struct {
	Config
	issuer    string
	prefix    string // Path with a slash
	wellKnown string // RFC 8414 section 3.1
	routes    map[string]*route
	pages     *pages.Set
	box       *keys.Box
}

// New checks c and makes a Gateway. It does no I/O.
func New(c Config) (*Gateway, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	g := shell(c)
	g.pages, g.box = pages.New(c.Origin, c.Path), c.Ring.Box(keys.LoginRequest)
	if c.Downloads != nil {
		g.pages.OfferPrograms(g.prefix + "downloads")
	}
	return g, nil
}

func (c Config) check() error {
	origin, err := url.Parse(c.Origin)
	if err != nil || origin.Scheme+"://"+origin.Host != c.Origin || origin.Host == "" {
		return fmt.Errorf("gateway: origin %q is not a scheme and an authority", c.Origin)
	}
	if len(c.Path) < 2 || c.Path[0] != '/' || strings.HasSuffix(c.Path, "/") || !canonicalPath(c.Path) {
		return fmt.Errorf("gateway: path %q is not a canonical prefix", c.Path)
	}
	if c.Recovery == nil || c.Grant == nil || c.Authority == nil || c.Programs == nil || c.Login == nil || c.Enrolment == nil ||
		c.Adapter == nil || c.Ring == nil || c.Throttle == nil || c.ClientIP == nil || c.Logger == nil {
		return errors.New("gateway: a part is missing")
	}
	if (c.Broker == nil) != c.Adapter.Facts().Direct {
		return errors.New("gateway: a broker is there for identity providers that do not make sessions themselves, and for them alone")
	}
	return nil
}

// ServeHTTP answers r if it is ours to answer, and otherwise calls next with w as it came. The error is next's; our own
// are answered here.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request, next func(http.ResponseWriter, *http.Request) error) error {
	if g.owns(r.URL.Path) {
		g.serve(w, r)
		return nil
	}
	if r = g.Screen(w, r); r == nil {
		return nil
	}
	return next(w, r)
}

// Screen judges a request that is not ours to answer, and returns what of it may be forwarded; nil: it was turned away,
// and has its answer. Where several gateways stand in front of one server, each of them is asked.
func (g *Gateway) Screen(w http.ResponseWriter, r *http.Request) *http.Request {
	verdict := g.Adapter.Guard(r)
	switch {
	case verdict.Kind != upstream.Pass:
		g.turnAway(w, r, verdict)
		return nil
	case len(verdict.DropCookies) > 0:
		return withoutCookies(r, verdict.DropCookies)
	default:
		return r
	}
}

const relatedOrigins = "/.well-known/webauthn"

func (g *Gateway) owns(path string) bool {
	return strings.HasPrefix(path, g.prefix) || path == g.Path || path == g.wellKnown || path == relatedOrigins && g.RelatedOrigins != nil
}

// withoutCookies is r without some cookies. Only what is forwarded changes: the browser keeps them, and so does
// whoever looks at r later.
func withoutCookies(r *http.Request, names []string) *http.Request {
	kept := make([]string, 0, 4)
	for _, c := range r.Cookies() {
		if !slices.Contains(names, c.Name) {
			kept = append(kept, c.Name+"="+c.Value)
		}
	}
	out := new(http.Request)
	*out = *r
	out.Header = r.Header.Clone()
	if out.Header.Del("Cookie"); len(kept) > 0 {
		out.Header.Set("Cookie", strings.Join(kept, "; "))
	}
	return out
}
