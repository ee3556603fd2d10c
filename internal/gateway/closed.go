package gateway

import (
	"log/slog"
	"net/http"

	"github.com/regrant/regrant/internal/gateway/pages"
)

// Closed answers in the place of a [Gateway] that could not be opened.
type Closed struct{ g *Gateway }

// NewClosed makes it for the routes below path, and for the document of related origins if there is one.
func NewClosed(path string, related []byte, logger *slog.Logger) *Closed {
	g := shell(Config{Path: path, RelatedOrigins: related, Logger: logger})
	g.pages = pages.New("", path)
	return &Closed{g}
}

// Owns reports whether a gateway answers for path itself.
func (c *Closed) Owns(path string) bool { return c.g.owns(path) }

// Unavailable answers r with 503, in the form in which the route speaks. cause is for the log.
func (c *Closed) Unavailable(w http.ResponseWriter, r *http.Request, cause error) {
	rt := c.g.route(r.URL.Path)
	v := c.g.visit(w, r, rt)
	if !c.g.owns(r.URL.Path) {
		v.endpoint = guarded
	}
	defer c.g.over(v)
	c.g.answerError(v, rt, unavailable(cause))
}

// shell is a Gateway as far as its routes.
func shell(c Config) *Gateway {
	g := &Gateway{
		Config:    c,
		issuer:    c.Origin + c.Path,
		prefix:    c.Path + "/",
		wellKnown: "/.well-known/oauth-authorization-server" + c.Path,
	}
	g.routes = g.table()
	return g
}
