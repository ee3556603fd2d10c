package gateway

import (
	"crypto/hmac"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/regrant/regrant/internal/gateway/pages"
	"github.com/regrant/regrant/internal/keys"
)

// sameOrigin reports whether a browser says that a page of ours sent r. Sec-Fetch-Site is set by the browser itself and
// no page can forge it. Origin alone is enough where that header is missing, and is "null" in forms of our own pages,
// which send no referrer (Fetch standard, "append a request Origin header").
func (g *Gateway) sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return origin == g.Origin || origin == "" || origin == "null"
	case "":
		return origin == g.Origin
	default:
		return false
	}
}

// ledHere reports whether a page of another site led the browser to r.
func ledHere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// Names of forms; each has tokens of its own.
const (
	formHandoff  = "handoff"  // bound to the code that it carries
	formStart    = "start"    // bound to the holder cookie, or to nothing in a browser that has none
	formProve    = "prove"    // bound to the holder cookie
	formContinue = "continue" // bound to the holder cookie
	formCancel   = "cancel"   // bound to the waiting login
	formLogout   = "logout"   // bound to the session that it ends
	formChange   = "change"   // bound to the session in which authenticators change
	formLogin    = "login"    // bound to the holder cookie, or to nothing in a browser that has none: it changes nothing here
)

// formToken is the anti-forgery token of a form: only who knows what it is bound to, which another site does not, can
// be given it.
func (g *Gateway) formToken(form, bound string) string {
	return base64.RawURLEncoding.EncodeToString(g.Ring.MAC(keys.CSRF, []byte(form), []byte(bound)))
}

// genuine reports whether a page of ours sent this form.
func (g *Gateway) genuine(r *http.Request, sent url.Values, form, bound string) bool {
	return g.vouched(r, sent.Get("csrf"), form, bound)
}

// vouched reports whether token, which came with r, is the one of a form.
func (g *Gateway) vouched(r *http.Request, token, form, bound string) bool {
	return g.sameOrigin(r) && hmac.Equal([]byte(token), []byte(g.formToken(form, bound)))
}

// form is the form to show, with its token.
func (g *Gateway) form(form, action, bound string, hidden ...pages.Fact) pages.Form {
	return pages.Form{
		Action: g.prefix + action,
		Hidden: append(hidden, pages.Fact{Name: "csrf", Value: g.formToken(form, bound)}),
	}
}
