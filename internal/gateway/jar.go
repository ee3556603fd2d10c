package gateway

import (
	"encoding/binary"
	"net/http"
	"time"
)

// Cookies in which something waits, sealed: the store holds nothing of a browser that proved nothing.
const (
	loginCookie = "__Host-regrant-login" // the raw query of an authorization request that is not answered yet
	ownCookie   = "__Host-regrant-own"   // a login of the gateway's own that is under way
)

// waitLife is how long either waits: the identity provider gives a login up after 30 minutes.
const waitLife = 30 * time.Minute

// put seals value into a cookie of this browser.
func (g *Gateway) put(w http.ResponseWriter, name string, value []byte) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(g.Clock().Add(waitLife).Unix())) //nolint:gosec // after 1970
	sealed := g.box.Seal(append(plain, value...), []byte(name))
	setCookie(w, name, sealed, waitLife)
	return sealed
}

// take opens what waits in a cookie of this browser: false if nothing does, or if it is not ours, or too old. The time
// is in the seal, since how long a cookie lives is the browser's word only.
func (g *Gateway) take(r *http.Request, name string) ([]byte, bool) {
	plain, err := g.box.Open(cookieValue(r, name), []byte(name))
	if err != nil || len(plain) < 8 {
		return nil, false
	}
	expires := time.Unix(int64(binary.BigEndian.Uint64(plain)), 0) //nolint:gosec // sealed by put
	return plain[8:], g.Clock().Before(expires)
}

// drop removes a cookie from this browser.
func drop(w http.ResponseWriter, name string) { setCookie(w, name, "", -time.Second) }

// setCookie sets one for this host alone, out of the reach of scripts and of other sites' requests but for links. life
// zero lasts as long as the browser runs, a negative one is over.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, MaxAge: int(life / time.Second),
		Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
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
