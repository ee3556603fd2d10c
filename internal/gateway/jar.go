package gateway

import (
	"encoding/binary"
	"net/http"
	"strings"
	"time"
)

const (
	// loginCookie holds the raw query of an authorization request that is not answered yet, sealed: the store holds nothing
	// of a browser that proved nothing.
	loginCookie = "__Host-regrant-login"
	// ownCookie holds a login of the gateway's own that is under way, sealed by [login.Service].
	ownCookie = "__Host-regrant-own"
	// selfCookie is a session of self-service.
	selfCookie = "__Host-regrant-self"
)

// cookie is the name under which this gateway keeps what of the above it has in a browser. Where several are at one origin, by
// different paths, the prefix __Host- gives them one space of names, and what waits for one of them must not put out what waits for
// another. The path itself cannot be in a name; no path has the plus sign in it that takes the place of its slashes.
func (g *Gateway) cookie(name string) string {
	if g.Path == usualPath {
		return name
	}
	return name + strings.ReplaceAll(g.Path, "/", "+")
}

// SelfCookie is the name of the cookie that holds the secret of a session of self-service.
func (g *Gateway) SelfCookie() string { return g.cookie(selfCookie) }

// usualPath is the path whose cookies have plain names.
const usualPath = "/recovery"

// waitLife is how long an authorization request waits: the identity provider gives a login up after 30 minutes.
const waitLife = 30 * time.Minute

// put seals the authorization request that waits in this browser.
func (g *Gateway) put(w http.ResponseWriter, query string) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(g.Clock().Add(waitLife).Unix())) //nolint:gosec // after 1970
	sealed := g.box.Seal(append(plain, query...), []byte(loginCookie))
	setCookie(w, g.cookie(loginCookie), sealed, waitLife)
	return sealed
}

// take opens what waits in this browser: false if nothing does, or if it is not ours, or too old. The time is in the seal,
// since how long a cookie lives is the browser's word only.
func (g *Gateway) take(r *http.Request) (query string, ok bool) {
	plain, err := g.box.Open(cookieValue(r, g.cookie(loginCookie)), []byte(loginCookie))
	if err != nil || len(plain) < 8 {
		return "", false
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // sealed by put
	return string(plain[8:]), g.Clock().Before(expires)
}

// drop removes a cookie from this browser.
func drop(w http.ResponseWriter, name string) { setCookie(w, name, "", -time.Second) }

// setCookie sets one for this host alone, out of the reach of scripts and of other sites' requests but for links. life
// zero lasts as long as the browser runs, a negative one is over.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	writeCookie(w, name, value, life, http.SameSiteLaxMode)
}

// setStrictCookie is setCookie for what no other site's link brings along either.
func setStrictCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	writeCookie(w, name, value, life, http.SameSiteStrictMode)
}

func writeCookie(w http.ResponseWriter, name, value string, life time.Duration, others http.SameSite) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // others is Lax or Strict
		Name: name, Value: value, MaxAge: int(life / time.Second),
		Path: "/", Secure: true, HttpOnly: true, SameSite: others,
	})
}

// cookieValue is the value of the one cookie of that name. Two would be read differently by different programs.
func cookieValue(r *http.Request, name string) string {
	found := r.CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}
